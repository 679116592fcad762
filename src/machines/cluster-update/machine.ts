import { assign, setup } from 'xstate';
import {
  activeChildren,
  type ClusterUpdateInput,
  type ClusterUpdateState,
  type UpdateOutput,
  type UpdateProgress,
  type WorkingState,
  workingStates,
} from '../../domain/cluster-update.ts';
import type { FirstNode } from '../../domain/node-pool-roll.ts';
import type { EngineEvent } from '../events.ts';
import type { OperatorEvent } from '../operator-events.ts';
import { nextWait, pauseOf } from '../stored-shapes.ts';
import {
  afresh,
  merged,
  nodesReplaced,
  observedTime,
  stallAfter,
  withChildFinished,
  withFailure,
  withFirstNodes,
  withRollBlocked,
} from './progress.ts';

type ClusterUpdateEvent =
  | EngineEvent
  | OperatorEvent
  | { type: 'ROLL_BLOCKED'; pool: string; code: string; message: string; data?: unknown; since: number }
  | { type: 'ROLL_UNBLOCKED'; pool: string }
  | { type: 'ROLL_FIRST_NODES'; pool: string; nodes: FirstNode[] };

const outputOf = (event: ClusterUpdateEvent): UpdateOutput | null =>
  event.type === 'STEP_DONE' ? (event.output as unknown as UpdateOutput) : null;
const progressOf = (event: ClusterUpdateEvent): UpdateProgress | null =>
  event.type === 'STEP_WAITING' ? (event.progress as unknown as UpdateProgress | null) : outputOf(event);
const is =
  (kind: UpdateOutput['kind']) =>
  ({ event }: { event: ClusterUpdateEvent }): boolean =>
    outputOf(event)?.kind === kind;

/** Time that passed, what the step reports, and that it got through: what failed before is over. */
function stepKept(context: ClusterUpdateState, event: ClusterUpdateEvent): Partial<ClusterUpdateState> {
  const time = 'now' in event ? observedTime(context, event.now as number) : {};
  return { ...time, ...merged(context, progressOf(event)), failures: 0, failure: null, stall: null };
}

const base = setup({
  types: {
    context: {} as ClusterUpdateState,
    events: {} as ClusterUpdateEvent,
    input: {} as ClusterUpdateInput,
  },
  actions: {
    // one assign for what every step brings: each of them copies the whole context
    keepStep: assign(({ context, event }) => stepKept(context, event)),
    stepOver: assign(({ context, event }) => ({ ...stepKept(context, event), wait: null })),
    stepWaits: assign(({ context, event }) => ({
      ...stepKept(context, event),
      ...(event.type === 'STEP_WAITING' ? { wait: nextWait(context.wait, event.reason, event.now) } : {}),
    })),
    keepTime: assign(({ context, event }) =>
      event.type === 'STEP_DONE' || event.type === 'STEP_WAITING' || event.type === 'STEP_FAILED'
        ? observedTime(context, event.now)
        : {},
    ),
    keepProgress: assign(({ context, event }) => merged(context, progressOf(event))),
    /** The step got through: what failed before is over. */
    forgetFailure: assign({ failures: 0, failure: null, stall: null }),
    keepWait: assign(({ context, event }) =>
      event.type === 'STEP_WAITING' ? { wait: nextWait(context.wait, event.reason, event.now) } : {},
    ),
    forgetWait: assign({ wait: null }),
    keepFailure: assign(({ context, event }) => (event.type === 'STEP_FAILED' ? withFailure(context, event) : {})),
    admitted: assign(({ event }) =>
      event.type === 'STEP_DONE' ? { admittedAt: event.now, lastSeenAt: event.now } : {},
    ),
    afresh: assign(() => afresh()),
    keepChild: assign(({ context, event }) =>
      event.type === 'CHILD_FINISHED' ? withChildFinished(context, event) : {},
    ),
    keepBlocked: assign(({ context, event }) => {
      if (event.type !== 'ROLL_BLOCKED') return {};
      const { code, message, data, since } = event;
      return withRollBlocked(context, event.pool, {
        code,
        message,
        since,
        ...(data === undefined ? {} : { data }),
      });
    }),
    keepUnblocked: assign(({ context, event }) =>
      event.type === 'ROLL_UNBLOCKED' ? withRollBlocked(context, event.pool, null) : {},
    ),
    keepFirstNodes: assign(({ context, event }) =>
      event.type === 'ROLL_FIRST_NODES' ? withFirstNodes(context, event.pool, event.nodes) : {},
    ),
    keepPause: assign(({ event }) => (event.type === 'PAUSE' ? { paused: pauseOf(event) } : {})),
    forgetPause: assign(({ event }) => ({
      paused: null,
      wait: null,
      ...('now' in event ? { lastSeenAt: (event as { now: number }).now } : {}),
    })),
    keepStop: assign(({ event }) => {
      if (event.type === 'SUPERSEDE') {
        const finish = event.finish === 'pool' ? { finish: 'pool' as const } : {};
        return { stop: { intent: 'superseded' as const, by: event.by, told: false, ...finish } };
      }
      return event.type === 'ABORT' ? { stop: { intent: 'aborted' as const, by: event.by, told: false } } : {};
    }),
    stopFailed: assign({ stop: { intent: 'failed' as const, by: '', told: false }, wait: null }),
    stopTold: assign(({ context }) => (context.stop === null ? {} : { stop: { ...context.stop, told: true } })),
    retryNow: assign(({ context }) => ({
      failures: 0,
      stall: null,
      wait: null,
      poke: activeChildren(context).length > 0,
    })),
    at: assign(({ context }, params: { state: WorkingState }) => ({
      resumeTo: params.state,
      // coming back from a pause or a stall is not the beginning of a phase
      phaseActiveMs: context.resumeTo === params.state ? context.phaseActiveMs : context.activeMs,
    })),
  },
  guards: {
    next: is('next'),
    again: is('again'),
    replan: is('replan'),
    noop: is('noop'),
    inherit: is('inherit'),
    told: is('told'),
    stopped: is('stopped'),
    mayNotFinish: ({ event }) => event.type === 'SUPERSEDE' && event.finish !== 'cluster',
    terminal: ({ event }) => event.type === 'STEP_FAILED' && event.failure.kind === 'terminal',
    stalls: ({ context }) => context.failures + 1 >= stallAfter,
    neverAdmitted: ({ context }) => context.admittedAt === 0,
    stopsSuperseded: ({ context, event }) =>
      outputOf(event)?.kind === 'stopped' && context.stop?.intent === 'superseded',
    stopsAborted: ({ context, event }) => outputOf(event)?.kind === 'stopped' && context.stop?.intent === 'aborted',
    resumes: ({ context }, params: { state: WorkingState }) => context.resumeTo === params.state,
  },
});

