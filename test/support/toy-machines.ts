/** Small machines for tests of the engine: a fleet that starts members under a slot limit and collects what they return. */
import { type AnyStateMachine, assign, setup } from 'xstate';
import { z } from 'zod';
import type { EngineEvent, JsonValue, MachineModule } from '../../src/machines/events.ts';

function moduleOf(name: string, version: number, machine: AnyStateMachine, schema: z.ZodType): MachineModule {
  return {
    name,
    version,
    machine,
    parseContext: (context) => {
      const parsed = schema.safeParse(context);
      return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: z.prettifyError(parsed.error) };
    },
    migrations: {},
  };
}

const memberContext = z.strictObject({
  member: z.string(),
  waits: z.number(),
  failures: z.number(),
  paused: z.boolean(),
  reason: z.string(),
});
export type MemberContext = z.infer<typeof memberContext>;
type MemberEvent = EngineEvent | { type: 'PAUSE' } | { type: 'RESUME' } | { type: 'BREAK' };

const memberMachine = setup({
  types: { context: {} as MemberContext, events: {} as MemberEvent, input: {} as { member: string } },
}).createMachine({
  id: 'member',
  context: ({ input }) => ({ member: input.member, waits: 0, failures: 0, paused: false, reason: '' }),
  initial: 'applying',
  output: ({ context }) => ({ member: context.member, waits: context.waits }),
  on: {
    BREAK: {
      actions: assign(() => {
        throw new Error('this machine breaks on purpose');
      }),
    },
  },
  states: {
    applying: {
      meta: { step: 'apply' },
      on: {
        STEP_DONE: { target: 'verifying', actions: assign({ failures: 0 }) },
        STEP_FAILED: [
          { guard: ({ event }) => event.failure.kind === 'terminal', target: 'failed' },
          { actions: assign({ failures: ({ context }) => context.failures + 1 }) },
        ],
        PAUSE: { target: 'paused', actions: assign({ paused: true }) },
      },
    },
    verifying: {
      meta: { step: 'verify' },
      on: {
        STEP_DONE: { target: 'finished' },
        STEP_WAITING: {
          actions: assign({ waits: ({ context }) => context.waits + 1, reason: ({ event }) => event.reason.code }),
        },
      },
    },
    paused: {
      meta: { waitsFor: ['RESUME'] },
      on: { RESUME: { target: 'applying', actions: assign({ paused: false }) } },
    },
    finished: { type: 'final' },
    failed: { type: 'final' },
  },
});

/** applying → verifying → finished; `PAUSE` and `RESUME`; `BREAK` makes its reducer throw. */
export const member: MachineModule = moduleOf('member', 1, memberMachine, memberContext);

const fleetContext = z.strictObject({
  members: z.array(z.string()),
  started: z.array(z.string()),
  finished: z.array(z.string()),
  waitsFor: z.string(),
});
export type FleetContext = z.infer<typeof fleetContext>;

const fleetMachine = setup({
  types: { context: {} as FleetContext, events: {} as EngineEvent, input: {} as { members: string[] } },
}).createMachine({
  id: 'fleet',
  context: ({ input }) => ({ members: input.members, started: [], finished: [], waitsFor: '' }),
  initial: 'updating',
  output: ({ context }) => ({ finished: context.finished }),
  states: {
    updating: {
      meta: { step: 'startMembers' },
      always: { guard: ({ context }) => context.finished.length === context.members.length, target: 'reporting' },
      on: {
        STEP_DONE: {
          actions: assign({
            started: ({ context, event }) => [...context.started, nameOf(event.output)],
            waitsFor: '',
          }),
        },
        STEP_WAITING: { actions: assign({ waitsFor: ({ event }) => event.reason.code }) },
        CHILD_FINISHED: {
          actions: assign({
            finished: ({ context, event }) => [...context.finished, outputMember(event.output)].sort(),
          }),
        },
      },
    },
    reporting: { meta: { step: 'report' }, on: { STEP_DONE: { target: 'finished' } } },
    finished: { type: 'final' },
  },
});

function nameOf(value: JsonValue): string {
  return typeof value === 'string' ? value : '';
}

function outputMember(output: JsonValue): string {
  return typeof output === 'object' && output !== null && !Array.isArray(output)
    ? nameOf(output['member'] ?? null)
    : '';
}

/** Starts its members one by one, each holding a slot; reports when all have finished. */
export const fleet: MachineModule = moduleOf('fleet', 1, fleetMachine, fleetContext);

const counterContext = z.strictObject({ count: z.number(), target: z.number() });

const counterMachine = setup({
  types: {
    context: {} as z.infer<typeof counterContext>,
    events: {} as EngineEvent | { type: 'ADD'; amount: number },
    input: {} as { target: number },
  },
}).createMachine({
  id: 'counter',
  context: ({ input }) => ({ count: 0, target: input.target }),
  initial: 'counting',
  output: ({ context }) => ({ count: context.count }),
  states: {
    counting: {
      meta: { step: 'count' },
      always: { guard: ({ context }) => context.count >= context.target, target: 'finished' },
      on: {
        STEP_DONE: { actions: assign({ count: ({ context }) => context.count + 1 }) },
        ADD: { actions: assign({ count: ({ context, event }) => context.count + event.amount }) },
      },
    },
    finished: { type: 'final' },
  },
});

/** Counts one a step up to its target; `ADD` adds. */
export const counter: MachineModule = moduleOf('counter', 1, counterMachine, counterContext);
