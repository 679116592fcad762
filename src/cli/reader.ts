import type { RolloutSummary } from '../api/schemas.ts';
import type { Explanation, StatusDocument } from '../planning/explain/status-document.ts';
import type { JournalQuery, StoredJournalEntry } from '../ports/store.ts';

/** Reads that the daemon answers, or its store without it. */
export interface Reader {
  status(): Promise<StatusDocument>;
  explain(subject: string): Promise<Explanation>;
  rollouts(query: { channel?: string | undefined; limit: number }): Promise<RolloutSummary[]>;
  /** Oldest first. */
  events(query: JournalQuery): Promise<StoredJournalEntry[]>;
}
