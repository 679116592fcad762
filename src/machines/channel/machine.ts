import { assign, setup } from 'xstate';
import type { ChannelMove, ChannelMoveOutput, ChannelProgress } from '../../domain/channel.ts';
import type { EngineEvent } from '../events.ts';
import type { OperatorEvent } from '../operator-events.ts';
import { keepFailure, nextWait, pauseOf } from '../stored-shapes.ts';
import { afterCatchUp } from './catch-ups.ts';
import type { ChannelContext, ChannelInput } from './context.ts';

export type ChannelEvent =
  | EngineEvent
  | OperatorEvent
  /** clm moved the branch of this channel: no need to wait for the next poll. */
  | { type: 'HEAD_MOVED'; commit: string }
  /** The rollout of this commit passed every gate. */
  | { type: 'ROLLOUT_PROVEN'; commit: string }
  /** The head is to blame for its halt, and what it contains of good commits need not wait for the next one. */
  | { type: 'STAND_IN'; commit: string; head: string; reason: string }
  /** Somebody wants a new commit on the branch: a hotfix, a rollback, a change that goes around a channel. */
  | { type: 'MOVE'; move: ChannelMove };

const keptMoves = 20;
const moveOutput = (event: ChannelEvent): ChannelMoveOutput | null =>
  event.type === 'STEP_DONE' ? (event.output as unknown as ChannelMoveOutput) : null;

const progressOf = (event: ChannelEvent): ChannelProgress => {
  const value = event.type === 'STEP_DONE' ? event.output : event.type === 'STEP_WAITING' ? event.progress : null;
  return (value ?? {}) as ChannelProgress;
};

/**
 * One row a channel, for as long as there is a daemon: it follows the branch and starts rollouts. Paused, it goes on watching, and
 * starts nothing.
 */
export const channelMachine = setup({
  types: { context: {} as ChannelContext, events: {} as ChannelEvent, input: {} as ChannelInput },
  actions: {
    keepProgress: assign(({ event }) => ({ ...progressOf(event), failure: null })),
    keepWait: assign(({ context, event }) =>
      event.type === 'STEP_WAITING' ? { wait: nextWait(context.wait, event.reason, event.now) } : {},
    ),
    keepFailure: assign(({ event }) => (event.type === 'STEP_FAILED' ? { failure: keepFailure(event.failure) } : {})),
    keepPause: assign(({ event }) => (event.type === 'PAUSE' ? { paused: pauseOf(event) } : {})),
    forgetPause: assign({ paused: null }),
    forgetWait: assign({ wait: null }),
    keepMove: assign(({ event }) =>
      event.type === 'MOVE' ? { move: { ...event.move, made: null }, wait: null, failure: null } : {},
    ),
    keepMade: assign(({ context, event }) => {
      const output = moveOutput(event);
      return output?.kind === 'made' && context.move !== null
        ? { move: { ...context.move, made: { from: output.from, to: output.to } } }
        : {};
    }),
    endMove: assign(({ context }) => ({
      move: null,
      moved: context.move === null ? context.moved : [...context.moved, context.move.id].slice(-keptMoves),
      wait: null,
    })),
    keepChild: assign(({ context, event }) =>
      event.type === 'CHILD_FINISHED' && event.machine === 'clusterUpdate'
        ? { catchUps: afterCatchUp(context.catchUps, event) }
        : {},
    ),
    retryCatchUps: assign(({ context, event }) => ({
      catchUps: Object.fromEntries(
        Object.entries(context.catchUps).filter(
          ([id, one]) => one.state !== 'failed' || (event.type === 'RETRY' && (event.cluster ?? id) !== id),
        ),
      ),
      wait: null,
    })),
    keepStandIn: assign(({ context, event }) =>
      event.type === 'STAND_IN' && event.head === context.handled
        ? { standIn: { commit: event.commit, head: event.head, reason: event.reason, rollout: null }, wait: null }
        : {},
    ),
    keepProven: assign(({ event }) => (event.type === 'ROLLOUT_PROVEN' ? { proven: event.commit } : {})),
  },
  guards: {
    newMove: ({ context, event }) => event.type === 'MOVE' && !context.moved.includes(event.move.id),
    made: ({ event }) => moveOutput(event)?.kind === 'made',
    isPaused: ({ context }) => context.paused !== null,
    pauseEnded: ({ context, event }) =>
      (event.type === 'STEP_WAITING' || event.type === 'STEP_DONE') &&
      context.paused?.expiresAt != null &&
      event.now >= context.paused.expiresAt,
  },
}).createMachine({
  id: 'channel',
  context: ({ input }) => ({
    channel: input.channel,
    head: null,
    subject: null,
    lastGood: null,
    proven: null,
    handled: null,
    standIn: null,
    frozen: false,
    problem: null,
    move: null,
    moved: [],
    catchUps: {},
    paused: null,
    wait: null,
    failure: null,
  }),
  initial: 'watching',
  on: {
    STEP_FAILED: { actions: 'keepFailure' },
    // the step looks at once after any message; a branch that moved needs nothing kept
    HEAD_MOVED: { actions: 'forgetWait' },
    STAND_IN: { actions: 'keepStandIn' },
    ROLLOUT_PROVEN: { actions: ['keepProven', 'forgetWait'] },
    RETRY: { actions: 'retryCatchUps' },
    LOOK: { actions: 'forgetWait' },
    CHILD_FINISHED: { actions: 'keepChild' },
  },
  states: {
    watching: {
      meta: { step: 'watch-channel' },
      on: {
        STEP_DONE: { actions: 'keepProgress' },
        STEP_WAITING: { actions: ['keepProgress', 'keepWait'] },
        PAUSE: { target: 'paused', actions: 'keepPause' },
        MOVE: { guard: 'newMove', target: 'moving', actions: 'keepMove' },
      },
    },
    /** A new commit is made on the head, then pushed: kept in between, so that a repeat pushes the same one. */
    moving: {
      meta: { step: 'move-channel' },
      on: {
        STEP_DONE: [
          { guard: 'made', actions: 'keepMade' },
          { guard: 'isPaused', target: 'paused', actions: 'endMove' },
          { target: 'watching', actions: 'endMove' },
        ],
        STEP_WAITING: { actions: 'keepWait' },
        PAUSE: { actions: 'keepPause' },
        RESUME: { actions: 'forgetPause' },
      },
    },
    paused: {
      meta: { step: 'watch-channel' },
      on: {
        STEP_DONE: [
          { guard: 'pauseEnded', target: 'watching', actions: ['keepProgress', 'forgetPause'] },
          { actions: 'keepProgress' },
        ],
        STEP_WAITING: [
          { guard: 'pauseEnded', target: 'watching', actions: ['keepProgress', 'forgetPause', 'forgetWait'] },
          { actions: ['keepProgress', 'keepWait'] },
        ],
        MOVE: { guard: 'newMove', target: 'moving', actions: 'keepMove' },
        PAUSE: { actions: 'keepPause' },
        RESUME: { target: 'watching', actions: ['forgetPause', 'forgetWait'] },
      },
    },
  },
});
