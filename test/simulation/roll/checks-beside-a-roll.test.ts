/** Real checks beside a real roll: what only new nodes do badly stops it, and its service keeps its objective or does not. */
import { describe, expect, it } from 'vitest';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { clusterId, journalOf, type RollDaemon, RollWorld } from '../../support/roll-world.ts';
import { commit, dnsAddon, onNewNodes, startUpdate, startUpdateDaemon, updateId } from '../../support/update-world.ts';

function nodesOf(roll: RollWorld): string[] {
  return [...roll.kube.truth().nodes.keys()].sort();
}

/** Six workers whose image is about to be replaced. */
function outdatedWorld(): RollWorld {
  const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 6, instanceType: 'm5.xlarge' }] });
  roll.apply(...dnsAddon);
  roll.pass(300);
  roll.outdate('workers');
  roll.watchInvariants();
  return roll;
}

async function ended(daemon: RollDaemon): Promise<boolean> {
  return (await daemon.store.load(updateId))?.status === 'final';
}

async function outcome(daemon: RollDaemon): Promise<{ state: unknown; failure: { code: string; message: string } }> {
  const row = await daemon.store.load(updateId);
  if (row === undefined) throw new Error('the update is gone');
  const { failure } = row.context as { failure: { code: string; message: string } };
  return { state: row.value, failure };
}

