/** What operators do through the API, as messages, facts and journal entries in one transaction. */
import type { ApiBackend, Operator } from '../api/backend.ts';
import { ApiError, unknownSubject } from '../api/errors.ts';
import type { Scope } from '../api/schemas.ts';
import { nearMatches } from '../domain/near-matches.ts';
import type { Engine } from '../engine/engine-options.ts';
import type { FactWrite, JournalEntry, OutboxMessage, ProcessRow, ReadStore } from '../ports/store.ts';
import { findCluster } from './find-cluster.ts';
import type { LastGood } from './last-good.ts';

export interface OperationsInput {
  store: ReadStore;
  engine: Pick<Engine, 'post'>;
  lastGood: Pick<LastGood, 'clusters' | 'pipeline'>;
  now(): number;
}

type Operations = Pick<ApiBackend, 'pause' | 'resume' | 'retry'>;

interface Target {
  scope: Scope;
  /** As overrides and people write it: `fleet`, `channel:beta`, `cluster:<id>`. */
  text: string;
  channel: string;
  cluster: string;
  processes: string[];
}

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

/** Who has to be told. Rollouts pass it on to their cluster updates, and those to their rolls. */
async function resolve(input: OperationsInput, scope: Scope): Promise<Target> {
  const channels = input.lastGood.pipeline()?.channels.map((channel) => channel.name) ?? [];
  const active = await input.store.rows({ status: 'active' });
  if (scope.kind === 'fleet') {
    return {
      scope,
      text: 'fleet',
      channel: '',
      cluster: '',
      processes: channels.flatMap((name) => ofChannel(active, name)),
    };
  }
  if (scope.kind === 'channel') {
    const { name } = scope;
    if (!channels.includes(name)) throw unknownSubject('channel', name, nearMatches(name, channels));
    return { scope, text: `channel:${name}`, channel: name, cluster: '', processes: ofChannel(active, name) };
  }
  const clusters = input.lastGood.clusters();
  const cluster = findCluster(clusters, scope.name);
  const updates = active.filter((row) => row.machine === 'clusterUpdate' && row.cluster === cluster.id);
  return {
    scope,
    text: `cluster:${cluster.id}`,
    channel: cluster.channel,
    cluster: cluster.id,
    processes: updates.map((row) => row.id),
  };
}

function ofChannel(active: ProcessRow[], channel: string): string[] {
  const told = new Set(['channel', 'rollout', 'promotion']);
  return active.filter((row) => told.has(row.machine) && row.channel === channel).map((row) => row.id);
}

function messagesTo(target: Target, event: OutboxMessage['event']): OutboxMessage[] {
  return target.processes.map((to) => ({ to, event }));
}

function entry(
  target: Target,
  by: Operator,
  kind: string,
  message: string,
  at: number,
  data: { reason: string; expiresAt?: number },
): JournalEntry {
  return {
    at,
    source: `operator:${by.name}`,
    seq: 0,
    kind,
    channel: target.channel,
    cluster: target.cluster,
    commit: '',
    message,
    data: { scope: target.text, actor: by.name, ...data },
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
