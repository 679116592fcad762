import { describe, expect, it } from 'vitest';
import { auditOf } from '../../support/pipeline/audit-world.ts';
import {
  adoptedWorld,
  minute,
  type PipelineDaemon,
  type PipelineWorld,
} from '../../support/pipeline/pipeline-world.ts';

const jo = { name: 'jo' };
const hour = 60 * minute;
const day = 24 * hour;
const reason = 'errors since noon';

async function proven(daemon: PipelineDaemon, channel: string, commit: string): Promise<void> {
  await daemon.until(
    `${commit.slice(0, 4)} proven on ${channel}`,
    async () => (await daemon.stateOf(`rollout:${channel}:${commit}`)) === 'proven',
    5 * day,
  );
}

async function kinds(world: PipelineWorld): Promise<string[]> {
  return (await world.store.journal({ limit: 5000 })).map((entry) => entry.kind);
}

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'accepted',
    (error: unknown) => (error as Error).message,
  );
}

describe('a hotfix', () => {
  it('overtakes what is under way, leaves a debt, and normal promotion waits until it is repaid', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 1, alpha: 2, stable: 1 },
      policy: { soakMs: 2 * hour },
    });
    const slow = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await proven(daemon, 'dev', slow);
    await daemon.until('on alpha', async () => (await daemon.stateOf(`rollout:alpha:${slow}`)) === 'soaking');
    const fix = world.source.add('f1', { manifest: 'fixed' }, slow);
    const answer = await daemon.control.hotfix({ channel: 'alpha', commit: fix, skip: ['soak', 'waves'], reason }, jo);
    expect(answer.message).toContain('leaves a debt');
    await daemon.until('repaying', async () => (await daemon.stateOf(`rollout:alpha:${fix}`)) === 'repaying');
    expect(await daemon.stateOf(`rollout:alpha:${slow}`)).toBe('superseded');
    expect(await world.store.facts('debt')).toHaveLength(1);
    await daemon.until('hotfix goes on', () => world.source.branches.get('stable') === fix);
    await proven(daemon, 'alpha', fix);
    expect(await world.store.facts('debt')).toEqual([]);
    expect(await kinds(world)).toContain('debt-repaid');
    expect((await world.judge()).violations).toEqual([]);
    const report = await auditOf(world);
    expect(report).toMatchObject({ proven: true, findings: [] });
    expect(report.channels.map(({ moves }) => moves.map((move) => move.summary))).toEqual([
      [],
      [`hotfix by jo: ${reason}`, 'proven on dev: 1 cluster is green'],
      ['proven on alpha: 2 clusters are green'],
    ]);
  });

  it('that is not on top of the head, vetoed, or there already is refused with what would be right', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 1 } });
    const stray = world.source.add('f1', { manifest: 'x' }, undefined);
    expect(await refusal(daemon.control.hotfix({ channel: 'stable', commit: stray, skip: [], reason }, jo))).toContain(
      'commit the fix on top of it',
    );
    const head = world.source.branches.get('stable') as string;
    expect(await refusal(daemon.control.hotfix({ channel: 'stable', commit: head, skip: [], reason }, jo))).toContain(
      'already',
    );
    expect(await refusal(daemon.control.hotfix({ channel: 'stabel', commit: head, skip: [], reason }, jo))).toContain(
      'Near: stable',
    );
    expect(world.source.moves).toEqual([]);
    expect(await kinds(world)).not.toContain('hotfix-requested');
  });
});

