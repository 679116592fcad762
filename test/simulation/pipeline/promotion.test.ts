import { describe, expect, it } from 'vitest';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import { auditOf } from '../../support/pipeline/audit-world.ts';
import { adoptedWorld, minute, type PipelineDaemon, PipelineWorld } from '../../support/pipeline/pipeline-world.ts';

describe('a merge to the first channel', () => {
  it('reaches the last one by evidence alone', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 2, stable: 4 } });
    expect(world.source.moves).toEqual([]);
    const commit = world.source.merge('dev', 'b1', { pool: 'p2', manifest: 'm2' });
    await daemon.until('proven on stable', async () => (await daemon.stateOf(`rollout:stable:${commit}`)) === 'proven');
    expect(world.source.moves.map((move) => move.branch)).toEqual(['alpha', 'stable']);
    for (const live of world.clusters.values()) {
      expect(live.pools.get('worker')?.running).toBe('template worker p2');
      expect(live.objects.get('ConfigMap/kube-system/coredns')?.['data']).toEqual({ config: 'm2' });
    }
    const verdict = await world.judge();
    expect(verdict.violations).toEqual([]);
    for (const invariant of ['P1', 'P2', 'P3', 'P7']) expect(verdict.checked[invariant]).toBeGreaterThan(0);
    const report = await auditOf(world);
    expect(report).toMatchObject({ proven: true, findings: [], journal: { state: 'intact' } });
    expect(report.channels.map(({ channel, moves }) => [channel, moves.map((move) => move.summary)])).toEqual([
      ['dev', []],
      ['alpha', ['proven on dev: 1 cluster is green']],
      ['stable', ['proven on alpha: 2 clusters are green']],
    ]);
  });

  it('is noticed in no time by webhook, with no look of its own before', async () => {
    const world = await PipelineWorld.create({ channels: { dev: 1 } });
    await world.settleClusters();
    await world.adopt();
    const daemon = await world.daemon({ pollIntervalMs: 24 * 60 * minute });
    await daemon.start();
    await daemon.pass(10 * minute);
    const [fetches, mergedAt] = [world.source.fetches, world.clock.now()];
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.engine.settled();
    expect(await daemon.stateOf(`rollout:dev:${commit}`)).toBe('none');
    daemon.webhook();
    await daemon.engine.settled();
    expect((await daemon.row(`rollout:dev:${commit}`))?.createdAt).toBe(mergedAt);
    expect([world.clock.now(), world.source.fetches]).toEqual([mergedAt, fetches + 1]);
  });

  it('touches only what the commit changes', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    expect(world.clusterOf('dev-1').mutations).toEqual(['apply ConfigMap coredns', 'apply Deployment coredns']);
  });

  it('fast-forwards clusters that a commit does not change, and lets them keep their evidence', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2 }, policy: { soakMs: 0 } });
    const first = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('b1 proven', async () => (await daemon.stateOf(`rollout:dev:${first}`)) === 'proven');
    const runs = world.checkRuns.length;
    const calls = () => [1, 2].map((n) => world.clusterOf(`dev-${n}`).calls);
    const before = calls();
    const second = world.source.merge('dev', 'b2', { broken: ['nobody'] });
    const { id: other } = world.clusterOf('dev-2');
    const runsIt = async (): Promise<boolean> =>
      ((await world.store.fact('cluster', other))?.value as { commit?: string } | undefined)?.commit === second;
    await daemon.until('b2 runs', runsIt);
    // one rendering, and nobody is asked
    expect([calls(), world.renders.get(`${second} ${other}`)]).toEqual([before, 1]);
    await daemon.until('b2 proven', async () => (await daemon.stateOf(`rollout:dev:${second}`)) === 'proven');
    expect(world.checkRuns.length).toBe(runs);
    const id = world.clusterOf('dev-1').id;
    expect((await world.store.fact('evidence', `${id}/${second}/1`))?.value).toMatchObject({
      result: 'passed',
      inheritedFrom: `${id}/${first}/1`,
    });
    expect((await world.store.fact('cluster', id))?.value).toMatchObject({ commit: second });
    expect(await daemon.stateOf(`update:dev:${second}:${id}:1`)).toBe('none');
  });

  it('runs the checks again on an unchanged cluster whose evidence is too old', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const first = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('b1 proven', async () => (await daemon.stateOf(`rollout:dev:${first}`)) === 'proven');
    await daemon.pass(25 * 60 * minute);
    const mutations = world.clusterOf('dev-1').mutations.length;
    const runs = world.checkRuns.length;
    const second = world.source.merge('dev', 'b2', { broken: ['nobody'] });
    await daemon.until('b2 proven', async () => (await daemon.stateOf(`rollout:dev:${second}`)) === 'proven');
    expect(world.checkRuns.length).toBe(runs + 1);
    expect(world.clusterOf('dev-1').mutations.length).toBe(mutations);
  });

  it('goes wave by wave, and starts none before the one before is verified', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 5 },
      policy: {
        waves: [
          { name: 'canary', size: 1 },
          { name: 'half', size: '50%' },
        ],
      },
    });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    const journal = await world.store.journal({ limit: 1000, commit });
    const story = journal.flatMap((entry) =>
      entry.kind === 'wave-started' || entry.kind === 'cluster-updated' ? [entry.kind] : [],
    );
    const updated = 'cluster-updated';
    expect(story).toEqual([
      'wave-started',
      updated,
      'wave-started',
      updated,
      updated,
      'wave-started',
      updated,
      updated,
    ]);
  });
});

