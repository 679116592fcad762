/** GET /v1/rollouts: stored rollouts as a list for people. */
import type { ProcessRow, ReadStore } from '../ports/store.ts';
import type { ApiBackend } from './backend.ts';
import type { RolloutSummary } from './schemas.ts';

export async function listRollouts(
  backend: Pick<ApiBackend, 'store' | 'status'>,
  query: { channel?: string | undefined; limit: number },
): Promise<{ at: string; rollouts: RolloutSummary[] }> {
  const status = await backend.status();
  return { at: status.at, rollouts: await rolloutsOf(backend.store, query) };
}

/** Newest first, active or not. */
export async function rolloutsOf(
  store: Pick<ReadStore, 'rows'>,
  query: { channel?: string | undefined; limit: number },
): Promise<RolloutSummary[]> {
  const rows = await store.rows({
    machine: 'rollout',
    ...(query.channel === undefined ? {} : { channel: query.channel }),
  });
  rows.sort((a, b) => b.createdAt - a.createdAt || a.id.localeCompare(b.id));
  return rows.slice(0, query.limit).map(summary);
}

function summary(row: ProcessRow): RolloutSummary {
  const context = asRecord(row.context);
  const reason = [
    context['reason'],
    asRecord(context['failure'])['message'],
    asRecord(context['wait'])['message'],
  ].find((value) => typeof value === 'string' && value !== '');
  const subject = context['subject'];
  return {
    id: row.id,
    channel: row.channel,
    commit: row.commit,
    ...(typeof subject === 'string' ? { subject } : {}),
    state: row.status === 'quarantined' ? 'quarantined' : stateText(row.value),
    active: row.status === 'active',
    startedAt: new Date(row.createdAt).toISOString(),
    updatedAt: new Date(row.updatedAt).toISOString(),
    ...(typeof reason === 'string' ? { reason } : {}),
  };
}

function stateText(value: unknown): string {
  if (typeof value === 'string') return value;
  const [entry] = Object.entries(asRecord(value));
  return entry === undefined ? '' : `${entry[0]}.${stateText(entry[1])}`;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
