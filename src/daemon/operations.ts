/** What operators do through the API, as messages, facts and journal entries in one transaction. */
import type { ApiBackend } from '../api/backend.ts';
import { ApiError } from '../api/errors.ts';
import type { Engine } from '../engine/engine-options.ts';
import type { FactWrite, ReadStore } from '../ports/store.ts';
import { entry, messagesTo, resolve, type Target } from './control/target.ts';
import type { LastGood } from './last-good.ts';

export interface OperationsInput {
  store: ReadStore;
  engine: Pick<Engine, 'post'>;
  lastGood: Pick<LastGood, 'clusters' | 'pipeline'>;
  now(): number;
}

type Operations = Pick<ApiBackend, 'pause' | 'resume' | 'retry'>;

const overrideKind = 'override';

export function createOperations(input: OperationsInput): Operations {
  return {
    pause: async ({ scope, reason, forSeconds }, by) => {
      const now = input.now();
      const target = await resolve(input, scope);
      const expiresAt = now + forSeconds * 1000;
      const message = `${by.name} paused ${target.text} until ${new Date(expiresAt).toISOString()}: ${reason}`;
      const override: FactWrite = {
        kind: overrideKind,
        key: `pause/${target.text}`,
        value: { kind: 'pause', scope: target.text, actor: by.name, reason, expiresAt },
      };
      const event = { type: 'PAUSE', by: by.name, reason, expiresAt };
      await input.engine.post(messagesTo(target, event), {
        facts: [override],
        journal: [entry(target, by, 'paused', message, now, { reason, expiresAt })],
      });
      return { told: target.processes, message };
    },
    resume: async ({ scope, reason }, by) => {
      const now = input.now();
      const target = await resolve(input, scope);
      const facts = await input.store.facts(overrideKind);
      const ended = facts.filter((fact) => isPauseOf(fact.value, target.text));
      const message = `${by.name} resumed ${target.text}: ${reason}`;
      const event = { type: 'RESUME', by: by.name, reason };
      await input.engine.post(messagesTo(target, event), {
        facts: ended.map((fact) => ({ kind: overrideKind, key: fact.key, value: null })),
        journal: [entry(target, by, 'resumed', message, now, { reason })],
      });
      const others = facts.filter((fact) => !ended.includes(fact) && holdsToo(fact.value, target, now));
      const still =
        others.length === 0 ? '' : `; still held by ${others.map((fact) => scopeOf(fact.value)).join(', ')}`;
      return { told: target.processes, message: `${message}${still}` };
    },
    retry: async ({ scope, reason }, by) => {
      const now = input.now();
      const target = await resolve(input, scope);
      if (scope.kind === 'cluster' && target.processes.length === 0) {
        throw new ApiError(
          409,
          'nothing-to-retry',
          `Cluster ${scope.name} has no update under way. Failed clusters get a new attempt with their channel: clm retry channel:${target.channel} --reason …`,
        );
      }
      const message = `${by.name} asked ${target.text} to try again: ${reason}`;
      const event = { type: 'RETRY', by: by.name, reason };
      await input.engine.post(messagesTo(target, event), {
        journal: [entry(target, by, 'retried', message, now, { reason })],
      });
      return { told: target.processes, message };
    },
  };
}

function scopeOf(value: unknown): string {
  const scope = (value as { scope?: unknown } | null)?.scope;
  return typeof scope === 'string' ? scope : '';
}

function isPauseOf(value: unknown, scope: string): boolean {
  return scopeOf(value) === scope && (value as { kind?: unknown }).kind === 'pause';
}

function holdsToo(value: unknown, target: Target, now: number): boolean {
  const expiresAt = (value as { expiresAt?: unknown }).expiresAt;
  if (typeof expiresAt === 'number' && expiresAt <= now) return false;
  const wider = target.cluster === '' ? ['fleet'] : ['fleet', `channel:${target.channel}`];
  return target.text !== 'fleet' && wider.includes(scopeOf(value));
}
