import { assign, setup } from 'xstate';
import type { CheckedNode, NodePoolRollInput } from '../../domain/node-pool-roll.ts';
import type { EngineEvent } from '../events.ts';
import type { OperatorEvent } from '../operator-events.ts';
import { keepFailure, nextWait, pauseOf } from '../stored-shapes.ts';
import { keptChecked, type NodePoolRollContext, type RollStepOutput, type RollStepResult } from './context.ts';

type Event =
  | EngineEvent
  | OperatorEvent
  /** `node`: the one that the checks looked at. */
  | { type: 'CHECKED'; node: string }
  /** Of a decommission: nothing of the cluster answers ever again, so nothing can be put back; the group goes with its stack. */
  | { type: 'WRITE_OFF'; by: string; reason: string };

/** Transient failures in a row before a roll gives up; with the engine's backoff this is most of a day. */
export const maxFailures = 200;

const outputOf = (event: Event): RollStepOutput =>
  (event.type === 'STEP_DONE' ? event.output : null) as unknown as RollStepOutput;
const goes = (event: Event, next: RollStepOutput['next']): boolean =>
  event.type === 'STEP_DONE' && outputOf(event).next === next;
const firstNodeOf = ({ memory }: NodePoolRollContext, node: string): CheckedNode | undefined =>
  memory?.firstNodes?.find((one) => one.node === node);
const reasonOf = (event: Event): string => {
  if (event.type === 'SUPERSEDE') return `superseded by ${event.by}`;
  if (event.type === 'ABORT') return `aborted by ${event.by}: ${event.reason}`;
  if (event.type === 'WRITE_OFF') return `given up by ${event.by}: ${event.reason}`;
  return 'aborted';
};