describe('a rollback', () => {
  it('puts the last proven configuration back by a new commit, vetoes the bad one, and takes it no more', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 2 }, policy: { soakMs: 5 * minute } });
    const good = world.source.merge('dev', 'b1', { manifest: 'good' });
    await proven(daemon, 'stable', good);
    const bad = world.source.merge('dev', 'b2', { manifest: 'bad' });
    await proven(daemon, 'stable', bad);
    await daemon.control.rollback({ channel: 'stable', reason, vetoSeconds: 3600 }, jo);
    await daemon.until('branch moved', () => world.source.branches.get('stable') !== bad);
    const back = world.source.branches.get('stable') as string;
    expect(world.source.contains(bad, back)).toBe(true);
    expect(world.source.treeOf(back)).toBe(world.source.treeOf(good));
    await proven(daemon, 'stable', back);
    for (const alias of ['stable-1', 'stable-2']) {
      expect(world.clusterOf(alias).objects.get('ConfigMap/kube-system/coredns')?.['data']).toEqual({ config: 'good' });
    }
    const next = world.source.merge('dev', 'b3', { stack: 's2' });
    await proven(daemon, 'dev', next);
    await daemon.until('diverged', async () => (await daemon.stateOf(`promotion:dev:stable:${next}`)) === 'held');
    expect((await daemon.row(`promotion:dev:stable:${next}`))?.context).toMatchObject({
      problem: { code: 'target-diverged' },
    });
    const merged = world.source.mergeBack('dev', 'b4', back, { manifest: 'good' });
    await proven(daemon, 'stable', merged);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('happens by itself where the channel asks for it, and once', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 1, stable: 1 },
      policy: { soakMs: minute, rollback: 'automatic' },
    });
    const good = world.source.merge('dev', 'b1', { manifest: 'good' });
    await proven(daemon, 'stable', good);
    const id = world.clusterOf('stable-1').id;
    const bad = world.source.merge('dev', 'b2', { manifest: 'bad' });
    world.failingChecks.set(id, { message: 'no dns', commit: bad });
    await daemon.until('rolled back', async () => (await kinds(world)).includes('branch-overridden'), 2 * day);
    const back = world.source.branches.get('stable') as string;
    await proven(daemon, 'stable', back);
    expect(world.source.treeOf(back)).toBe(world.source.treeOf(good));
    expect((await kinds(world)).filter((kind) => kind === 'branch-overridden')).toHaveLength(1);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('a veto', () => {
  it('of what is under way starts it nowhere else, and no cluster catches up with it', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3 }, policy: { maxParallel: 1 } });
    const bad = world.source.merge('dev', 'b1', { pool: 'p2' });
    daemon.webhook();
    await daemon.until('under way', async () => (await daemon.stateOf(`rollout:dev:${bad}`)) === 'updating');
    const scope = { kind: 'commit' as const, name: bad };
    await daemon.control.override({ kind: 'veto', scope, reason, forSeconds: 86_400 }, jo);
    await daemon.until('ended', async () => (await daemon.stateOf(`rollout:dev:${bad}`)) === 'aborted');
    await daemon.pass(6 * 60 * minute);
    const updates = await world.store.rows({ machine: 'clusterUpdate', channel: 'dev' });
    expect(updates.filter((row) => row.commit === bad)).toHaveLength(1);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('starts no cluster that waited for its turn, nor one that catches up and was held', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 }, policy: { soakMs: minute } });
    const bad = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await proven(daemon, 'dev', bad);
    const late = world.addCluster('dev', 9).id;
    const cluster = { kind: 'cluster' as const, name: late };
    await daemon.control.override({ kind: 'freeze', scope: cluster, reason, forSeconds: 86_400 }, jo);
    await daemon.until('it waits', async () =>
      (await world.store.rows({ machine: 'clusterUpdate', status: 'active' })).some((row) => row.cluster === late),
    );
    const scope = { kind: 'commit' as const, name: bad };
    await daemon.control.override({ kind: 'veto', scope, reason, forSeconds: 86_400 }, jo);
    await daemon.control.endOverride({ kind: 'freeze', scope: cluster, reason }, jo);
    await daemon.pass(hour);
    expect((await world.judge()).violations).toEqual([]);
    expect(world.clusters.get(late)?.mutations).toEqual([]);
  });

  it('ends the rollouts of its version everywhere, and lets a later one pass', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 1 }, policy: { soakMs: hour } });
    const bad = world.source.merge('dev', 'b1', { manifest: 'bad' });
    await daemon.until('soaking', async () => (await daemon.stateOf(`rollout:dev:${bad}`)) === 'soaking');
    const scope = { kind: 'commit' as const, name: bad };
    await daemon.control.override({ kind: 'veto', scope, reason, forSeconds: 86_400 }, jo);
    await daemon.until('aborted', async () => (await daemon.stateOf(`rollout:dev:${bad}`)) === 'aborted');
    expect(await refusal(daemon.control.promote({ commit: bad, to: 'stable', bypass: false, reason }, jo))).toContain(
      'clm unveto',
    );
    const fixed = world.source.merge('dev', 'b2', { manifest: 'fixed' });
    await proven(daemon, 'stable', fixed);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('an unproven head', () => {
  it('is held until somebody approves exactly it', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 1 } });
    const first = world.source.merge('stable', 'e1', { manifest: 'mine' });
    await daemon.pass(5 * minute);
    expect((await daemon.row('channel:stable'))?.context).toMatchObject({ problem: { code: 'head-unproven' } });
    const second = world.source.merge('stable', 'e2', { manifest: 'mine too' });
    const approve = { verdict: 'approved' as const, channel: 'stable', reason, forSeconds: 3600 };
    await daemon.pass(2 * minute);
    expect(await refusal(daemon.control.approve({ ...approve, commit: first }, jo))).toContain('Nothing of');
    await daemon.control.approve({ ...approve, commit: second }, jo);
    await proven(daemon, 'stable', second);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('overrides of clusters', () => {
  it('keep a pinned and a skipped one out, and let them catch up when they end', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3 }, policy: { soakMs: minute } });
    const [one, two] = [world.clusterOf('dev-1').id, world.clusterOf('dev-2').id];
    const cluster = (name: string) => ({ kind: 'cluster' as const, name });
    await daemon.control.override({ kind: 'pin', scope: cluster('dev-1'), reason, forSeconds: 86_400 }, jo);
    await daemon.control.override({ kind: 'skip', scope: cluster('dev-2'), reason, forSeconds: 2 * 86_400 }, jo);
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await proven(daemon, 'dev', commit);
    const { ineligible } = await daemon.context<{ ineligible: Record<string, string> }>(`rollout:dev:${commit}`);
    expect(ineligible[one]).toContain('pin of');
    expect(ineligible[two]).toContain('skip of');
    const runs = async (id: string) =>
      ((await world.store.fact('cluster', id))?.value as { commit?: string } | undefined)?.commit;
    await daemon.until('pin over', async () => (await runs(one)) === commit, 2 * day);
    expect(await runs(two)).not.toBe(commit);
    await daemon.control.endOverride({ kind: 'skip', scope: cluster('dev-2'), reason }, jo);
    await daemon.until('skip over', async () => (await runs(two)) === commit, day);
    expect(await refusal(daemon.control.endOverride({ kind: 'skip', scope: cluster('dev-2'), reason }, jo))).toContain(
      'There is no skip anywhere',
    );
    expect((await world.judge()).violations).toEqual([]);
  });

  it('bring a cluster that joins in the middle to the version, without counting it', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2 }, policy: { soakMs: minute, maxParallel: 1 } });
    for (const cluster of world.clusters.values()) world.rolls.set(cluster.id, { durationMs: 20 * minute });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const first = world.clusterOf('dev-1').id;
    await daemon.until('rolling', async () => (await daemon.stateOf(`update:dev:${commit}:${first}:1`)) !== 'none');
    const late = world.addCluster('dev', 9);
    world.failingChecks.set(late.id, { message: 'not ready yet' });
    await proven(daemon, 'dev', commit);
    const { members } = await daemon.context<{ members: Record<string, { joined?: boolean }> }>(
      `rollout:dev:${commit}`,
    );
    expect(members[late.id]).toMatchObject({ joined: true });
    world.failingChecks.delete(late.id);
    await daemon.until(
      'caught up',
      async () =>
        ((await world.store.fact('cluster', late.id))?.value as { commit?: string } | undefined)?.commit === commit,
      3 * day,
    );
  });
});

