import { assign, setup } from 'xstate';
import type { BisectInput, BisectOutput, BisectState, BisectTrial } from '../../domain/bisect.ts';
import type { UpdateResult } from '../../domain/cluster-update.ts';
import type { EngineEvent } from '../events.ts';
import type { OperatorEvent } from '../operator-events.ts';
import { keepFailure, nextWait } from '../stored-shapes.ts';

type BisectEvent = EngineEvent | OperatorEvent;

const outputOf = (event: BisectEvent): BisectOutput | null =>
  event.type === 'STEP_DONE' ? (event.output as unknown as BisectOutput) : null;

/** Searches for the commit of a batch that made its channel halt, by updates of clusters that failed; one at a time. */
export const bisectMachine = setup({
  types: { context: {} as BisectState, events: {} as BisectEvent, input: {} as BisectInput },
  actions: {
    keepOutput: assign(({ context, event }) => {
      const output = outputOf(event);
      if (output?.kind === 'planned') {
        const { kind: _, ...plan } = output;
        return { ...plan, wait: null, failure: null };
      }
      if (output?.kind === 'tried') return { trials: [...context.trials, output.trial], wait: null, failure: null };
      return output?.kind === 'ended' ? { verdict: output.verdict, wait: null, failure: null } : {};
    }),
    keepWait: assign(({ context, event }) =>
      event.type === 'STEP_WAITING' ? { wait: nextWait(context.wait, event.reason, event.now), failure: null } : {},
    ),
    keepFailure: assign(({ event }) => (event.type === 'STEP_FAILED' ? { failure: keepFailure(event.failure) } : {})),
    keepChild: assign(({ context, event }) =>
      event.type === 'CHILD_FINISHED' && event.machine === 'clusterUpdate'
        ? { trials: afterTrial(context, event), wait: null }
        : {},
    ),
    forgetWait: assign({ wait: null }),
  },
  guards: { ended: ({ event }) => outputOf(event)?.kind === 'ended' },
}).createMachine({
  id: 'bisect',
  context: ({ input }) => ({
    channel: input.channel,
    commit: input.commit,
    tree: input.tree,
    rolloutId: input.rolloutId,
    good: null,
    candidates: null,
    clusters: [],
    trials: [],
    limits: { clusters: 0, attempts: 0 },
    verdict: null,
    wait: null,
    failure: null,
  }),
  initial: 'searching',
  states: {
    searching: {
      meta: { step: 'bisect-channel' },
      on: {
        STEP_DONE: [{ guard: 'ended', target: 'over', actions: 'keepOutput' }, { actions: 'keepOutput' }],
        STEP_WAITING: { actions: 'keepWait' },
        STEP_FAILED: { actions: 'keepFailure' },
        CHILD_FINISHED: { actions: 'keepChild' },
        LOOK: { actions: 'forgetWait' },
      },
    },
    over: { type: 'final' },
  },
  output: ({ context }) => ({ channel: context.channel, commit: context.commit, verdict: context.verdict }),
});

/** A failure counts only when it is the one that halted the channel: any other says nothing about the commit. */
function afterTrial(
  { trials, clusters }: BisectState,
  event: { child: string; cluster: string; output: unknown },
): BisectTrial[] {
  const { result, failure } = event.output as UpdateResult;
  return trials.map((trial) => {
    const own = trial.cluster === event.cluster && event.child.endsWith(`:${trial.attempt}`);
    if (!own || trial.result !== 'inFlight' || !event.child.includes(trial.commit)) return trial;
    const code = clusters.find((one) => one.id === trial.cluster)?.code;
    const said = result === 'updated' ? 'passed' : result === 'failed' && failure?.code === code ? 'failed' : 'none';
    return { ...trial, result: said };
  });
}