/** A pool's roll: prepared, rolled node by node, everything put back. Whatever ends it early passes through a clean-up first. */
export const nodePoolRollMachine = setup({
  types: { context: {} as NodePoolRollContext, events: {} as Event, input: {} as NodePoolRollInput },
  actions: {
    keepResult: assign(({ context, event }) => {
      if (event.type !== 'STEP_WAITING' && event.type !== 'STEP_DONE') return {};
      const raw = event.type === 'STEP_DONE' ? event.output : event.progress;
      const wait = event.type === 'STEP_WAITING' ? nextWait(context.wait, event.reason, event.now) : context.wait;
      if (raw === null) return { wait, failures: 0, failure: null };
      const { progress, memory, nodesReplaced } = raw as unknown as RollStepResult;
      return { progress, memory, nodesReplaced, wait, failures: 0, failure: null };
    }),
    keepReason: assign(({ event }) => (event.type === 'STEP_DONE' ? { reason: outputOf(event).reason } : {})),
    keepFailure: assign(({ context, event }) =>
      event.type === 'STEP_FAILED' ? { failures: context.failures + 1, failure: keepFailure(event.failure) } : {},
    ),
    failureIsReason: assign(({ event }) => (event.type === 'STEP_FAILED' ? { reason: event.failure.message } : {})),
    stopped: assign(({ event }) => ({ reason: reasonOf(event), paused: null, failures: 0 })),
    pause: assign(({ event }) => (event.type === 'PAUSE' ? { paused: pauseOf(event) } : {})),
    pauseItself: assign(({ event }) =>
      event.type === 'STEP_DONE'
        ? { paused: { by: 'clm', reason: outputOf(event).reason ?? 'changed by somebody else', expiresAt: null } }
        : {},
    ),
    revert: assign(({ event }) =>
      event.type === 'ROLLBACK' ? { revert: { by: event.by, reason: event.reason }, paused: null, failures: 0 } : {},
    ),
    resume: assign({ paused: null, failures: 0, failure: null, reason: null }),
    checked: assign(({ context, event }) => {
      const content = event.type === 'CHECKED' ? firstNodeOf(context, event.node)?.content : undefined;
      if (content === undefined) return {};
      return { checked: [...new Set([...(context.checked ?? []), content])].slice(-keptChecked) };
    }),
    forgetFailures: assign({ failures: 0, failure: null }),
    countAnew: assign({ failures: 0 }),
    forgetDrift: assign(({ context }) => ({
      memory: context.memory === null ? null : { ...context.memory, drift: null, bootFailures: 0 },
    })),
    rolled: assign({ result: 'rolled', wait: null }),
    revertIsReason: assign(({ context }) =>
      context.revert === null ? {} : { reason: `rolled back by ${context.revert.by}: ${context.revert.reason}` },
    ),
    aborted: assign({ result: 'aborted', wait: null }),
    failed: assign({ result: 'failed', wait: null }),
  },
  guards: {
    // one that has gone since says nothing of its successor
    checksFirstNode: ({ context, event }) => event.type === 'CHECKED' && firstNodeOf(context, event.node) !== undefined,
    goesOn: ({ event }) => goes(event, 'again'),
    reverts: ({ context }) => context.revert !== null,
    toRolling: ({ event }) => goes(event, 'rolling'),
    toFinalizing: ({ event }) => goes(event, 'finalizing'),
    toPaused: ({ event }) => goes(event, 'paused'),
    toFailing: ({ event }) => goes(event, 'failing'),
    finished: ({ event }) => goes(event, 'finished'),
    givesUp: ({ context, event }) =>
      event.type === 'STEP_FAILED' && (event.failure.kind === 'terminal' || context.failures + 1 >= maxFailures),
  },
}).createMachine({
  id: 'nodePoolRoll',
  context: ({ input }) => ({
    clusterId: input.clusterId,
    updateId: input.updateId,
    rolloutId: input.rolloutId,
    pool: input.pool,
    controlPlane: input.controlPlane,
    commit: input.commit,
    blockLimitMs: input.blockLimitMs,
    bootTimeoutMs: input.bootTimeoutMs,
    ...(input.surge === undefined ? {} : { surge: input.surge }),
    ...(input.checksFirst === undefined ? {} : { checksFirst: input.checksFirst }),
    ...(input.removes === undefined ? {} : { removes: input.removes }),
    progress: { total: 0, updated: 0, nodes: [] },
    memory: null,
    wait: null,
    paused: null,
    revert: null,
    failures: 0,
    failure: null,
    nodesReplaced: 0,
    reason: null,
    result: null,
  }),
  initial: 'preparing',
  on: {
    CHECKED: { guard: 'checksFirstNode', actions: 'checked' },
    WRITE_OFF: { target: '.aborted', actions: 'stopped' },
  },
  states: {
    preparing: {
      meta: { step: 'prepare-roll' },
      on: {
        STEP_WAITING: { actions: 'keepResult' },
        STEP_DONE: [
          { guard: 'goesOn', target: 'preparing', reenter: true, actions: 'keepResult' },
          { guard: 'toRolling', target: 'rolling', actions: 'keepResult' },
          { guard: 'toPaused', target: 'paused', actions: ['keepResult', 'keepReason', 'pauseItself'] },
          { guard: 'toFailing', target: 'failing', actions: ['keepResult', 'keepReason'] },
          { guard: 'reverts', target: 'aborted', actions: ['keepResult', 'revertIsReason'] },
          { target: 'rolled', actions: 'keepResult' },
        ],
        STEP_FAILED: [
          { guard: 'givesUp', target: 'failing', actions: ['keepFailure', 'failureIsReason', 'countAnew'] },
          { actions: 'keepFailure' },
        ],
        PAUSE: { target: 'paused', actions: 'pause' },
        RETRY: { target: 'preparing', reenter: true, actions: 'forgetFailures' },
        ROLLBACK: { target: 'reverting', actions: 'revert' },
        ABORT: { target: 'aborting', actions: 'stopped' },
        SUPERSEDE: { target: 'aborting', actions: 'stopped' },
      },
    },
    rolling: {
      meta: { step: 'roll-pool' },
      on: {
        STEP_WAITING: { actions: 'keepResult' },
        STEP_DONE: [
          { guard: 'goesOn', target: 'rolling', reenter: true, actions: 'keepResult' },
          { guard: 'toPaused', target: 'paused', actions: ['keepResult', 'keepReason', 'pauseItself'] },
          { guard: 'toFailing', target: 'failing', actions: ['keepResult', 'keepReason'] },
          { target: 'finalizing', actions: 'keepResult' },
        ],
        STEP_FAILED: [
          { guard: 'givesUp', target: 'failing', actions: ['keepFailure', 'failureIsReason', 'countAnew'] },
          { actions: 'keepFailure' },
        ],
        PAUSE: { target: 'paused', actions: 'pause' },
        RETRY: { target: 'rolling', reenter: true, actions: ['forgetFailures', 'forgetDrift'] },
        ROLLBACK: { target: 'reverting', actions: 'revert' },
        ABORT: { target: 'aborting', actions: 'stopped' },
        SUPERSEDE: { target: 'aborting', actions: 'stopped' },
      },
    },
    finalizing: {
      meta: { step: 'finalize-roll' },
      on: {
        STEP_WAITING: { actions: 'keepResult' },
        STEP_DONE: [
          { guard: 'goesOn', target: 'finalizing', reenter: true, actions: 'keepResult' },
          // outdated nodes turned up again: the template changed under a roll that was nearly over
          { guard: 'toRolling', target: 'rolling', actions: 'keepResult' },
          { guard: 'reverts', target: 'aborted', actions: ['keepResult', 'revertIsReason'] },
          { target: 'rolled', actions: 'keepResult' },
        ],
        STEP_FAILED: [
          { guard: 'givesUp', target: 'failed', actions: ['keepFailure', 'failureIsReason'] },
          { actions: 'keepFailure' },
        ],
        RETRY: { target: 'finalizing', reenter: true, actions: 'forgetFailures' },
      },
    },
    // the group gets the template of its old nodes back; then those are current, and the new ones are rolled
    reverting: {
      meta: { step: 'revert-roll' },
      on: {
        STEP_WAITING: { actions: 'keepResult' },
        STEP_DONE: [
          { guard: 'toFailing', target: 'failing', actions: ['keepResult', 'keepReason'] },
          { target: 'preparing', actions: 'keepResult' },
        ],
        STEP_FAILED: [
          { guard: 'givesUp', target: 'failing', actions: ['keepFailure', 'failureIsReason', 'countAnew'] },
          { actions: 'keepFailure' },
        ],
        RETRY: { target: 'reverting', reenter: true, actions: 'forgetFailures' },
        ABORT: { target: 'aborting', actions: 'stopped' },
        SUPERSEDE: { target: 'aborting', actions: 'stopped' },
      },
    },
    paused: {
      meta: { step: 'hold-roll' },
      on: {
        STEP_WAITING: { actions: 'keepResult' },
        STEP_DONE: { target: 'preparing', actions: ['keepResult', 'resume', 'forgetDrift'] },
        STEP_FAILED: { actions: 'keepFailure' },
        ROLLBACK: { target: 'reverting', actions: 'revert' },
        RESUME: { target: 'preparing', actions: ['resume', 'forgetDrift'] },
        PAUSE: { actions: 'pause' },
        ABORT: { target: 'aborting', actions: 'stopped' },
        SUPERSEDE: { target: 'aborting', actions: 'stopped' },
      },
    },
    aborting: {
      meta: { step: 'stop-roll' },
      on: {
        STEP_WAITING: { actions: 'keepResult' },
        STEP_DONE: [
          { guard: 'goesOn', target: 'aborting', reenter: true, actions: 'keepResult' },
          { target: 'aborted', actions: 'keepResult' },
        ],
        STEP_FAILED: [
          { guard: 'givesUp', target: 'aborted', actions: ['keepFailure', 'failureIsReason'] },
          { actions: 'keepFailure' },
        ],
        RETRY: { target: 'aborting', reenter: true, actions: 'forgetFailures' },
      },
    },
    failing: {
      meta: { step: 'stop-roll' },
      on: {
        STEP_WAITING: { actions: 'keepResult' },
        STEP_DONE: [
          { guard: 'goesOn', target: 'failing', reenter: true, actions: 'keepResult' },
          { target: 'failed', actions: 'keepResult' },
        ],
        STEP_FAILED: [{ guard: 'givesUp', target: 'failed', actions: 'keepFailure' }, { actions: 'keepFailure' }],
        RETRY: { target: 'failing', reenter: true, actions: 'forgetFailures' },
      },
    },
    rolled: { type: 'final', entry: 'rolled' },
    aborted: { type: 'final', entry: 'aborted' },
    failed: { type: 'final', entry: 'failed' },
  },
  output: ({ context }) => ({
    result: context.result ?? 'failed',
    pool: context.pool,
    nodesReplaced: context.nodesReplaced,
    evictions: context.memory?.evictions ?? 0,
    ...(context.reason === null ? {} : { reason: context.reason }),
  }),
});
