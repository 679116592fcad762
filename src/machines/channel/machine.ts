import { assign, setup } from 'xstate';
import type { ChannelProgress } from '../../domain/channel.ts';
import type { EngineEvent } from '../events.ts';
import type { OperatorEvent } from '../operator-events.ts';
import { keepFailure, nextWait, pauseOf } from '../stored-shapes.ts';
import type { ChannelContext, ChannelInput } from './context.ts';

export type ChannelEvent =
  | EngineEvent
  | OperatorEvent
  /** clm moved the branch of this channel: no need to wait for the next poll. */
  | { type: 'HEAD_MOVED'; commit: string }
  /** The rollout of this commit passed every gate. */
  | { type: 'ROLLOUT_PROVEN'; commit: string };

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
    keepProven: assign(({ event }) => (event.type === 'ROLLOUT_PROVEN' ? { proven: event.commit } : {})),
  },
  guards: {
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
    frozen: false,
    problem: null,
    paused: null,
    wait: null,
    failure: null,
  }),
  initial: 'watching',
  on: {
    STEP_FAILED: { actions: 'keepFailure' },
    // the step looks at once after any message; a branch that moved needs nothing kept
    HEAD_MOVED: { actions: 'forgetWait' },
    ROLLOUT_PROVEN: { actions: ['keepProven', 'forgetWait'] },
    RETRY: { actions: 'forgetWait' },
  },
  states: {
    watching: {
      meta: { step: 'watch-channel' },
      on: {
        STEP_DONE: { actions: 'keepProgress' },
        STEP_WAITING: { actions: ['keepProgress', 'keepWait'] },
        PAUSE: { target: 'paused', actions: 'keepPause' },
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
        PAUSE: { actions: 'keepPause' },
        RESUME: { target: 'watching', actions: ['forgetPause', 'forgetWait'] },
      },
    },
  },
});