const stops = {
  SUPERSEDE: { target: 'stopping', actions: 'keepStop' },
  ABORT: { target: 'stopping', actions: 'keepStop' },
} as const;

const interrupts = {
  PAUSE: { target: 'paused', actions: 'keepPause' },
  // one that may complete the whole cluster goes on
  SUPERSEDE: { guard: 'mayNotFinish', ...stops.SUPERSEDE },
  ABORT: stops.ABORT,
} as const;

const failing = [
  { guard: 'terminal', target: 'stopping', actions: ['keepTime', 'keepFailure', 'stopFailed'] },
  { guard: 'stalls', target: 'stalled', actions: ['keepTime', 'keepFailure'] },
  { actions: ['keepTime', 'keepFailure'] },
] as const;

const advance = (target: string) => ({ guard: 'next', target, actions: 'stepOver' }) as const;
const again = { guard: 'again', actions: 'keepStep' } as const;
const replan = { guard: 'replan', target: 'rendering', actions: 'keepStep' } as const;

/** One phase of the update: its step runs until it says `next`. */
const phase = <Step extends string>(state: WorkingState, step: Step, next: string) => ({
  entry: { type: 'at' as const, params: { state } },
  meta: { step },
  on: {
    ...interrupts,
    STEP_DONE: [advance(next), again, replan],
    STEP_WAITING: { actions: 'stepWaits' as const },
    STEP_FAILED: failing,
  },
});

const backTo = (actions: 'forgetPause' | 'retryNow' | 'forgetWait') =>
  workingStates.map((state) => ({
    guard: { type: 'resumes' as const, params: { state } },
    target: state,
    actions,
  }));

