import { assign, setup } from 'xstate';
import type { PromotionInput, PromotionOutput, PromotionState } from '../../domain/promotion.ts';
import type { EngineEvent } from '../events.ts';
import type { OperatorEvent } from '../operator-events.ts';
import { keepFailure, nextWait, pauseOf } from '../stored-shapes.ts';

export type PromotionEvent = EngineEvent | OperatorEvent;

const outputOf = (event: PromotionEvent): PromotionOutput | null =>
  event.type === 'STEP_DONE' ? (event.output as unknown as PromotionOutput) : null;
const is =
  (kind: PromotionOutput['kind']) =>
  ({ event }: { event: PromotionEvent }): boolean =>
    outputOf(event)?.kind === kind;

/** Moves one proven version to one target channel, by fast-forward of its branch. */
export const promotionMachine = setup({
  types: { context: {} as PromotionState, events: {} as PromotionEvent, input: {} as PromotionInput },
  actions: {
    keepMove: assign(({ event }) => {
      const output = outputOf(event);
      if (output?.kind !== 'cleared' && output?.kind !== 'review') return {};
      // a refusal of the request is only over when the request is open again
      const problem = output.kind === 'cleared' ? { problem: null } : {};
      return { branch: output.branch, from: output.from, wait: null, failure: null, ...problem };
    }),
    keepProblem: assign(({ event }) => {
      const output = outputOf(event);
      return output?.kind === 'held' && event.type === 'STEP_DONE'
        ? { problem: { code: output.code, message: output.message, since: event.now }, failure: null }
        : {};
    }),
    keepReview: assign(({ context, event }) => {
      const output = outputOf(event);
      if (output?.kind === 'proposed')
        return { review: { id: output.id, url: output.url, approvedBy: null }, problem: null };
      return output?.kind === 'reviewed' && context.review !== null
        ? { review: { ...context.review, approvedBy: output.by }, wait: null, problem: null }
        : {};
    }),
    forgetWait: assign({ wait: null }),
    forgetProblem: assign({ problem: null }),
    keepContained: assign(({ event }) => {
      const output = outputOf(event);
      return output?.kind === 'contained' ? { containedIn: output.in } : {};
    }),
    keepSuperseded: assign(({ event }) => (event.type === 'SUPERSEDE' ? { containedIn: event.by } : {})),
    keepWait: assign(({ context, event }) =>
      event.type === 'STEP_WAITING' ? { wait: nextWait(context.wait, event.reason, event.now), failure: null } : {},
    ),
    keepFailure: assign(({ event }) =>
      event.type === 'STEP_FAILED'
        ? {
            failure: keepFailure(event.failure),
            ...(event.failure.kind === 'terminal'
              ? { problem: { code: event.failure.code, message: event.failure.message, since: event.now } }
              : {}),
          }
        : {},
    ),
    keepPause: assign(({ event }) => (event.type === 'PAUSE' ? { paused: pauseOf(event) } : {})),
    forgetPause: assign({ paused: null, wait: null }),
  },
  guards: {
    cleared: is('cleared'),
    held: is('held'),
    review: is('review'),
    proposed: is('proposed'),
    reviewed: is('reviewed'),
    moved: is('moved'),
    merged: is('merged'),
    contained: is('contained'),
    terminal: ({ event }) => event.type === 'STEP_FAILED' && event.failure.kind === 'terminal',
  },
}).createMachine({
  id: 'promotion',
  context: ({ input }) => ({
    channel: input.channel,
    target: input.target,
    commit: input.commit,
    tree: input.tree,
    rolloutId: input.rolloutId,
    branch: null,
    from: null,
    paused: null,
    problem: null,
    containedIn: null,
    review: null,
    wait: null,
    failure: null,
  }),
  initial: 'checking',
  on: {
    STEP_WAITING: { actions: 'keepWait' },
    ABORT: '.aborted',
    LOOK: { actions: 'forgetWait' },
    SUPERSEDE: { target: '.superseded', actions: 'keepSuperseded' },
  },
  states: {
    /** Every reason against the move is looked at again here: evidence, freezes, where the target is. */
    checking: {
      meta: { step: 'check-promotion' },
      on: {
        STEP_DONE: [
          { guard: 'cleared', target: 'moving', actions: 'keepMove' },
          { guard: 'review', target: 'reviewing', actions: 'keepMove' },
          { guard: 'contained', target: 'superseded', actions: 'keepContained' },
          { guard: 'held', target: 'held', actions: 'keepProblem' },
        ],
        STEP_FAILED: [{ guard: 'terminal', target: 'held', actions: 'keepFailure' }, { actions: 'keepFailure' }],
        PAUSE: { target: 'paused', actions: 'keepPause' },
      },
    },
    /** Somebody has to approve the pull request, or the proposal branch. */
    reviewing: {
      meta: { step: 'review-promotion' },
      on: {
        STEP_WAITING: { actions: ['keepWait', 'forgetProblem'] },
        STEP_DONE: [
          { guard: 'proposed', actions: 'keepReview' },
          { guard: 'reviewed', target: 'checking', actions: 'keepReview' },
          { guard: 'merged', target: 'promoted' },
          { guard: 'held', target: 'held', actions: 'keepProblem' },
          { target: 'checking' },
        ],
        STEP_FAILED: [{ guard: 'terminal', target: 'held', actions: 'keepFailure' }, { actions: 'keepFailure' }],
        PAUSE: { target: 'paused', actions: 'keepPause' },
        RETRY: 'checking',
      },
    },
    moving: {
      meta: { step: 'move-branch' },
      on: {
        STEP_DONE: [
          { guard: 'moved', target: 'promoted' },
          { guard: 'merged', target: 'promoted' },
          { guard: 'held', target: 'held', actions: 'keepProblem' },
          { target: 'checking' },
        ],
        STEP_FAILED: [{ guard: 'terminal', target: 'held', actions: 'keepFailure' }, { actions: 'keepFailure' }],
        PAUSE: { target: 'paused', actions: 'keepPause' },
      },
    },
    held: {
      meta: { step: 'hold-promotion' },
      on: {
        STEP_DONE: 'checking',
        STEP_FAILED: { actions: 'keepFailure' },
        RETRY: 'checking',
        LOOK: 'checking',
        PAUSE: { target: 'paused', actions: 'keepPause' },
      },
    },
    paused: {
      meta: { step: 'pause-promotion' },
      on: {
        STEP_DONE: { target: 'checking', actions: 'forgetPause' },
        STEP_FAILED: { actions: 'keepFailure' },
        PAUSE: { actions: 'keepPause' },
        RESUME: { target: 'checking', actions: 'forgetPause' },
      },
    },
    promoted: { type: 'final' },
    superseded: { type: 'final' },
    aborted: { type: 'final' },
  },
  output: ({ context }) => ({
    channel: context.channel,
    target: context.target,
    commit: context.commit,
    from: context.from,
    containedIn: context.containedIn,
  }),
});
