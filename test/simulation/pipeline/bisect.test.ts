/** A batch of commits halts its channel: which of them is to blame is found on a cluster that has failed. */
import { describe, expect, it } from 'vitest';
import type { BisectState } from '../../../src/domain/bisect.ts';
import type { ChannelState } from '../../../src/domain/channel.ts';
import type { ChannelPolicy } from '../../../src/domain/pipeline.ts';
import {
  adoptedWorld,
  minute,
  type PipelineDaemon,
  type PipelineWorld,
} from '../../support/pipeline/pipeline-world.ts';

const hour = 60 * minute;
const policy: Partial<ChannelPolicy> = { bisect: { clusters: 2, attempts: 20 } };

/** Four commits that replace nodes come at once; `culprit` of them, and what is on top of it, fails the checks of every cluster. */
async function batch(culprit: number, change: Partial<ChannelPolicy> = {}) {
  const { world, daemon } = await adoptedWorld({ channels: { dev: 3, alpha: 2 }, policy: { ...policy, ...change } });
  const commits = [1, 2, 3, 4].map((number) => world.source.merge('dev', `c${number}`, { pool: `p${number}` }));
  const bad = commits[culprit - 1] as string;
  breakFrom(world, bad);
  daemon.webhook();
  return { world, daemon, commits, bad, head: commits[3] as string };
}

function breakFrom(world: PipelineWorld, bad: string, until?: string): void {
  world.checksFail = (_cluster, runId) => {
    const commit = /^e2e:update:[^:]+:([^:]+):/.exec(runId)?.[1];
    if (commit === undefined || !world.source.contains(bad, commit)) return undefined;
    return until !== undefined && world.source.contains(until, commit) ? undefined : 'broken by the change';
  };
}

const searchOf = (daemon: PipelineDaemon, head: string) => daemon.context<BisectState>(`bisect:dev:${head}`);
const over = (daemon: PipelineDaemon, head: string) => async () =>
  (await daemon.row(`bisect:dev:${head}`))?.status === 'final';
const vetoes = async (world: PipelineWorld): Promise<string[]> =>
  (await world.store.facts('override')).flatMap(({ key }) => (key.startsWith('veto/commit:') ? [key.slice(12)] : []));

const factOf = async (world: PipelineWorld, id: string): Promise<Record<string, unknown> | undefined> =>
  (await world.store.fact('cluster', id))?.value as Record<string, unknown> | undefined;

async function judged(world: PipelineWorld): Promise<void> {
  expect((await world.judge()).violations).toEqual([]);
}

