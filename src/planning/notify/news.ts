/** What of the journal is told to people. Pure: the same entry gives the same news. */
import type { News, NewsKind, Severity } from '../../ports/notifier.ts';
import type { StoredJournalEntry } from '../../ports/store.ts';

interface Told {
  kind: NewsKind;
  severity: Severity;
}

const info = (kind: NewsKind): Told => ({ kind, severity: 'info' });
const attention = (kind: NewsKind): Told => ({ kind, severity: 'attention' });

/** By kind of the entry. Conditions that last (freezes, blocks, gates, debts) are not here: they are told by their beginning and end. */
const told: Record<string, Told> = {
  'rollout-planned': info('rollout-started'),
  'rollout-proven': info('rollout-proven'),
  'branch-moved': info('promoted'),
  'promotion-merged': info('promoted'),
  'rollout-halted': attention('rollout-halted'),
  'bisect-found': attention('rollout-halted'),
  'bisect-inconclusive': attention('rollout-halted'),
  'gate-inconclusive': attention('gate-inconclusive'),
  'promotion-proposed': attention('approval-wanted'),
  'promotion-held': attention('promotion-held'),
  'channel-held': attention('channel-held'),
  'cluster-failed': attention('cluster-failed'),
  'cluster-drifted': attention('cluster-drifted'),
  'branch-overridden': attention('hotfix'),
  'rollback-requested': attention('rollback'),
  'rollback-impossible': attention('rollback'),
  'override-pin': info('override'),
  'override-hold': info('override'),
  'override-skip': info('override'),
  'override-veto': attention('override'),
  'e2e-alert-opened': attention('checks-failing'),
  'e2e-alert-closed': info('checks-recovered'),
};

/** undefined = not told. */
export function newsOf(entry: StoredJournalEntry): News | undefined {
  const found = told[entry.kind];
  if (found === undefined) return undefined;
  const { message, channel, cluster, at } = entry;
  const commit = entry.commit === '' ? movedTo(entry.data) : entry.commit;
  // the hash is over the whole history: ids begin anew with a new database, and would name something else
  return {
    key: entry.hash.slice(0, 32),
    ...found,
    message,
    channel,
    cluster,
    commit,
    thread: threadOf(channel, commit),
    at,
  };
}

/** A channel says of itself that its branch was moved; the news belong to the rollout of what it was moved to. */
function movedTo(data: unknown): string {
  const to = typeof data === 'object' && data !== null ? (data as { to?: unknown }).to : undefined;
  return typeof to === 'string' ? to : '';
}

/** News of one version on one channel belong together. */
export function threadOf(channel: string, commit: string): string {
  return channel === '' || commit === '' ? '' : `${channel}/${commit}`;
}
