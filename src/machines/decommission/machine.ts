import { assign, setup } from 'xstate';
import type { DecommissionInput, DecommissionOutput, DecommissionState } from '../../domain/decommission.ts';
import type { EngineEvent } from '../events.ts';
import type { OperatorEvent } from '../operator-events.ts';
import { keepFailure, nextWait } from '../stored-shapes.ts';

type DecommissionEvent = EngineEvent | OperatorEvent;

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
    keepOutput: assign(({ event }) => {
      const { asked, removed } = outputOf(event) ?? {};
      return {
        failure: null,
        ...(asked === undefined ? {} : { asked }),
        ...(removed === undefined ? {} : { removed }),
      };
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

/** Takes one cluster away: agreed upon, emptied, its stacks deleted in order, and what is left over told. */
export const decommissionMachine = base.createMachine({
  id: 'decommission',
  context: ({ input }) => ({
    clusterId: input.clusterId,
    channel: input.channel,
    requestedAt: 0,
    asked: null,
    since: 0,
    removed: [],
    wait: null,
    failure: null,
  }),
  initial: 'agreeing',
  on: {
    STEP_WAITING: { actions: 'keepWait' },
    STEP_FAILED: { actions: 'keepFailure' },
    LOOK: { actions: 'forgetWait' },
    RETRY: { actions: 'retryNow' },
  },
  states: {
    /** Asked for, confirmed, cooled off, alone, and nobody's workloads or volumes are there (B10). Nothing was touched so far. */
    agreeing: stage('agree-decommission', 'emptying'),
    /** What holds resources of the cloud goes while its controllers run; then all workloads. */
    emptying: stage('empty-cluster', 'removing'),
    removing: stage('remove-stacks', 'recording'),
    recording: stage('record-decommission', 'decommissioned'),
    decommissioned: { type: 'final' },
    cancelled: { type: 'final' },
  },
  output: ({ context }) => ({ cluster: context.clusterId, removed: context.removed }),
});
