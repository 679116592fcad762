import type { NotificationsAnswer } from '../api/notification-schemas.ts';
import type { RolloutSummary } from '../api/schemas.ts';
import type { Explanation, StatusDocument } from '../planning/explain/status-document.ts';
import type { HistoryResult, ResultRecord, RunFilter, RunRecord, TestRecord } from '../ports/e2e-store.ts';
import type { JournalQuery, StoredJournalEntry } from '../ports/store.ts';

/** Reads that the daemon answers, or its store without it. */
export interface Reader {
  status(): Promise<StatusDocument>;
  explain(subject: string): Promise<Explanation>;
  rollouts(query: { channel?: string | undefined; limit: number }): Promise<RolloutSummary[]>;
  /** Oldest first. */
  events(query: JournalQuery): Promise<StoredJournalEntry[]>;
  /** Newest first. */
  e2eRuns(filter: RunFilter): Promise<RunRecord[]>;
  e2eRun(id: string): Promise<{ run: RunRecord; results: ResultRecord[] } | undefined>;
  /** Of the newest runs, oldest first. */
  e2eResults(filter: RunFilter): Promise<HistoryResult[]>;
  e2eTests(): Promise<TestRecord[]>;
  notifications(): Promise<NotificationsAnswer>;
}
