/** The journal's hash chain: an entry's hash covers all entries before it, so that no edit of the past goes unseen. */
import { hash as digest } from 'node:crypto';
import type { JournalEntry, Json, StoredJournalEntry } from '../ports/store.ts';

/** Hash before the first entry. */
export const chainStart = '0'.repeat(64);

/** Keys in order, so that a backend may store data in whatever order it likes. */
function canonical(value: Json): Json {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const sorted: { [key: string]: Json } = {};
  for (const key of Object.keys(value).sort()) {
    const item = value[key];
    if (item !== undefined) sorted[key] = canonical(item);
  }
  return sorted;
}

/** sha256 (hex) over the previous hash and the canonical entry. */
export function chainHash(previous: string, entry: JournalEntry): string {
  const { at, source, seq, kind, channel, cluster, commit, message, data } = entry;
  const text = JSON.stringify([at, source, seq, kind, channel, cluster, commit, message, canonical(data)]);
  return digest('sha256', `${previous}\n${text}`);
}

/**
 * Checks consecutive entries (oldest first) against the hash of the entry before them. Returns the id of the first that does
 * not fit, or the last hash.
 */
export function verifyChain(
  entries: StoredJournalEntry[],
  previous: string,
): { ok: true; hash: string } | { ok: false; brokenAt: number } {
  let hash = previous;
  for (const entry of entries) {
    hash = chainHash(hash, entry);
    if (hash !== entry.hash) return { ok: false, brokenAt: entry.id };
  }
  return { ok: true, hash };
}
