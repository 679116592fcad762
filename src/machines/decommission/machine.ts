import { assign, setup } from 'xstate';
import type { DecommissionInput, DecommissionOutput, DecommissionState } from '../../domain/decommission.ts';
import type { EngineEvent } from '../events.ts';
import type { OperatorEvent } from '../operator-events.ts';
import { keepFailure, nextWait } from '../stored-shapes.ts';

type DecommissionEvent =
  | EngineEvent
  | OperatorEvent
  | { type: 'ROLL_BLOCKED'; pool: string; message: string }
  | { type: 'ROLL_UNBLOCKED'; pool: string };
type Drains = DecommissionState['drains'];

/** How the roll of a pool ended; one that a later round has taken the place of says nothing. */
function withEnded(drains: Drains, child: string, output: unknown): Drains {
  const found = Object.entries(drains).find(([, drain]) => drain.child === child);
  if (found === undefined) return drains;
  const [pool, drain] = found;
  const { result, reason } = output as { result: 'rolled' | 'aborted' | 'failed'; reason?: string };
  return { ...drains, [pool]: { ...drain, state: result, reason: reason ?? null, blocked: null } };
}

function withBlocked(drains: Drains, pool: string, blocked: string | null): Drains {
  const drain = drains[pool];
  return drain?.state === 'running' ? { ...drains, [pool]: { ...drain, blocked } } : drains;
}

const outputOf = (event: DecommissionEvent): DecommissionOutput | null =>
  event.type === 'STEP_DONE' ? (event.output as unknown as DecommissionOutput) : null;
const is =
  (kind: DecommissionOutput['kind']) =>
  ({ event }: { event: DecommissionEvent }): boolean =>
    outputOf(event)?.kind === kind;

const base = setup({
  types: {
    context: {} as DecommissionState,
    events: {} as DecommissionEvent,
    input: {} as DecommissionInput,
  },
  actions: {
    keepOutput: assign(({ context, event }) => {
      const { asked, removed, drains, paused } = outputOf(event) ?? {};
      return {
        failure: null,
        ...(asked === undefined ? {} : { asked }),
        ...(removed === undefined ? {} : { removed }),
        ...(drains === undefined ? {} : { drains: { ...context.drains, ...drains } }),
        ...(paused === undefined ? {} : { paused }),
      };
    }),
    keepDrain: assign(({ context, event }) =>
      event.type === 'CHILD_FINISHED' ? { drains: withEnded(context.drains, event.child, event.output) } : {},
    ),
    keepBlocked: assign(({ context, event }) => {
      if (event.type === 'ROLL_BLOCKED') return { drains: withBlocked(context.drains, event.pool, event.message) };
      return event.type === 'ROLL_UNBLOCKED' ? { drains: withBlocked(context.drains, event.pool, null) } : {};
    }),
    begin: assign(({ event }) => ({ wait: null, since: event.type === 'STEP_DONE' ? event.now : 0 })),
    keepWait: assign(({ context, event }) =>
      event.type === 'STEP_WAITING'
        ? {
            wait: nextWait(context.wait, event.reason, event.now),
            failure: null,
            requestedAt: context.requestedAt === 0 ? event.now : context.requestedAt,
          }
        : {},
    ),
    keepFailure: assign(({ event }) => (event.type === 'STEP_FAILED' ? { failure: keepFailure(event.failure) } : {})),
    forgetWait: assign({ wait: null }),
    retryNow: assign(({ event }) => ({
      failure: null,
      wait:
        'now' in event ? { code: 'retry', message: 'somebody asked to try again', since: event.now as number } : null,
    })),
  },
  guards: { next: is('next'), cancelled: is('cancelled') },
});

const stage = <Step extends string>(step: Step, next: string) => ({
  meta: { step },
  on: {
    STEP_DONE: [
      { guard: 'next' as const, target: next, actions: ['keepOutput', 'begin'] as const },
      { guard: 'cancelled' as const, target: 'cancelled', actions: 'keepOutput' as const },
      { actions: 'keepOutput' as const },
    ],
  },
});

/** Takes one cluster away: agreed upon, emptied, drained, its stacks deleted in order, and what is left over told. */
export const decommissionMachine = base.createMachine({
  id: 'decommission',
  context: ({ input }) => ({
    clusterId: input.clusterId,
    channel: input.channel,
    requestedAt: 0,
    asked: null,
    since: 0,
    removed: [],
    drains: {},
    paused: false,
    wait: null,
    failure: null,
  }),
  initial: 'agreeing',
  on: {
    STEP_WAITING: { actions: 'keepWait' },
    STEP_FAILED: { actions: 'keepFailure' },
    LOOK: { actions: 'forgetWait' },
    RETRY: { actions: 'retryNow' },
    CHILD_FINISHED: { actions: 'keepDrain' },
    ROLL_BLOCKED: { actions: 'keepBlocked' },
    ROLL_UNBLOCKED: { actions: 'keepBlocked' },
  },
  states: {
    /** Asked for, confirmed, cooled off, alone, and nobody's workloads or volumes are there (B10). Nothing was touched so far. */
    agreeing: stage('agree-decommission', 'emptying'),
    /** What holds resources of the cloud goes while its controllers run; then all workloads. */
    emptying: stage('empty-cluster', 'draining'),
    /** Workers go node by node, so that none ends undrained with its stack. */
    draining: stage('drain-pools', 'removing'),
    removing: stage('remove-stacks', 'recording'),
    recording: stage('record-decommission', 'decommissioned'),
    decommissioned: { type: 'final' },
    cancelled: { type: 'final' },
  },
  output: ({ context }) => ({ cluster: context.clusterId, removed: context.removed }),
});