/** Brings one cluster to one cluster version, in the order of DESIGN §4. */
export const clusterUpdateMachine = base.createMachine({
  id: 'clusterUpdate',
  context: ({ input }) => ({
    clusterId: input.clusterId,
    channel: input.channel,
    commit: input.commit,
    tree: input.tree,
    rolloutId: input.rolloutId,
    attempt: input.attempt,
    policy: input.policy,
    admittedAt: 0,
    activeMs: 0,
    blockedMs: 0,
    lastSeenAt: 0,
    phaseActiveMs: 0,
    asked: null,
    plan: null,
    stacks: {},
    components: [],
    rolls: {},
    e2e: null,
    resumeTo: 'queued',
    paused: null,
    told: [],
    poke: false,
    failures: 0,
    failure: null,
    stall: null,
    reported: { blocked: false, stalled: false },
    stop: null,
    wait: null,
  }),
  initial: 'queued',
  on: {
    CHILD_FINISHED: { actions: 'keepChild' },
    ROLL_BLOCKED: { actions: 'keepBlocked' },
    ROLL_UNBLOCKED: { actions: 'keepUnblocked' },
    ROLL_FIRST_NODES: { actions: 'keepFirstNodes' },
    RETRY: { actions: 'retryNow' },
  },
  states: {
    queued: {
      entry: { type: 'at', params: { state: 'queued' } },
      meta: { step: 'admit-update', quick: true },
      on: {
        PAUSE: interrupts.PAUSE,
        ABORT: { target: 'aborted', actions: 'keepStop' },
        SUPERSEDE: { target: 'superseded', actions: 'keepStop' },
        STEP_DONE: [
          { guard: 'next', target: 'preflight', actions: ['keepProgress', 'forgetFailure', 'admitted', 'forgetWait'] },
          { guard: 'again', actions: ['keepProgress', 'forgetFailure'] },
        ],
        STEP_WAITING: { actions: ['keepProgress', 'forgetFailure', 'keepWait'] },
        STEP_FAILED: failing,
      },
    },
    preflight: phase('preflight', 'preflight-cluster', 'rendering'),
    rendering: {
      entry: [{ type: 'at', params: { state: 'rendering' } }, 'afresh'],
      meta: { step: 'plan-update' },
      on: {
        ...interrupts,
        STEP_DONE: [
          advance('baseline'),
          { guard: 'noop', target: 'e2e', actions: 'stepOver' },
          { guard: 'inherit', target: 'recording', actions: 'stepOver' },
        ],
        STEP_WAITING: { actions: 'stepWaits' },
        STEP_FAILED: failing,
      },
    },
    baseline: phase('baseline', 'run-baseline', 'etcdStack'),
    etcdStack: phase('etcdStack', 'apply-stacks', 'etcdRoll'),
    /** Before anything else moves: what follows needs an etcd that is well. */
    etcdRoll: phase('etcdRoll', 'roll-etcd', 'clusterStack'),
    clusterStack: phase('clusterStack', 'apply-stacks', 'controlPlaneStacks'),
    controlPlaneStacks: phase('controlPlaneStacks', 'apply-stacks', 'controlPlaneRoll'),
    controlPlaneRoll: phase('controlPlaneRoll', 'roll-pools', 'api'),
    api: phase('api', 'await-api', 'workerStacks'),
    /** Only now: whatever launches a worker from here on must find API servers that are not older than its kubelet. */
    workerStacks: phase('workerStacks', 'apply-stacks', 'preDeletions'),
    preDeletions: phase('preDeletions', 'delete-objects', 'manifests'),
    manifests: phase('manifests', 'apply-manifests', 'workerRolls'),
    workerRolls: phase('workerRolls', 'roll-pools', 'karpenterRolls'),
    /** What Karpenter rolls by itself is waited for. */
    karpenterRolls: phase('karpenterRolls', 'await-karpenter', 'postDeletions'),
    postDeletions: phase('postDeletions', 'delete-objects', 'removals'),
    /** Pools and stacks that the configuration has no more: drained and deleted one by one, when all else has found its place. */
    removals: phase('removals', 'remove-orphans', 'workloads'),
    workloads: phase('workloads', 'await-workloads', 'e2e'),
    e2e: { ...phase('e2e', 'run-e2e', 'recording'), meta: { step: 'run-e2e', quick: true } },
    recording: {
      ...phase('recording', 'record-update', 'updated'),
      on: {
        STEP_DONE: [advance('updated'), replan],
        STEP_WAITING: { actions: 'stepWaits' },
        STEP_FAILED: failing,
      },
    },
    stalled: {
      meta: { step: 'hold-stalled' },
      on: {
        ...interrupts,
        RETRY: backTo('retryNow'),
        STEP_DONE: [{ guard: 'again', actions: ['keepTime', 'keepProgress'] }, ...backTo('forgetWait')],
        STEP_WAITING: { actions: ['keepTime', 'keepProgress', 'keepWait'] },
        STEP_FAILED: { actions: 'keepTime' },
      },
    },
    paused: {
      meta: { step: 'pause-update' },
      on: {
        ...stops,
        PAUSE: { actions: 'keepPause' },
        RESUME: backTo('forgetPause'),
        STEP_DONE: [{ guard: 'told', actions: ['keepTime', 'keepProgress'] }, ...backTo('forgetPause')],
        STEP_WAITING: { actions: ['keepTime', 'keepProgress', 'keepWait'] },
        STEP_FAILED: { actions: 'keepTime' },
      },
    },
    /** Children still under way are told to stop, and waited for: no node stays cordoned behind a process that has ended. */
    stopping: {
      meta: { step: 'stop-update' },
      on: {
        STEP_DONE: [
          { guard: 'told', actions: 'stopTold' },
          { guard: 'stopsSuperseded', target: 'superseded' },
          { guard: 'stopsAborted', target: 'aborted' },
          { guard: 'stopped', target: 'recordingFailure' },
        ],
        STEP_WAITING: { actions: 'keepWait' },
      },
    },
    recordingFailure: {
      meta: { step: 'record-failure' },
      on: { STEP_DONE: 'failed', STEP_WAITING: { actions: 'keepWait' } },
    },
    updated: { type: 'final' },
    superseded: { type: 'final' },
    aborted: { type: 'final' },
    failed: { type: 'final' },
  },
  output: ({ context }) => ({
    result: context.stop === null ? 'updated' : context.stop.intent,
    version: context.plan?.version ?? null,
    nodesReplaced: nodesReplaced(context),
    checks: { passed: context.e2e?.passed ?? 0, failed: context.e2e?.failed ?? 0 },
    failure: context.stop === null ? null : context.failure,
  }),
});