describe('a cluster that failed within the budget', () => {
  it('is tried again alone once its rollout is over, and refused with what is right otherwise', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2 }, policy: { soakMs: minute, maxFailures: 1 } });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const bad = world.clusterOf('dev-2').id;
    world.failingChecks.set(bad, { message: 'no dns', commit });
    await proven(daemon, 'dev', commit);
    const retry = (alias: string) => daemon.operations.retry({ scope: { kind: 'cluster', name: alias }, reason }, jo);
    expect(await refusal(retry('dev-1'))).toContain('did not fail on the version of dev');
    await daemon.pass(3 * hour);
    expect(await daemon.stateOf(`update:dev:${commit}:${bad}:2`)).toBe('none');
    world.failingChecks.clear();
    expect((await retry('dev-2')).message).toContain('catches up');
    await daemon.until(
      'caught up',
      async () =>
        ((await world.store.fact('cluster', bad))?.value as { commit?: string } | undefined)?.commit === commit,
    );
    expect(await refusal(retry('dev-2'))).toContain('nothing to try again');
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('the line', () => {
  it('stops between two nodes and goes on where it was', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2 }, policy: { soakMs: minute } });
    for (const cluster of world.clusters.values()) world.rolls.set(cluster.id, { durationMs: 10 * minute });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const first = world.clusterOf('dev-1').id;
    const update = `update:dev:${commit}:${first}:1`;
    await daemon.until('rolling', async () => (await daemon.stateOf(update)) === 'controlPlaneRoll');
    await daemon.control.stopTheLine({ reason, forSeconds: 7200 }, jo);
    await daemon.pass(hour);
    expect(await daemon.stateOf(update)).toBe('paused');
    await proven(daemon, 'dev', commit);
    expect((await world.judge()).violations).toEqual([]);
  });
});
