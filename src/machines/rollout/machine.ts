import { assign, setup } from 'xstate';
import { firstOfRollout } from '../../domain/attempts.ts';
import type { ResumableState, RolloutInput, RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import type { EngineEvent } from '../events.ts';
import type { OperatorEvent } from '../operator-events.ts';
import { keepFailure, nextWait, pauseOf } from '../stored-shapes.ts';

import {
  afterChildFinished,
  afterRetry,
  failuresOf,
  withJoined,
  withMember,
  withoutTold,
  withStarted,
  withStates,
} from './members.ts';

type RolloutEvent =
  | EngineEvent
  | OperatorEvent
  | { type: 'CLUSTER_BLOCKED'; cluster: string; code: string; message: string; data?: unknown }
  | { type: 'CLUSTER_STALLED'; cluster: string; code: string; message: string }
  | { type: 'CLUSTER_RECOVERED'; cluster: string };

const outputOf = (event: RolloutEvent): RolloutOutput | null =>
  event.type === 'STEP_DONE' ? (event.output as unknown as RolloutOutput) : null;
const is =
  (kind: RolloutOutput['kind']) =>
  ({ event }: { event: RolloutEvent }): boolean =>
    outputOf(event)?.kind === kind;
const resumesTo =
  (state: ResumableState) =>
  ({ context }: { context: RolloutState }): boolean =>
    context.resumeTo === state;

const base = setup({
  types: { context: {} as RolloutState, events: {} as RolloutEvent, input: {} as RolloutInput },
  actions: {
    keepPlan: assign(({ event }) => {
      const output = outputOf(event);
      if (output?.kind !== 'planned') return {};
      const { kind: _, ...plan } = output;
      return { ...plan, failure: null, wait: null };
    }),
    keepAdvance: assign(({ context, event }) => {
      const output = outputOf(event);
      if (output?.kind !== 'advanced') return {};
      const { joined = [], skipped = [], back = [], rested = [] } = output;
      const known = withStates(
        withStates(withJoined(context.members, joined, context.firstAttempt), skipped, 'skipped'),
        back,
        'pending',
      );
      const started = withStarted(known, output.started);
      return {
        members: withStates(started, output.left, 'left'),
        maxFailures: output.maxFailures,
        poke: context.poke.filter((cluster) => !output.poked.includes(cluster)),
        told: output.resumed ? [] : context.told,
        resting: output.resumed ? [] : [...context.resting, ...rested],
        // clusters in flight begin a wave: what was healthy before it has been counted
        waveSoak: output.started.length > 0 ? null : context.waveSoak,
        failure: null,
      };
    }),
    keepLook: assign(({ event }) => {
      const output = outputOf(event);
      const progress = event.type === 'STEP_WAITING' ? (event.progress as Partial<RolloutState> | null) : null;
      if (output?.kind === 'inconclusive' || output?.kind === 'proven') return { gates: output.gates };
      if (progress === null || typeof progress !== 'object') return {};
      return {
        ...(progress.gates === undefined ? {} : { gates: progress.gates }),
        ...(progress.waveSoak === undefined ? {} : { waveSoak: progress.waveSoak }),
      };
    }),
    keepInconclusive: assign(({ event }) => {
      const output = outputOf(event);
      if (output?.kind !== 'inconclusive') return {};
      return { paused: { by: `gate ${output.gate}`, reason: output.message, expiresAt: null }, wait: null };
    }),
    keepAnswered: assign(({ context }) => ({
      halt: context.halt === null ? null : { ...context.halt, answered: true },
    })),
    keepSoak: assign(({ event }) => {
      const output = outputOf(event);
      const progress = event.type === 'STEP_WAITING' ? event.progress : null;
      const soak =
        output?.kind === 'soaked' || output?.kind === 'repaid'
          ? output.soak
          : ((progress as { soak?: RolloutState['soak'] } | null)?.soak ?? undefined);
      return soak === undefined ? {} : { soak, failure: null };
    }),
    keepWait: assign(({ context, event }) =>
      event.type === 'STEP_WAITING' ? { wait: nextWait(context.wait, event.reason, event.now), failure: null } : {},
    ),
    forgetWait: assign({ wait: null }),
    /** The soak counts from the last cluster that was verified: every way back to updating starts it anew. */
    newSoak: assign({ soak: null, gates: [], wait: null }),
    keepFailure: assign(({ event }) => (event.type === 'STEP_FAILED' ? { failure: keepFailure(event.failure) } : {})),
    keepChild: assign(({ context, event }) =>
      event.type === 'CHILD_FINISHED' && event.machine === 'clusterUpdate'
        ? { members: afterChildFinished(context.members, event), told: withoutTold(context.told, event.child) }
        : {},
    ),
    keepBlocked: assign(({ context, event }) => {
      if (event.type !== 'CLUSTER_BLOCKED') return {};
      const { cluster, code, message, data } = event;
      const blocked = data === undefined ? { code, message } : { code, message, data };
      return { members: withMember(context.members, cluster, { blocked }) };
    }),
    keepStalled: assign(({ context, event }) =>
      event.type === 'CLUSTER_STALLED'
        ? {
            members: withMember(context.members, event.cluster, {
              stalled: { code: event.code, message: event.message },
            }),
          }
        : {},
    ),
    keepRecovered: assign(({ context, event }) =>
      event.type === 'CLUSTER_RECOVERED'
        ? { members: withMember(context.members, event.cluster, { blocked: null, stalled: null }) }
        : {},
    ),
    keepRetry: assign(({ context }) => ({ ...afterRetry(context.members), halt: null, wait: null, failure: null })),
    keepHalt: assign(({ event }) => {
      const output = outputOf(event);
      if (event.type === 'STEP_FAILED') {
        return { halt: { code: event.failure.code, message: event.failure.message, since: event.now }, wait: null };
      }
      return output?.kind === 'halt' && event.type === 'STEP_DONE'
        ? { halt: { code: output.code, message: output.message, since: event.now }, wait: null, failure: null }
        : {};
    }),
    forgetHalt: assign({ halt: null }),
    keepPause: assign(({ event }) => (event.type === 'PAUSE' ? { paused: pauseOf(event) } : {})),
    keepTold: assign(({ context, event }) => {
      const output = outputOf(event);
      if (output?.kind !== 'told') return {};
      return context.stop === null
        ? { told: [...new Set([...context.told, ...output.children])] }
        : { stop: { ...context.stop, told: true } };
    }),
    forgetPause: assign({ paused: null, wait: null }),
    keepStop: assign(({ event }) => {
      if (event.type === 'SUPERSEDE') {
        const finish = event.finish === undefined ? {} : { finish: event.finish };
        const reason = `superseded by ${event.by}`;
        return { stop: { by: event.by, reason, told: false, ...finish }, paused: null, halt: null };
      }
      return event.type === 'ABORT'
        ? { stop: { by: event.by, reason: event.reason, told: false }, paused: null, halt: null }
        : {};
    }),
    inPlanned: assign({ resumeTo: 'planned' }),
    inUpdating: assign({ resumeTo: 'updating' }),
    inSoaking: assign({ resumeTo: 'soaking' }),
    inGating: assign({ resumeTo: 'gating' }),
    inRepaying: assign({ resumeTo: 'repaying' }),
  },
  guards: {
    planned: is('planned'),
    advanced: is('advanced'),
    verified: is('verified'),
    soaked: is('soaked'),
    proven: is('proven'),
    provenOnCredit: ({ event }) => {
      const output = outputOf(event);
      return output?.kind === 'proven' && output.owes;
    },
    inconclusive: is('inconclusive'),
    answered: is('answered'),
    repaid: is('repaid'),
    halted: is('halt'),
    told: is('told'),
    stopped: is('stopped'),
    terminal: ({ event }) => event.type === 'STEP_FAILED' && event.failure.kind === 'terminal',
    retriesMembers: ({ context }) =>
      Object.values(context.members).some((member) => member.state === 'failed' || member.stalled !== null),
    resumesPlanned: resumesTo('planned'),
    resumesSoaking: resumesTo('soaking'),
    resumesGating: resumesTo('gating'),
    resumesRepaying: resumesTo('repaying'),
    haltOver: ({ context, event }) => {
      // whoever reports may be the first that passes: looked at anew
      if (context.halt?.code === 'nothing-passed') return true;
      if (context.halt?.code !== 'failure-budget-spent') return false;
      const members =
        event.type === 'CLUSTER_RECOVERED'
          ? withMember(context.members, event.cluster, { stalled: null })
          : event.type === 'CHILD_FINISHED'
            ? afterChildFinished(context.members, event)
            : context.members;
      return failuresOf(members).length <= context.maxFailures;
    },
  },
});

/** Reports of children are taken in every state; elsewhere than in the halt they change no state. */
const reports = {
  CHILD_FINISHED: { actions: 'keepChild' },
  CLUSTER_BLOCKED: { actions: 'keepBlocked' },
  CLUSTER_STALLED: { actions: 'keepStalled' },
  CLUSTER_RECOVERED: { actions: 'keepRecovered' },
  LOOK: { actions: 'forgetWait' },
} as const;

const interrupts = {
  PAUSE: { target: 'paused', actions: 'keepPause' },
  SUPERSEDE: { target: 'superseding', actions: 'keepStop' },
  ABORT: { target: 'aborting', actions: 'keepStop' },
} as const;

const failing = [{ guard: 'terminal', target: 'halted', actions: 'keepHalt' }, { actions: 'keepFailure' }] as const;

const whereItWas = [
  { guard: 'resumesPlanned', target: 'planned' },
  { guard: 'resumesSoaking', target: 'soaking' },
  { guard: 'resumesGating', target: 'gating' },
  { guard: 'resumesRepaying', target: 'repaying' },
  { target: 'updating' },
] as const;
const resume = whereItWas.map((branch) => ({ ...branch, actions: 'forgetPause' as const }));

/** One config version moving through one channel. */
export const rolloutMachine = base.createMachine({
  id: 'rollout',
  context: ({ input }) => ({
    channel: input.channel,
    commit: input.commit,
    tree: input.tree,
    subject: input.subject,
    requestedAt: input.requestedAt,
    lane: input.lane ?? 'normal',
    waived: input.waived ?? [],
    firstAttempt: input.firstAttempt ?? firstOfRollout(1),
    waves: [],
    members: {},
    ineligible: {},
    maxFailures: 0,
    warnings: [],
    soak: null,
    waveSoak: null,
    gates: [],
    resting: [],
    resumeTo: 'planned',
    paused: null,
    told: [],
    poke: [],
    halt: null,
    stop: null,
    wait: null,
    failure: null,
  }),
  initial: 'planned',
  on: reports,
  states: {
    planned: {
      entry: 'inPlanned',
      meta: { step: 'plan-rollout' },
      on: {
        ...interrupts,
        STEP_DONE: [
          { guard: 'planned', target: 'updating', actions: 'keepPlan' },
          { guard: 'halted', target: 'halted', actions: 'keepHalt' },
        ],
        STEP_WAITING: { actions: 'keepWait' },
        STEP_FAILED: failing,
      },
    },
    updating: {
      entry: 'inUpdating',
      meta: { step: 'advance-rollout', quick: true },
      on: {
        ...interrupts,
        STEP_DONE: [
          { guard: 'advanced', actions: 'keepAdvance' },
          { guard: 'verified', target: 'soaking', actions: 'newSoak' },
          { guard: 'halted', target: 'halted', actions: 'keepHalt' },
          { guard: 'inconclusive', target: 'paused', actions: ['keepLook', 'keepInconclusive'] },
        ],
        STEP_WAITING: { actions: ['keepLook', 'keepWait'] },
        STEP_FAILED: failing,
        RETRY: { actions: 'keepRetry' },
      },
    },
    soaking: {
      entry: 'inSoaking',
      meta: { step: 'soak-rollout' },
      on: {
        ...interrupts,
        STEP_DONE: [
          { guard: 'soaked', target: 'gating', actions: ['keepSoak', 'forgetWait'] },
          { guard: 'halted', target: 'halted', actions: 'keepHalt' },
        ],
        STEP_WAITING: { actions: ['keepSoak', 'keepWait'] },
        STEP_FAILED: failing,
        RETRY: { guard: 'retriesMembers', target: 'updating', actions: 'keepRetry' },
      },
    },
    gating: {
      entry: 'inGating',
      meta: { step: 'gate-rollout' },
      on: {
        ...interrupts,
        STEP_DONE: [
          { guard: 'provenOnCredit', target: 'repaying', actions: ['keepLook', 'forgetWait'] },
          { guard: 'proven', target: 'proven', actions: 'keepLook' },
          { guard: 'halted', target: 'halted', actions: 'keepHalt' },
          { guard: 'inconclusive', target: 'paused', actions: ['keepLook', 'keepInconclusive'] },
        ],
        STEP_WAITING: { actions: ['keepLook', 'keepWait'] },
        STEP_FAILED: failing,
        RETRY: [{ guard: 'retriesMembers', target: 'updating', actions: 'keepRetry' }, { actions: 'forgetWait' }],
      },
    },
    /** A hotfix went on without a soak: what it skipped is gathered afterwards, and promotions out of here wait for it. */
    repaying: {
      entry: 'inRepaying',
      meta: { step: 'repay-debt' },
      on: {
        ...interrupts,
        STEP_DONE: [
          { guard: 'repaid', target: 'proven', actions: ['keepSoak', 'forgetWait'] },
          { guard: 'halted', target: 'halted', actions: 'keepHalt' },
        ],
        STEP_WAITING: { actions: ['keepSoak', 'keepWait'] },
        STEP_FAILED: failing,
        RETRY: { guard: 'retriesMembers', target: 'updating', actions: 'keepRetry' },
      },
    },
    paused: {
      meta: { step: 'pause-rollout' },
      on: {
        ...interrupts,
        PAUSE: { actions: 'keepPause' },
        STEP_DONE: [{ guard: 'told', actions: 'keepTold' }, ...resume],
        STEP_WAITING: { actions: 'keepWait' },
        STEP_FAILED: { actions: 'keepFailure' },
        RESUME: resume,
      },
    },
    halted: {
      meta: { step: 'hold-halt', waitsFor: ['RETRY', 'SUPERSEDE', 'ABORT', 'CLUSTER_RECOVERED', 'CHILD_FINISHED'] },
      on: {
        STEP_DONE: { guard: 'answered', actions: 'keepAnswered' },
        STEP_WAITING: { actions: 'keepWait' },
        SUPERSEDE: interrupts.SUPERSEDE,
        ABORT: interrupts.ABORT,
        RETRY: whereItWas.map((branch) => ({
          ...branch,
          ...(branch.target === 'updating' || branch.target === 'planned' ? {} : { target: 'updating' as const }),
          actions: 'keepRetry' as const,
        })),
        CLUSTER_RECOVERED: [
          { guard: 'haltOver', target: 'updating', actions: ['keepRecovered', 'forgetHalt'] },
          { actions: 'keepRecovered' },
        ],
        CHILD_FINISHED: [
          { guard: 'haltOver', target: 'updating', actions: ['keepChild', 'forgetHalt'] },
          { actions: 'keepChild' },
        ],
      },
    },
    superseding: {
      meta: { step: 'stop-rollout' },
      on: {
        STEP_DONE: [
          { guard: 'told', actions: 'keepTold' },
          { guard: 'stopped', target: 'superseded' },
        ],
        STEP_WAITING: { actions: 'keepWait' },
        STEP_FAILED: { actions: 'keepFailure' },
        ABORT: { target: 'aborting', actions: 'keepStop' },
      },
    },
    aborting: {
      meta: { step: 'stop-rollout' },
      on: {
        STEP_DONE: [
          { guard: 'told', actions: 'keepTold' },
          { guard: 'stopped', target: 'aborted' },
        ],
        STEP_WAITING: { actions: 'keepWait' },
        STEP_FAILED: { actions: 'keepFailure' },
      },
    },
    proven: { type: 'final' },
    superseded: { type: 'final' },
    aborted: { type: 'final' },
  },
  output: ({ context }) => ({
    channel: context.channel,
    commit: context.commit,
    updated: Object.values(context.members).filter((member) => member.state === 'updated').length,
    failed: failuresOf(context.members).length,
    supersededBy: context.stop?.by ?? null,
  }),
});
