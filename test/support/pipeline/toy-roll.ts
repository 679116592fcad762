/** A node pool roll that takes the time it is told to, and ends as it is told: the pipeline's tests do not roll nodes. */
import { assign, setup } from 'xstate';
import { z } from 'zod';
import type { NodePoolRollInput } from '../../../src/domain/node-pool-roll.ts';
import type { EngineEvent, MachineModule } from '../../../src/machines/events.ts';
import type { OperatorEvent } from '../../../src/machines/operator-events.ts';
import type { Step } from '../../../src/ports/step.ts';

const context = z.object({
  clusterId: z.string(),
  pool: z.string(),
  startedAt: z.number(),
  blockedTold: z.boolean(),
  result: z.enum(['rolled', 'aborted', 'failed']),
  reason: z.string(),
  removes: z.boolean(),
});
type Context = z.infer<typeof context>;
type Event = EngineEvent | OperatorEvent | { type: 'WRITE_OFF'; reason: string };

const machine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as NodePoolRollInput },
}).createMachine({
  id: 'nodePoolRoll',
  context: ({ input }) => ({
    clusterId: input.clusterId,
    pool: input.pool,
    startedAt: 0,
    blockedTold: false,
    result: 'rolled' as const,
    reason: '',
    removes: input.removes === true,
  }),
  initial: 'rolling',
  on: {
    WRITE_OFF: {
      target: '.finished',
      actions: assign({ result: 'aborted' as const, reason: ({ event }) => event.reason }),
    },
  },
  states: {
    rolling: {
      meta: { step: 'toy-roll', quick: true },
      on: {
        STEP_WAITING: {
          actions: assign(({ context: before, event }) => ({
            startedAt: before.startedAt === 0 ? event.now : before.startedAt,
            blockedTold: event.reason.code === 'blocked',
          })),
        },
        STEP_DONE: [
          {
            guard: ({ event }) => event.output !== 'rolled',
            target: 'finished',
            actions: assign({
              result: 'failed' as const,
              reason: ({ event }) => (typeof event.output === 'string' ? event.output : ''),
            }),
          },
          { target: 'finished' },
        ],
        ABORT: { target: 'aborting', actions: assign({ result: 'aborted' as const }) },
        PAUSE: 'paused',
      },
    },
    paused: {
      meta: { step: 'toy-hold', waitsFor: ['RESUME', 'ABORT'] },
      on: { RESUME: 'rolling', ABORT: { target: 'aborting', actions: assign({ result: 'aborted' as const }) } },
    },
    aborting: { meta: { step: 'toy-unroll' }, on: { STEP_DONE: 'finished' } },
    finished: { type: 'final' },
  },
  output: ({ context: ended }) => ({
    result: ended.result,
    pool: ended.pool,
    nodesReplaced: ended.result === 'rolled' ? 3 : 0,
    evictions: 5,
    ...(ended.reason === '' ? {} : { reason: ended.reason }),
  }),
});

export const toyRollModule: MachineModule = {
  name: 'nodePoolRoll',
  version: 1,
  machine,
  parseContext: (value) => {
    const parsed = context.safeParse(value);
    return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: parsed.error.message };
  },
  migrations: {},
};

export interface RollScript {
  durationMs: number;
  /** The roll ends `failed` with this reason. */
  fails?: string;
  /** A budget blocks it until this is false. */
  blocked?: boolean;
  /** What is said of the block. */
  says?: string;
}

export function toyRollSteps(
  scriptOf: (clusterId: string, pool: string) => RollScript,
  finished: (clusterId: string, pool: string, removed: boolean) => void,
): Record<string, Step> {
  const roll: Step<Context> = async (input) => {
    const { clusterId, pool, startedAt, blockedTold } = input.context;
    const script = scriptOf(clusterId, pool);
    const parent = input.parent ?? '';
    if (script.blocked === true) {
      const data = { namespace: 'payments', budget: 'api', pod: 'api-1', owner: 'Deployment/api', node: 'ip-10-0-0-1' };
      const message = script.says ?? 'budget payments/api allows no disruption of api-1';
      const event = { type: 'ROLL_BLOCKED', pool, code: 'budget-never-allows', message, data, since: input.now };
      return {
        kind: 'waiting',
        reason: { code: 'blocked', message },
        wakeAt: input.now + 5 * 60_000,
        ...(blockedTold ? {} : { messages: [{ to: parent, event }] }),
      };
    }
    if (startedAt === 0 || blockedTold || input.now - startedAt < script.durationMs) {
      const unblocked = blockedTold ? { messages: [{ to: parent, event: { type: 'ROLL_UNBLOCKED', pool } }] } : {};
      const wakeAt = input.now + Math.max(1_000, script.durationMs - (startedAt === 0 ? 0 : input.now - startedAt));
      return { kind: 'waiting', reason: { code: 'rolling', message: 'rolls' }, wakeAt, ...unblocked };
    }
    if (script.fails !== undefined) return { kind: 'done', output: script.fails };
    finished(clusterId, pool, input.context.removes);
    return { kind: 'done', output: 'rolled' };
  };
  return {
    'toy-roll': roll as unknown as Step,
    'toy-unroll': async () => ({ kind: 'done' }),
    'toy-hold': async ({ now }) => ({
      kind: 'waiting',
      reason: { code: 'paused', message: 'paused' },
      wakeAt: now + 3_600_000,
    }),
  };
}
