import { assign, setup } from 'xstate';
import type { EngineEvent } from '../events.ts';
import { type E2eRunContext, type E2eRunInput, maxRounds, type StoredCheckResult } from './context.ts';

type Event = EngineEvent | { type: 'ABORT'; reason?: string } | { type: 'SUPERSEDE'; by?: string };

interface Progress {
  results: StoredCheckResult[];
  running: string[];
  total: number;
  endsAt: number;
}

/** Transient failures of the step itself (the cluster cannot even be asked) before the run gives up without a verdict. */
const maxFailures = 10;
const passing = new Set(['pass', 'flaky', 'skipped']);
const withoutVerdict = new Set(['error', 'cancelled']);

const progressOf = (event: Event): Progress =>
  (event.type === 'STEP_DONE' ? event.output : null) as unknown as Progress;
const blocks = (result: StoredCheckResult): boolean => result.gate === 'blocking';
const hasErrors = (progress: Progress): boolean =>
  progress.results.some((result) => blocks(result) && withoutVerdict.has(result.outcome));
const isBad = (result: StoredCheckResult): boolean =>
  (blocks(result) && !passing.has(result.outcome)) || result.leaked.length > 0;
/** Skips are never green: at least one check must have passed (B5). What is left behind is a verdict of its own, and no green. */
const isGreen = (progress: Progress): boolean =>
  progress.results.length === progress.total &&
  !progress.results.some(isBad) &&
  progress.results.some((result) => result.outcome === 'pass' || result.outcome === 'flaky');

export const e2eRunMachine = setup({
  types: { context: {} as E2eRunContext, events: {} as Event, input: {} as E2eRunInput },
  actions: {
    keepProgress: assign(({ context, event }) => {
      if (event.type !== 'STEP_WAITING' && event.type !== 'STEP_DONE') return {};
      const progress = (event.type === 'STEP_DONE' ? event.output : event.progress) as unknown as Progress | null;
      const wait = event.type === 'STEP_WAITING' ? { code: event.reason.code, message: event.reason.message } : null;
      const startedAt = context.startedAt || event.now;
      if (progress === null) return { wait, startedAt };
      return { ...progress, wait, startedAt, failures: 0, failure: null };
    }),
    keepFailure: assign(({ context, event }) =>
      event.type === 'STEP_FAILED'
        ? {
            failures: context.failures + 1,
            failure: { kind: event.failure.kind, code: event.failure.code, message: event.failure.message },
          }
        : {},
    ),
    passed: assign({ result: 'passed' }),
    failed: assign({ result: 'failed' }),
    noVerdict: assign({ result: 'error' }),
    nextRound: assign(({ context }) => ({
      round: context.round + 1,
      results: context.results.filter((result) => !withoutVerdict.has(result.outcome)),
      running: [],
    })),
  },
  guards: {
    passed: ({ event }) => isGreen(progressOf(event)),
    mayTryAgain: ({ context, event }) => hasErrors(progressOf(event)) && context.round + 1 < maxRounds,
    noVerdict: ({ event }) => hasErrors(progressOf(event)),
    givesUp: ({ context, event }) =>
      event.type === 'STEP_FAILED' && (event.failure.kind === 'terminal' || context.failures + 1 >= maxFailures),
  },
}).createMachine({
  id: 'e2eRun',
  context: ({ input }) => ({
    clusterId: input.clusterId,
    channel: input.channel,
    commit: input.commit,
    version: input.version,
    updateId: input.updateId,
    attempt: input.attempt,
    profile: input.profile,
    ...(input.purpose === undefined ? {} : { purpose: input.purpose }),
    ...(input.newSince === undefined ? {} : { newSince: input.newSince }),
    round: 0,
    startedAt: 0,
    results: [],
    running: [],
    total: 0,
    endsAt: 0,
    failures: 0,
    wait: null,
    failure: null,
    result: null,
  }),
  initial: 'running',
  states: {
    running: {
      meta: { step: 'run-checks', quick: true },
      on: {
        STEP_WAITING: { actions: 'keepProgress' },
        STEP_DONE: [
          { guard: 'passed', target: 'passed', actions: 'keepProgress' },
          { guard: 'mayTryAgain', target: 'running', reenter: true, actions: ['keepProgress', 'nextRound'] },
          { guard: 'noVerdict', target: 'error', actions: 'keepProgress' },
          { target: 'failed', actions: 'keepProgress' },
        ],
        STEP_FAILED: [{ guard: 'givesUp', target: 'error', actions: 'keepFailure' }, { actions: 'keepFailure' }],
        ABORT: 'cancelling',
        SUPERSEDE: 'cancelling',
      },
    },
    cancelling: {
      meta: { step: 'cancel-checks' },
      on: {
        STEP_DONE: 'cancelled',
        STEP_FAILED: [{ guard: 'givesUp', target: 'cancelled', actions: 'keepFailure' }, { actions: 'keepFailure' }],
      },
    },
    passed: { type: 'final', entry: 'passed' },
    failed: { type: 'final', entry: 'failed' },
    error: { type: 'final', entry: 'noVerdict' },
    cancelled: { type: 'final', entry: 'noVerdict' },
  },
  output: ({ context }) => {
    const passed = context.results.filter((r) => r.outcome === 'pass' || r.outcome === 'flaky').length;
    const skipped = context.results.filter((r) => r.outcome === 'skipped').length;
    const failures = context.results.filter(isBad).map((r) => ({
      check: r.check,
      outcome: r.outcome,
      message: r.leaked.length > 0 ? `${r.message}; left behind: ${r.leaked.join(', ')}` : r.message,
      ...(r.odds === undefined ? {} : { odds: r.odds }),
      signature: r.leaked.length > 0 ? '' : (r.signature ?? ''),
    }));
    const flaky = context.results.filter((r) => r.outcome === 'flaky').map((r) => r.check);
    // what is said of new nodes beside old ones counts in words, too
    const compares = (r: StoredCheckResult): boolean => context.purpose === 'mid-roll' && !isBad(r);
    const said = context.results.filter(compares).map(({ check, outcome, message }) => ({ check, outcome, message }));
    const counts = { passed, skipped, failed: failures.length };
    return { result: context.result ?? 'error', ...counts, failures, flaky, ...(said.length === 0 ? {} : { said }) };
  },
});
