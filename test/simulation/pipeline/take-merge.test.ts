/** A pull request that somebody merged by a button: what counts, what does not, and what is not seen yet. */
import { describe, expect, it } from 'vitest';
import type { PromotionState } from '../../../src/domain/promotion.ts';
import type { StepInput } from '../../../src/ports/step.ts';
import { HeadWatch } from '../../../src/steps/channel/head-watch.ts';
import type { PipelineDependencies } from '../../../src/steps/pipeline-dependencies.ts';
import { hasOnlyMerges, takeMerge } from '../../../src/steps/promotion/take-merge.ts';
import { adoptedWorld, minute } from '../../support/pipeline/pipeline-world.ts';

const url = 'https://forge.example.org/pull/7';

/** dev has proven a version; alpha asks for a pull request. */
async function proposed() {
  const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 } });
  const [, alpha] = world.pipeline.channels;
  if (alpha !== undefined) alpha.promotion = 'pull-request';
  const from = world.source.branches.get('alpha') ?? '';
  const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
  const rolloutId = `rollout:dev:${commit}`;
  await daemon.until('proven', async () => (await daemon.stateOf(rolloutId)) === 'proven');
  const { source, store } = world;
  const pipeline = () => world.pipeline;
  const heads = new HeadWatch({ source, pipeline, store, pollIntervalMs: minute });
  const deps = { source, store, pipeline, heads, scm: { merge: async () => ({}) } } as unknown as PipelineDependencies;
  const context: PromotionState = {
    ...{ channel: 'dev', target: 'alpha', commit, tree: source.treeOf(commit), rolloutId, branch: 'alpha', from },
    ...{ paused: null, problem: null, containedIn: null, wait: null, failure: null },
    review: { id: '7', url, approvedBy: null },
  };
  const now = world.clock.now();
  const input = { id: 'promotion', context, now } as unknown as StepInput<PromotionState>;
  return { world, deps, input, context, commit, from, now };
}

describe('a merge on the forge', () => {
  it('that brought what was proven moves the channel on, with a record of who merged it and what proves it', async () => {
    const { world, deps, input, commit, from, now } = await proposed();
    const merge = world.source.mergeBack('alpha', 'merge7', commit, { manifest: 'm2' });
    const outcome = await takeMerge(deps, input, { commit: merge, by: 'ada' });
    expect(outcome).toMatchObject({
      kind: 'done',
      output: { kind: 'merged' },
      facts: [
        { kind: 'approved', key: `alpha/${merge}`, value: { by: 'pull-request', from: 'dev' } },
        { kind: 'move-record', key: `alpha/${merge}`, value: { to: merge, from, at: now, asked: { actor: 'ada' } } },
      ],
      messages: [{ to: 'channel:alpha', event: { type: 'HEAD_MOVED', commit: merge } }],
      journal: [{ kind: 'promotion-merged', message: expect.stringContaining(`${url} was merged by ada`) }],
    });
  });

  it('that git does not show yet is waited for', async () => {
    const { world, deps, input, commit, from, now } = await proposed();
    const merge = world.source.add('merge7', { manifest: 'm2' }, from);
    const outcome = await takeMerge(deps, input, { commit: merge, by: 'ada' });
    expect(outcome).toMatchObject({ kind: 'waiting', reason: { code: 'merge-unseen' }, wakeAt: now + 10_000 });
    world.source.branches.set('alpha', merge);
    expect(await takeMerge(deps, input, { commit: merge, by: 'ada' })).toMatchObject({ output: { kind: 'merged' } });
    expect(commit).not.toBe(merge);
  });

  it('that brought something else is held, told once, and says what to do', async () => {
    const { world, deps, input, context, commit } = await proposed();
    world.source.merge('alpha', 'own', { stack: 'own' });
    const merge = world.source.mergeBack('alpha', 'merge7', commit, { manifest: 'm2' });
    const outcome = await takeMerge(deps, input, { commit: merge, by: 'ada' });
    expect(outcome).toMatchObject({ kind: 'done', output: { kind: 'held', code: 'merged-otherwise' } });
    expect(outcome).toMatchObject({ journal: [{ kind: 'promotion-held' }] });
    expect(outcome).not.toHaveProperty('facts');
    expect(JSON.stringify(outcome)).toContain(`clm approve ${merge.slice(0, 12)} --channel alpha`);
    const problem = { code: 'merged-otherwise', message: 'as told', since: 0 };
    const again = { ...input, context: { ...context, problem } };
    expect(await takeMerge(deps, again, { commit: merge, by: 'ada' })).toMatchObject({ journal: [] });
  });

  it('of a rollout that nobody knows any more moves the channel without a record', async () => {
    const { world, deps, input, context, commit } = await proposed();
    const merge = world.source.mergeBack('alpha', 'merge7', commit, { manifest: 'm2' });
    const unknown = { ...input, context: { ...context, rolloutId: 'rollout:dev:gone' } };
    const outcome = await takeMerge(deps, unknown, { commit: merge, by: 'ada' });
    expect(outcome).toMatchObject({ output: { kind: 'merged' }, facts: [{ kind: 'approved' }] });
  });
});

describe('a target that has commits of its own', () => {
  it('takes another merge only when all of them are merges that were taken here', async () => {
    const { world, deps, context, commit } = await proposed();
    const merge = world.source.mergeBack('alpha', 'merge7', commit, { manifest: 'm2' });
    expect(await hasOnlyMerges(deps, context, merge)).toBe(false);
    const fact = { kind: 'approved', key: `alpha/${merge}`, value: { by: 'pull-request' } };
    await world.store.post({ facts: [fact], now: 1 });
    expect(await hasOnlyMerges(deps, context, merge)).toBe(true);
    expect(await hasOnlyMerges({ ...deps, scm: {} } as never, context, merge)).toBe(false);
    const own = world.source.merge('alpha', 'own', { stack: 'own' });
    expect(await hasOnlyMerges(deps, context, own)).toBe(false);
    expect(await hasOnlyMerges(deps, context, commit)).toBe(false);
  });
});