describe('two channels that promote to the same one', () => {
  const fan = { dev: ['alpha', 'canary'], alpha: ['stable'], canary: ['stable'], stable: [] };
  const fannedOut = async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1, canary: 1, stable: 1 } });
    for (const channel of world.pipeline.channels) channel.promotesTo = fan[channel.name as keyof typeof fan];
    return { world, daemon };
  };
  const bothEnded = (daemon: PipelineDaemon, commit: string) =>
    daemon.until('both promotions over', async () => {
      const states = ['alpha', 'canary'].map((from) => daemon.stateOf(`promotion:${from}:stable:${commit}`));
      return (await Promise.all(states)).every((state) => state === 'promoted');
    });
  const movesOfStable = async (world: PipelineWorld) =>
    (await world.store.journal({ limit: 1000, kind: 'branch-moved' })).filter(
      ({ data }) => (data as { target: string }).target === 'stable',
    );

  it('move it once, and the journal says so once (P10)', async () => {
    const { world, daemon } = await fannedOut();
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await bothEnded(daemon, commit);
    expect(await movesOfStable(world)).toHaveLength(1);
    expect(await world.store.journal({ limit: 1000, kind: 'promotion-met' })).toHaveLength(1);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('wait for no other channel once the target has gone past the commit', async () => {
    const { world, daemon } = await fannedOut();
    for (const channel of world.pipeline.channels) {
      if (channel.name === 'stable') channel.needs = 'all';
      if (channel.name === 'alpha') channel.soakMs = 180 * minute;
    }
    const first = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const early = `promotion:canary:stable:${first}`;
    await daemon.until('waiting for alpha', async () => {
      const context = (await daemon.row(early))?.context as { wait?: { code: string } | null } | undefined;
      return context?.wait?.code === 'upstream-missing';
    });
    const second = world.source.merge('dev', 'b2', { manifest: 'm3' });
    await daemon.until('proven on stable', async () => (await daemon.stateOf(`rollout:stable:${second}`)) === 'proven');
    await daemon.pass(10 * minute);
    expect(await daemon.stateOf(early)).toBe('superseded');
    expect((await world.judge()).violations).toEqual([]);
  });

  it('know whose move it was when the answer to the push is lost while both push (P10)', async () => {
    const { world, daemon } = await fannedOut();
    const push = world.source.fastForward.bind(world.source);
    let lost = 0;
    world.source.fastForward = async (branch, expected, to) => {
      const result = await push(branch, expected, to);
      if (branch !== 'stable' || lost > 0) return result;
      lost += 1;
      throw new FailureError(transient('git-timeout', 'the answer to the push is lost'));
    };
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await bothEnded(daemon, commit);
    expect(lost).toBe(1);
    const moves = await movesOfStable(world);
    expect(moves).toHaveLength(1);
    expect(moves[0]?.data).toMatchObject({ from: expect.not.stringMatching(commit), to: commit });
    expect(await world.store.slotHolders('move:stable')).toEqual([]);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('first contact', () => {
  it('starts nothing before the fleet is adopted, and says so (B11)', async () => {
    const world = await PipelineWorld.create({ channels: { dev: 2 } });
    const daemon = await world.daemon();
    await daemon.start();
    world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.pass(30 * minute);
    expect(await world.store.rows({ machine: 'rollout' })).toEqual([]);
    const row = await daemon.row('channel:dev');
    expect(row?.context).toMatchObject({ wait: { code: 'not-adopted' }, problem: null });
    expect([...world.clusters.values()].flatMap((cluster) => cluster.mutations)).toEqual([]);
  });

  it('takes heads that every cluster runs as they are', async () => {
    const { world } = await adoptedWorld({ channels: { dev: 1, alpha: 2 } });
    expect(await world.store.rows({ machine: 'rollout' })).toEqual([]);
    expect((await world.store.fact('channel', 'alpha'))?.value).toMatchObject({
      proven: world.source.branches.get('alpha'),
    });
  });

  it('brings clusters that differ to the head of their channel, and leaves the rest of them alone', async () => {
    const world = await PipelineWorld.create({ channels: { dev: 1, alpha: 2 } });
    await world.settleClusters();
    const drifted = world.clusterOf('alpha-2');
    drifted.objects.delete('ConfigMap/kube-system/coredns');
    const findings = await world.observe();
    expect(findings.clusters.map((finding) => finding.result)).toEqual(['matches', 'matches', 'would-change']);
    expect(findings.clusters[2]?.changes).toEqual(['ConfigMap kube-system/coredns is created']);
    expect(drifted.mutations).toEqual([]);
    await world.adopt();
    const daemon = await world.daemon();
    await daemon.start();
    const head = world.source.branches.get('alpha') as string;
    await daemon.until('alpha proven', async () => (await daemon.stateOf(`rollout:alpha:${head}`)) === 'proven');
    // the component that differs is taken over whole; from then on an inventory says what is its own
    expect(drifted.mutations).toEqual(['apply ConfigMap coredns', 'apply Deployment coredns']);
    expect(world.clusterOf('alpha-1').mutations).toEqual([]);
    expect((await world.judge()).violations).toEqual([]);
  });
});
