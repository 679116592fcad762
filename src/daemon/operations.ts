/** What operators do through the API, as messages, facts and journal entries in one transaction. */
import type { ApiBackend } from '../api/backend.ts';
import { ApiError } from '../api/errors.ts';
import type { Scope } from '../api/schemas.ts';
import { type ChannelState, versionOn } from '../domain/channel.ts';
import type { Engine } from '../engine/engine-options.ts';
import { describeHold, isHolding, type Override, readOverrides } from '../planning/pipeline/overrides.ts';
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
      requireNoCommit(scope, 'pause', 'fleet, channel:NAME, wave:CHANNEL/WAVE, cluster:NAME', 'clm veto, or clm hold');
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
      return {
        told: target.processes,
        message: `${message}\nWhat is under way there stops between two nodes; nothing else starts. To go on: clm resume ${target.text} --reason …`,
      };
    },
    resume: async ({ scope, reason }, by) => {
      const now = input.now();
      requireNoCommit(
        scope,
        'resume',
        'fleet, channel:NAME, wave:CHANNEL/WAVE, cluster:NAME',
        'clm unveto, or clm release',
      );
      const target = await resolve(input, scope);
      const facts = await input.store.facts(overrideKind);
      const ended = facts.filter((fact) => isPauseOf(fact.value, target.text));
      const message = `${by.name} resumed ${target.text}: ${reason}`;
      const event = { type: 'RESUME', by: by.name, reason };
      await input.engine.post(messagesTo(target, event), {
        facts: ended.map((fact) => ({ kind: overrideKind, key: fact.key, value: null })),
        journal: [entry(target, by, 'resumed', message, now, { reason })],
      });
      const left = readOverrides(facts.filter((fact) => !ended.includes(fact)));
      const still = left.filter((one) => holdsToo(one, target, now));
      const none =
        ended.length === 0 ? [`Nobody had paused ${target.text}: what waited for clm resume is told to go on.`] : [];
      const lines = still.map((one) => `Still held by ${describeHold(one)}. To end it: ${endOf(one)}`);
      return { told: target.processes, message: [message, ...none, ...lines].join('\n') };
    },
    retry: async ({ scope, reason }, by) => {
      const now = input.now();
      requireNoCommit(scope, 'retry', 'fleet, channel:NAME, cluster:NAME', 'clm retry of its channel');
      const target = await resolve(input, scope);
      if (scope.kind === 'cluster' && target.processes.length === 0)
        return retryAlone(input, target, by, { reason, now });
      const message = `${by.name} asked ${target.text} to try again: ${reason}`;
      const event = { type: 'RETRY', by: by.name, reason };
      await input.engine.post(messagesTo(target, event), {
        journal: [entry(target, by, 'retried', message, now, { reason })],
      });
      return { told: target.processes, message };
    },
  };
}

/** A cluster that failed in a rollout that is over: it catches up by itself, as one that joined late. */
async function retryAlone(
  input: OperationsInput,
  target: Target,
  by: { name: string },
  { reason, now }: { reason: string; now: number },
): Promise<{ told: string[]; message: string }> {
  const { channel, cluster } = target;
  const refuse: (why: string) => never = (why) => {
    throw new ApiError(409, 'nothing-to-retry', why);
  };
  const told = `channel:${channel}`;
  const own = (await input.store.load(told))?.context as unknown as ChannelState | undefined;
  if (own?.catchUps[cluster]?.state === 'failed') {
    const message = `${by.name} asked ${target.text} to try again: ${reason}`;
    await input.engine.post([{ to: told, event: { type: 'RETRY', by: by.name, reason, cluster } }], {
      journal: [entry(target, by, 'retried', message, now, { reason })],
    });
    return { told: [told], message: `${message}\nclm why ${cluster} follows it.` };
  }
  const under = await input.store.rows({ machine: 'rollout', status: 'active', channel });
  if (under.length > 0) {
    refuse(
      `Cluster ${cluster} has no update under way. Failed clusters of a rollout that is not over get a new attempt with their channel: clm retry channel:${channel} --reason …`,
    );
  }
  const on = own === undefined ? undefined : versionOn(own);
  const rollout = on === undefined ? undefined : await input.store.load(on.rollout);
  const members = (rollout?.context as { members?: Record<string, { state: string }> } | undefined)?.members ?? {};
  const state = members[cluster]?.state;
  const runs = ((await input.store.fact('cluster', cluster))?.value as { commit?: string | null } | null | undefined)
    ?.commit;
  if (on === undefined || runs === on.commit || (state !== 'failed' && state !== 'aborted')) {
    refuse(
      `Cluster ${cluster} has no update under way, and did not fail on the version of ${channel}: there is nothing to try again.`,
    );
  }
  const message = `${by.name} asked ${target.text} to try ${on.commit.slice(0, 12)} again: ${reason}`;
  await input.engine.post([{ to: told, event: { type: 'LOOK' } }], {
    facts: [{ kind: 'retry', key: cluster, value: { commit: on.commit, by: by.name, reason, at: now } }],
    journal: [entry(target, by, 'retried', message, now, { reason })],
  });
  return {
    told: [told],
    message: `${message}\nIt catches up as soon as nothing holds ${channel}; clm why ${cluster} follows it.`,
  };
}

function scopeOf(value: unknown): string {
  const scope = (value as { scope?: unknown } | null)?.scope;
  return typeof scope === 'string' ? scope : '';
}

function isPauseOf(value: unknown, scope: string): boolean {
  return scopeOf(value) === scope && (value as { kind?: unknown }).kind === 'pause';
}

/** A pause or freeze of the same or a wider scope goes on holding what was resumed. */
function holdsToo(override: Override, target: Target, now: number): boolean {
  const { cluster, channel, text } = target;
  const scopes = ['fleet', text, ...(cluster === '' && !text.startsWith('wave:') ? [] : [`channel:${channel}`])];
  return scopes.some((scope) => override.scope === scope) && isHolding(override, now);
}

function endOf({ kind, scope }: Override): string {
  return `clm ${kind === 'freeze' ? 'unfreeze' : 'resume'} ${scope} --reason …`;
}

/** A commit is vetoed or held, not paused: a pause of it would bind one channel's rollout and let the next one start. */
/** `instead`: what does for a commit what may have been meant. */
function requireNoCommit({ kind }: Scope, what: string, forms: string, instead: string): void {
  if (kind !== 'commit') return;
  throw new ApiError(400, 'wrong-scope', `A ${what} is of: ${forms}; not of a commit. For a commit: ${instead}.`);
}
