/** Whom an operator means, and who has to be told. */
import type { Operator } from '../../api/backend.ts';
import { ApiError, unknownSubject } from '../../api/errors.ts';
import type { Scope } from '../../api/schemas.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import type { JournalEntry, Json, OutboxMessage, ProcessRow, ReadStore } from '../../ports/store.ts';
import { findCluster } from '../find-cluster.ts';
import type { LastGood } from '../last-good.ts';

export interface TargetInput {
  store: Pick<ReadStore, 'rows'>;
  lastGood: Pick<LastGood, 'clusters' | 'pipeline'>;
  /** The full id of a commit that the repository has. */
  findCommit?: (ref: string) => Promise<string | undefined>;
}

export interface Target {
  scope: Scope;
  /** As overrides and people write it: `fleet`, `channel:beta`, `wave:beta/canary`, `cluster:<id>`, `commit:<sha>`. */
  text: string;
  channel: string;
  cluster: string;
  commit: string;
  processes: string[];
}

/** Who has to be told. Rollouts pass it on to their cluster updates, and those to their rolls. */
export async function resolve(input: TargetInput, scope: Scope): Promise<Target> {
  const channels = input.lastGood.pipeline()?.channels.map((channel) => channel.name) ?? [];
  const active = await input.store.rows({ status: 'active' });
  if (scope.kind === 'fleet') {
    return {
      scope,
      text: 'fleet',
      channel: '',
      cluster: '',
      commit: '',
      processes: channels.flatMap((name) => ofChannel(active, name)),
    };
  }
  if (scope.kind === 'channel') {
    const { name } = scope;
    if (!channels.includes(name)) throw unknownSubject('channel', name, nearMatches(name, channels));
    return {
      scope,
      text: `channel:${name}`,
      channel: name,
      cluster: '',
      commit: '',
      processes: ofChannel(active, name),
    };
  }
  if (scope.kind === 'wave') return waveTarget(input, scope, active);
  if (scope.kind === 'commit') {
    const commit = await resolveCommit(input, scope.name);
    const processes = active
      .filter((row) => (row.machine === 'rollout' || row.machine === 'promotion') && row.commit === commit)
      .map((row) => row.id);
    return { scope, text: `commit:${commit}`, channel: '', cluster: '', commit, processes };
  }
  const cluster = findCluster(input.lastGood.clusters(), scope.name);
  const updates = active.filter(
    (row) => (row.machine === 'clusterUpdate' || row.machine === 'decommission') && row.cluster === cluster.id,
  );
  return {
    scope,
    text: `cluster:${cluster.id}`,
    channel: cluster.channel,
    cluster: cluster.id,
    commit: '',
    processes: updates.map((row) => row.id),
  };
}

function ofChannel(active: ProcessRow[], channel: string): string[] {
  const told = new Set(['channel', 'rollout', 'promotion']);
  return active.filter((row) => told.has(row.machine) && row.channel === channel).map((row) => row.id);
}

export function messagesTo(target: Target, event: OutboxMessage['event']): OutboxMessage[] {
  return target.processes.map((to) => ({ to, event }));
}

export function entry(
  target: Target,
  by: Operator,
  kind: string,
  message: string,
  at: number,
  data: { [key: string]: Json },
): JournalEntry {
  return {
    at,
    source: `operator:${by.name}`,
    seq: 0,
    kind,
    channel: target.channel,
    cluster: target.cluster,
    commit: target.commit,
    message,
    data: { scope: target.text, actor: by.name, ...data },
  };
}

const shownWaves = 12;

function waveTarget(input: TargetInput, scope: Scope & { kind: 'wave' }, active: ProcessRow[]): Target {
  const { name } = scope;
  const slash = name.indexOf('/');
  const [channel, wave] = [name.slice(0, Math.max(slash, 0)), name.slice(slash + 1)];
  const policy = input.lastGood.pipeline()?.channels.find((one) => one.name === channel);
  const known = (input.lastGood.pipeline()?.channels ?? []).flatMap((one) =>
    one.waves.map((each) => `${one.name}/${each.name}`),
  );
  if (policy === undefined || !policy.waves.some((one) => one.name === wave)) {
    const there =
      known.length === 0 ? 'no channel has named waves' : `there are: ${known.slice(0, shownWaves).join(', ')}`;
    const hint = nearMatches(name, known);
    const near = hint.length === 0 ? '' : ` Near: ${hint.join(', ')}.`;
    const said = `There is no wave '${name}'.${near} Write wave:CHANNEL/WAVE; ${there}.`;
    throw new ApiError(404, 'unknown-subject', said, { near: hint });
  }
  const processes = ofChannel(active, channel).filter((id) => id.startsWith('rollout:'));
  return { scope, text: `wave:${name}`, channel, cluster: '', commit: '', processes };
}

/** The full id; refused when nobody knows the commit. */
export async function resolveCommit(input: Pick<TargetInput, 'findCommit'>, ref: string): Promise<string> {
  const found = await input.findCommit?.(ref);
  if (found !== undefined) return found;
  throw new ApiError(
    404,
    'unknown-subject',
    `There is no commit '${ref}' on any channel's branch, and no branch or tag of that name; write the full id of a commit.`,
  );
}