describe('checks of new nodes beside old ones', () => {
  it('stop a roll whose new image has no working network, with old nodes as they were', async () => {
    const roll = outdatedWorld();
    const before = nodesOf(roll);
    const broken: string[] = [];
    onNewNodes(roll, (node) => {
      broken.push(node);
      roll.kube.runtimeFaults.set({ cniDown: [...broken] });
    });
    const daemon = await startUpdateDaemon(roll, ['workers']);
    await startUpdate(daemon, 'smoke', { baseline: false, maxFlaky: 3, midRoll: 'mid-roll' });
    await daemon.run(() => ended(daemon));
    const { state, failure } = await outcome(daemon);
    expect({ state, code: failure.code }).toEqual({ state: 'failed', code: 'new-nodes-fail' });
    expect(failure.message).toMatch(/only new nodes fail \(\S.*: 0 of 1 new nodes work, 3 of 3 old ones\): ip-\S+: /);
    // one node is what a bad image costs: none was drained, and the new one goes again
    const lines = await journalOf(daemon);
    expect(
      lines.filter((line) => line.startsWith('node-cordoned') && before.some((node) => line.includes(node))),
    ).toEqual([]);
    roll.pass(600);
    expect(broken).toHaveLength(1);
    const left = nodesOf(roll);
    expect(left.filter((node) => before.includes(node))).toEqual(before);
    const cordoned = before.filter((node) => roll.kube.truth().nodes.get(node)?.spec.unschedulable === true);
    expect(cordoned).toEqual([]);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('say that it is not the new nodes where old ones fail alike, and the roll goes on', async () => {
    const roll = outdatedWorld();
    onNewNodes(roll, () => roll.kube.runtimeFaults.set({ images: { coredns: 'silent' } }));
    const daemon = await startUpdateDaemon(roll, ['workers']);
    await startUpdate(daemon, 'smoke', { baseline: false, maxFlaky: 3, midRoll: 'mid-roll' });
    await daemon.run(() => ended(daemon));
    const lines = await journalOf(daemon);
    expect(lines.filter((line) => line.startsWith('node-terminated'))).toHaveLength(6);
    expect(lines.some((line) => line.includes('old nodes fail too, so it is not the new ones'))).toBe(true);
    // kept for `clm why`
    const row = await daemon.store.load(updateId);
    expect(row?.context).toMatchObject({
      midRoll: { said: [{ check: 'rollout.generations', outcome: 'pass', message: expect.any(String) as string }] },
    });
    const { failure } = await outcome(daemon);
    expect(failure.code).toBe('e2e-failed');
    expect(failure.message).toContain('dns.cluster');
    await daemon.stop();
  });
});

describe('checks of a pool whose groups launch different nodes', () => {
  const gate = { baseline: false, maxFlaky: 3, midRoll: 'mid-roll' };

  /** A group of each family, and room for a new node of each at once. */
  function twoContents(): RollWorld {
    const groups = ['m5', 'm6i'].map((family) => ({
      name: `of-${family}`,
      nodes: 2,
      instanceType: `${family}.xlarge`,
    }));
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 4, groups }], policy: { surge: 3 } });
    roll.apply(...dnsAddon);
    roll.pass(300);
    roll.outdate('workers');
    roll.watchInvariants();
    return roll;
  }

  const familyOf = (roll: RollWorld, node: string): string =>
    String(roll.kube.truth().nodes.get(node)?.metadata.labels?.['node.kubernetes.io/instance-type']).split('.')[0] ??
    '';

  it('look at a new node of each before an old one goes, and stop the roll where only those of one have no network', async () => {
    const roll = twoContents();
    const before = nodesOf(roll);
    const broken: string[] = [];
    onNewNodes(roll, (node) => {
      if (familyOf(roll, node) === 'm6i') broken.push(node);
      roll.kube.runtimeFaults.set({ cniDown: [...broken] });
    });
    const daemon = await startUpdateDaemon(roll, ['workers']);
    await startUpdate(daemon, 'smoke', gate);
    await daemon.run(() => ended(daemon));
    const { state, failure } = await outcome(daemon);
    expect({ state, code: failure.code }).toEqual({ state: 'failed', code: 'new-nodes-fail' });
    expect(broken).toHaveLength(1);
    expect(failure.message).toContain(broken[0]);
    const lines = await journalOf(daemon);
    expect(
      lines.filter((line) => line.startsWith('node-cordoned') && before.some((node) => line.includes(node))),
    ).toEqual([]);
    roll.pass(600);
    expect(nodesOf(roll).filter((node) => before.includes(node))).toEqual(before);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('are neither lost nor made twice by a daemon that is killed before and after it writes down any word of them', async () => {
    const roll = twoContents();
    const inner = await openSqliteStore({ path: ':memory:' });
    const words = /^(ROLL_FIRST_NODES|CHECKED|roll-first-node|first-node-checked|e2e-mid-roll-started|e2e-finished)$/;
    const deaths = new Map<string, number>();
    const live = async (first: boolean): Promise<RollDaemon | undefined> => {
      const point = new CrashPoint(Number.POSITIVE_INFINITY);
      const store = crashingStore(inner, point);
      const dying: Store = {
        ...store,
        commit: (commit) => {
          const said = [commit.trace?.event ?? '', ...(commit.journal ?? []).map(({ kind }) => kind)];
          const word = said.find((one) => words.test(one));
          if (word !== undefined && !point.dead) {
            // before it is written, and in the next life after it is
            const died = deaths.get(word) ?? 0;
            deaths.set(word, died + 1);
            point.arm(died % 2);
          }
          return store.commit(commit);
        },
      };
      const daemon = await startUpdateDaemon(roll, ['workers'], { store: dying, lease: crashingLease(point) });
      if (first) await startUpdate(daemon, 'smoke', gate);
      await daemon.run(async () => point.dead || (await ended(daemon)));
      if (!point.dead) return daemon;
      daemon.kill();
      return undefined;
    };
    let daemon = await live(true);
    for (let lives = 1; lives < 60 && daemon === undefined; lives += 1) daemon = await live(false);
    expect((await inner.load(updateId))?.value).toBe('updated');
    for (const word of ['roll-first-node', 'ROLL_FIRST_NODES', 'e2e-finished', 'first-node-checked', 'CHECKED'])
      expect([word, deaths.get(word)]).toEqual([word, expect.toSatisfy((died: number) => died >= 4)]);
    const story = (await inner.journal({ limit: 500 })).map(({ kind }) => kind);
    const before = story.slice(0, story.indexOf('node-cordoned')).filter((kind) => words.test(kind));
    const one = ['roll-first-node', 'e2e-mid-roll-started', 'e2e-finished', 'first-node-checked'];
    expect(before).toEqual([...one, ...one]);
    expect(story.filter((kind) => kind === 'node-terminated')).toHaveLength(4);
    roll.pass(600);
    expect(roll.violations()).toEqual([]);
    await daemon?.stop();
  });
});