describe('the search for a culprit', { timeout: 60_000 }, () => {
  it.each([1, 2, 3, 4])(
    'finds number %i of four, vetoes it, proposes its revert; what is before it goes on, and the revert carries the rest',
    async (culprit) => {
      const { world, daemon, commits, bad, head } = await batch(culprit);
      const before = world.source.branches.get('alpha');
      await daemon.until('the search is over', over(daemon, head));
      const { verdict, trials } = await searchOf(daemon, head);
      expect(verdict).toMatchObject({ kind: 'culprit', culprit: bad });
      expect((await vetoes(world)).sort()).toEqual([...new Set([bad, head])].sort());
      // one cluster that had failed is all that was touched for it
      expect(new Set(trials.map((trial) => trial.cluster)).size).toBe(1);
      const [[branch, revert] = []] = world.source.proposals;
      expect(verdict?.revert).toBe(`branch ${branch}`);
      const good = commits[culprit - 2];
      if (good === undefined) {
        await daemon.until('the halt says so', async () => {
          const wait = (await daemon.context<{ wait: { message: string } | null }>(`rollout:dev:${head}`)).wait;
          return wait?.message.includes('is the commit that halts dev') === true;
        });
        await daemon.pass(6 * hour);
        expect(world.source.branches.get('alpha')).toBe(before);
      } else {
        // nobody has merged anything: what was found good is brought to the clusters, proven, and goes on
        await daemon.until('the good ones are promoted', () => world.source.branches.get('alpha') === good);
        expect(await daemon.stateOf(`rollout:dev:${head}`)).toBe('superseded');
        expect(await daemon.stateOf(`rollout:dev:${good}`)).toBe('proven');
        await daemon.until('alpha has them', async () => (await daemon.stateOf(`rollout:alpha:${good}`)) === 'proven');
        const { problem } = await daemon.context<ChannelState>('channel:dev');
        expect(problem?.message).toContain(`${good.slice(0, 12)}, which is before that, goes on in its place`);
        const running = await world.store.facts('cluster');
        expect(running.map(({ value }) => (value as { commit: string }).commit)).toEqual(running.map(() => good));
      }
      await judged(world);
      // somebody merges what was proposed
      breakFrom(world, bad, revert);
      await world.source.fastForward('dev', head, revert as string);
      daemon.webhook();
      await daemon.until('the rest is promoted', () => world.source.branches.get('alpha') === revert);
      await judged(world);
    },
  );

  it('lets a good commit go on that had a rollout before, superseded; who joins gets it, and no vetoed one', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3, alpha: 1 }, policy });
    const commits: string[] = [];
    let bad = '';
    for (const number of [1, 2, 3]) {
      const commit = world.source.merge('dev', `c${number}`, { pool: `p${number}` });
      commits.push(commit);
      bad = commit;
      if (number === 3) breakFrom(world, bad);
      daemon.webhook();
      await daemon.until('it flies', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'updating');
      if (number < 3) await daemon.pass(2 * minute);
    }
    const good = commits[1] as string;
    expect(await daemon.stateOf(`rollout:dev:${good}`)).toMatch(/^supersed/);
    await daemon.until('the search is over', over(daemon, bad));
    await daemon.until('the good ones are promoted', () => world.source.branches.get('alpha') === good);
    expect(await daemon.stateOf(`rollout:dev:${good}:2`)).toBe('proven');
    await judged(world);
    const late = world.addCluster('dev', 9).id;
    await daemon.until('it caught up', async () => (await factOf(world, late))?.['commit'] === good);
    await daemon.pass(2 * hour);
    const stays = async (): Promise<void> => {
      const facts = await world.store.facts('cluster');
      expect(facts.map(({ value }) => (value as { commit: string }).commit)).toEqual(facts.map(() => good));
    };
    await stays();
    // lifting the veto does not bring the head back, and the answer says so
    const ada = { name: 'ada' };
    const reason = 'it was right';
    const scope = { kind: 'commit' as const, name: bad };
    const { message } = await daemon.control.endOverride({ kind: 'veto', scope, reason }, ada);
    expect(message).toContain(`dev stays on ${good.slice(0, 12)}, which stands in for ${bad.slice(0, 12)}`);
    await daemon.operations.retry({ scope: { kind: 'channel', name: 'dev' }, reason }, ada);
    await daemon.pass(2 * hour);
    await stays();
  });

  it('blames nobody when the failure does not come again', async () => {
    const { world, daemon, head } = await batch(2);
    const { checksFail } = world;
    // what is tried again for the search passes
    world.checksFail = (cluster, runId) =>
      /:1\d{3}:\d+$/.test(runId.split('/')[0] ?? '') ? undefined : checksFail(cluster, runId);
    await daemon.until('the search is over', over(daemon, head));
    expect((await searchOf(daemon, head)).verdict).toMatchObject({ kind: 'inconclusive', culprit: null });
    expect(await vetoes(world)).toEqual([]);
    expect(world.source.proposals.size).toBe(0);
    await judged(world);
  });

  it('goes on where it was after a kill', async () => {
    const { world, daemon, bad, head } = await batch(3);
    await daemon.until('two trials were made', async () => {
      const row = await daemon.row(`bisect:dev:${head}`);
      return ((row?.context as unknown as BisectState | undefined)?.trials.length ?? 0) >= 2;
    });
    await daemon.engine.stop();
    const next = await world.daemon({ seed: 2 });
    await next.start();
    await next.until('the search is over', over(next, head));
    const { verdict, trials } = await searchOf(next, head);
    expect(verdict).toMatchObject({ kind: 'culprit', culprit: bad });
    expect(new Set(trials.map((trial) => `${trial.commit}/${trial.attempt}`)).size).toBe(trials.length);
    await judged(world);
  });

  it('ends at once when a newer commit comes, and vetoes nothing', async () => {
    const { world, daemon, head } = await batch(2);
    await daemon.until('a trial is under way', async () => {
      const row = await daemon.row(`bisect:dev:${head}`);
      const { trials } = (row?.context ?? { trials: [] }) as unknown as BisectState;
      return trials.some((trial) => trial.result === 'inFlight');
    });
    const fixed = world.source.merge('dev', 'f5', { pool: 'p5' });
    world.checksFail = () => undefined;
    daemon.webhook();
    await daemon.until('the search is over', over(daemon, head));
    expect((await searchOf(daemon, head)).verdict?.kind).toBe('cancelled');
    await daemon.until('the fix is promoted', () => world.source.branches.get('alpha') === fixed);
    expect(await vetoes(world)).toEqual([]);
    await judged(world);
  });

  it('gives way to a hotfix', async () => {
    const { world, daemon, head } = await batch(2);
    await daemon.until('a trial is under way', async () => {
      const row = await daemon.row(`bisect:dev:${head}`);
      const { trials } = (row?.context ?? { trials: [] }) as unknown as BisectState;
      return trials.some((trial) => trial.result === 'inFlight');
    });
    const fix = world.source.add('f9', { pool: 'p9' }, head);
    world.checksFail = () => undefined;
    const request = { commit: fix, channel: 'dev', skip: ['soak' as const], reason: 'it burns' };
    await daemon.control.hotfix(request, { name: 'ada' });
    await daemon.until('the fix is on dev', async () => (await daemon.stateOf(`rollout:dev:${fix}`)) === 'proven');
    expect((await searchOf(daemon, head)).verdict?.kind).toBe('cancelled');
    await judged(world);
  });

  it('starts nothing while the channel is frozen, and goes on afterwards', async () => {
    const { world, daemon, bad, head } = await batch(2);
    await daemon.until('it halts', async () => (await daemon.stateOf(`rollout:dev:${head}`)) === 'halted');
    const freeze = { kind: 'freeze' as const, scope: { kind: 'channel' as const, name: 'dev' }, reason: 'fair' };
    await daemon.control.override({ ...freeze, forSeconds: (6 * hour) / 1000 }, { name: 'ada' });
    const { clock } = world;
    const before = clock.now();
    await daemon.until('the search is over', over(daemon, head));
    expect(clock.now() - before).toBeGreaterThan(6 * hour);
    expect((await searchOf(daemon, head)).verdict).toMatchObject({ culprit: bad });
    await judged(world);
  });
});
