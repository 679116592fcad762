/** The steps of the toy machines, over a world that remembers how often it was acted upon. */
import type { AnyStep } from '../../src/engine/engine-options.ts';
import type { Step, StepOutcome } from '../../src/ports/step.ts';
import type { Json } from '../../src/ports/store.ts';
import type { FleetContext, MemberContext } from './toy-machines.ts';

/** What the steps change outside the store. `applied` is set, never incremented: doing it twice changes nothing. */
export interface ToyWorld {
  applied: Map<string, string>;
  /** Calls, repeats included. */
  calls: string[];
  /** Decision time from which `verify` finds the member ready. */
  readyAt: Map<string, number>;
  /** Called before and after every effect: a crash may happen there. */
  boundary: (where: string) => void;
}

export function toyWorld(): ToyWorld {
  return { applied: new Map(), calls: [], readyAt: new Map(), boundary: () => {} };
}

export const bootMs = 30_000;
export const slotLimit = 2;

export function toySteps(world: ToyWorld): Record<string, AnyStep> {
  const apply: Step<MemberContext> = async ({ context, now, commit }) => {
    world.boundary(`before apply ${context.member}`);
    world.calls.push(`apply ${context.member}`);
    world.applied.set(context.member, commit);
    if (!world.readyAt.has(context.member)) world.readyAt.set(context.member, now + bootMs);
    world.boundary(`after apply ${context.member}`);
    return { kind: 'done', journal: [{ kind: 'member-applied', message: `${context.member} has ${commit}` }] };
  };
  const verify: Step<MemberContext> = async ({ context, now }): Promise<StepOutcome> => {
    world.boundary(`before verify ${context.member}`);
    world.calls.push(`verify ${context.member}`);
    const readyAt = world.readyAt.get(context.member) ?? 0;
    if (now < readyAt) {
      const reason = { code: 'booting', message: `${context.member} boots` };
      return { kind: 'waiting', reason, wakeAt: Math.min(readyAt, now + 10_000), progress: { member: context.member } };
    }
    return {
      kind: 'done',
      facts: [{ kind: 'member', key: context.member, value: { verified: true } }],
      journal: [{ kind: 'member-verified', message: `${context.member} is well` }],
    };
  };
  const startMembers: Step<FleetContext> = async ({ id, context, now, commit }): Promise<StepOutcome> => {
    const next = context.members.find((name) => !context.started.includes(name));
    if (next === undefined) {
      const left = context.members.length - context.finished.length;
      const reason = { code: 'children', message: `${left} members are in flight` };
      return { kind: 'waiting', reason, wakeAt: now + 600_000, progress: { left } };
    }
    const child = `member:${next}`;
    const start = { machine: 'member', parent: id, channel: 'dev', cluster: next, commit };
    const event: { type: string; [key: string]: Json } = { type: 'START', input: { member: next } };
    return {
      kind: 'done',
      output: next,
      messages: [{ to: child, event, start }],
      admit: [{ slots: [{ name: 'channel:dev', limit: slotLimit }], holder: child }],
      journal: [{ kind: 'member-started', message: `${next} is started` }],
    };
  };
  const report: Step<FleetContext> = async ({ context }): Promise<StepOutcome> => {
    world.boundary('before report');
    world.calls.push('report');
    world.applied.set('report', context.finished.join(','));
    world.boundary('after report');
    return { kind: 'done', journal: [{ kind: 'fleet-reported', message: 'all members are well' }] };
  };
  const count: Step = async () => ({ kind: 'done' });
  return { apply, verify, startMembers, report, count };
}