describe('a service under load', () => {
  const gate = { baseline: true, maxFlaky: 3, midRoll: 'mid-roll-load' };

  function loadedWorld(): RollWorld {
    const roll = outdatedWorld();
    roll.cluster.configItems = { e2e_load_rps: '5', e2e_load_for: '60s' };
    return roll;
  }

  /** What the load said of itself, in order. */
  async function figures(daemon: RollDaemon): Promise<string[]> {
    const runs = await daemon.store.e2e.runs({ limit: 50 });
    const found = await Promise.all(runs.map(({ id }) => daemon.store.e2e.run(id)));
    return found
      .sort((a, b) => (a?.run.startedAt ?? 0) - (b?.run.startedAt ?? 0))
      .flatMap((one) => {
        const result = one?.results.find(({ test }) => test === 'rollout.load-slo');
        return result === undefined
          ? []
          : [`${one?.run.headers['purpose'] ?? ''}: ${result.outcome}: ${result.message}`];
      });
  }

  it('keeps its objective before, while and after its nodes are replaced, and the figures are kept', async () => {
    const roll = loadedWorld();
    const daemon = await startUpdateDaemon(roll, ['workers']);
    await startUpdate(daemon, 'load', gate);
    await daemon.run(() => ended(daemon));
    expect((await daemon.store.load(updateId))?.value).toBe('updated');
    const said = await figures(daemon);
    const kept = (purpose: string): string[] => said.filter((line) => line.startsWith(`${purpose}: pass: 300 of 300 `));
    expect(kept('baseline')).toHaveLength(1);
    expect(kept('mid-roll').length).toBeGreaterThan(0);
    expect(kept('verify')).toHaveLength(1);
    expect(said).toHaveLength(kept('baseline').length + kept('mid-roll').length + kept('verify').length);
    expect((await daemon.store.fact('evidence', `${clusterId}/${commit}/1`))?.value).toMatchObject({
      result: 'passed',
    });
    expect((await daemon.store.fact('check', `${clusterId}/${commit}/1/rollout.load-slo`))?.value).toMatchObject({
      message: expect.stringMatching(/^300 of 300 requests to \S+ were answered, 99 % within \d+ ms$/) as string,
    });
    roll.pass(600);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('stops a roll that takes its objective away, and says by how much', async () => {
    const roll = loadedWorld();
    let joined = 0;
    onNewNodes(roll, () => {
      joined += 1;
      if (joined === 2) roll.kube.runtimeFaults.set({ links: [{ from: '*', to: '*', extraLatencyMs: 1_500 }] });
    });
    const daemon = await startUpdateDaemon(roll, ['workers']);
    await startUpdate(daemon, 'load', gate);
    await daemon.run(() => ended(daemon));
    const { state, failure } = await outcome(daemon);
    expect({ state, code: failure.code }).toEqual({ state: 'failed', code: 'objective-missed' });
    expect(failure.message).toMatch(
      /^the roll was stopped half-way: check rollout\.load-slo fail: one answer in a hundred takes \d{4} ms or more, 1000 ms is agreed/,
    );
    const replaced = (await journalOf(daemon)).filter((line) => line.startsWith('node-terminated'));
    expect(replaced.length).toBeLessThan(6);
    expect((await figures(daemon))[0]).toMatch(/^baseline: pass: 300 of 300 /);
    await daemon.stop();
  });
});
