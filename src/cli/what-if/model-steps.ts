/** The steps of a node roll and the runner of checks on a model: they take the time that they are told to, and end well unless a fault shows. */
import type { NodePoolRollContext, RollStepOutput, RollStepResult } from '../../machines/node-pool-roll/context.ts';
import type { CheckResult, CheckRunner } from '../../ports/check-runner.ts';
import type { Step, StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import type { Clock } from '../../support/clock.ts';

export interface ModelledRolls {
  /** Nodes of the pool that are outdated. */
  outdated: (clusterId: string, pool: string) => number;
  /** What the whole roll takes, in ms. */
  durationMs: (clusterId: string, pool: string, commit: string) => Promise<number>;
  /** A budget that lets nothing go at the moment. */
  blocked: (clusterId: string, commit: string) => string | undefined;
  rolled: (clusterId: string, pool: string) => void;
}

const lookMs = 5 * 60_000;
type Input = StepInput<NodePoolRollContext>;

/** Steps of the machine nodePoolRoll. A roll goes node by node, so that what stops it stops it between two. */
export function modelRollSteps(model: ModelledRolls): Record<string, Step> {
  const steps = {
    'prepare-roll': async ({ context }: Input) => {
      const total = context.progress.updated + model.outdated(context.clusterId, context.pool);
      const progress = { total, updated: context.progress.updated, nodes: [] };
      return done(context, total === 0 ? 'finished' : 'rolling', { progress });
    },
    'roll-pool': (input: Input) => rollPool(model, input),
    'finalize-roll': async ({ context }: Input) => {
      model.rolled(context.clusterId, context.pool);
      return done(context, 'finished', {});
    },
    'revert-roll': async ({ context }: Input) => done(context, 'rolling', {}),
    'stop-roll': async ({ context }: Input) => done(context, 'finished', {}),
    'hold-roll': async ({ context, now }: Input): Promise<StepOutcome> => {
      const { paused } = context;
      if (paused?.expiresAt != null && now >= paused.expiresAt) return done(context, 'rolling', {});
      const reason = { code: 'paused', message: paused?.reason ?? 'paused' };
      return { kind: 'waiting', reason, wakeAt: Math.min(paused?.expiresAt ?? now + 12 * lookMs, now + 12 * lookMs) };
    },
  };
  return steps as unknown as Record<string, Step>;
}

async function rollPool(model: ModelledRolls, { context, now, parent }: Input): Promise<StepOutcome> {
  const { clusterId, pool, commit, progress, wait } = context;
  const wasBlocked = wait?.code === 'blocked';
  const block = model.blocked(clusterId, commit);
  const tell = (event: { type: string; [key: string]: Json }) => ({ messages: [{ to: parent ?? '', event }] });
  if (block !== undefined) {
    const data = {
      namespace: 'model',
      budget: 'model',
      pod: 'model',
      owner: 'a fault of the simulation',
      node: 'model',
    };
    const event = { type: 'ROLL_BLOCKED', pool, code: 'budget-never-allows', message: block, data, since: now };
    return {
      ...waiting(context, { code: 'blocked', message: block }, now + lookMs, []),
      ...(wasBlocked ? {} : tell(event)),
    };
  }
  const unblocked = wasBlocked ? tell({ type: 'ROLL_UNBLOCKED', pool }) : {};
  const [node] = progress.nodes;
  const perNode = Math.max(1_000, (await model.durationMs(clusterId, pool, commit)) / Math.max(1, progress.total));
  const reason = { code: 'rolling', message: `node ${progress.updated + 1} of ${progress.total} is replaced` };
  const next = (number: number) => [
    { name: `${pool}-${number}`, instanceId: 'model', phase: 'draining' as const, since: now },
  ];
  if (node === undefined)
    return { ...waiting(context, reason, now + perNode, next(progress.updated + 1)), ...unblocked };
  if (now < node.since + perNode) return waiting(context, reason, node.since + perNode, [node]);
  const updated = progress.updated + 1;
  const over = updated >= progress.total;
  const result = { progress: { ...progress, updated, nodes: over ? [] : next(updated + 1) }, nodesReplaced: updated };
  return done(context, over ? 'finalizing' : 'again', result);
}

function waiting(
  context: NodePoolRollContext,
  reason: { code: string; message: string },
  wakeAt: number,
  nodes: NodePoolRollContext['progress']['nodes'],
): StepOutcome {
  const { memory, nodesReplaced, progress } = context;
  const result: RollStepResult = { progress: { ...progress, nodes }, memory, nodesReplaced };
  return { kind: 'waiting', reason, wakeAt: Math.round(wakeAt), progress: result as unknown as Json };
}

function done(
  { memory, nodesReplaced, progress }: NodePoolRollContext,
  next: RollStepOutput['next'],
  more: Partial<RollStepResult>,
): StepOutcome {
  const output: RollStepOutput = { progress, memory, nodesReplaced, ...more, next, reason: null };
  return { kind: 'done', output: output as unknown as Json };
}

export interface ModelledChecks {
  clock: Clock;
  durationMs: (clusterId: string, runId: string) => number;
  /** What the checks of a run find wrong; asked when it ends. */
  fails: (clusterId: string, runId: string) => string | undefined;
}

const check = 'model.checks';

/** One check stands for those of the profile. */
export function modelChecks(model: ModelledChecks): CheckRunner {
  const begun = new Map<string, number>();
  return {
    checksOf: () => [check],
    testsOf: () => [{ key: check, title: 'the checks of the profile', area: 'model', gate: 'blocking' }],
    kept: async () => [],
    sweepKept: async () => ({ swept: [], left: [] }),
    forget: (runId) => void begun.delete(runId),
    cancel: async (runId) => void begun.delete(runId),
    ensure: ({ runId, clusterId }, onProgress) => {
      const now = model.clock.now();
      const startedAt = begun.get(runId) ?? now;
      const endsAt = startedAt + model.durationMs(clusterId, runId);
      if (!begun.has(runId)) {
        begun.set(runId, now);
        model.clock.at(endsAt, onProgress);
      }
      const over = now >= endsAt;
      const common = { progress: {}, again: [], total: 1, notSelected: [], endsAt };
      if (!over) return { ...common, results: [], running: [check], done: false };
      const trouble = model.fails(clusterId, runId);
      const result: CheckResult = {
        check,
        gate: 'blocking',
        outcome: trouble === undefined ? 'pass' : 'fail',
        message: trouble ?? 'well',
        startedAt,
        durationMs: now - startedAt,
        attempts: 1,
        leaked: [],
      };
      return { ...common, results: [result], running: [], done: true };
    },
  };
}
