import type { UnitDeletions } from './deletions.ts';
import type { ManifestSummary } from './manifest-summary.ts';
import type { Noted } from './repeated-keys.ts';
import type { StackFileResult } from './stack-template.ts';
import type { ConfigItems } from './template-data.ts';
import { TemplateMemo } from './template-memo.ts';

/** What each kind of file gave for what it read; shared by all clusters and commits of a process. */
export const manifestMemo = new TemplateMemo<ManifestSummary>({ maxTemplates: 4_000, maxResults: 150_000 });
export const stackMemo = new TemplateMemo<StackFileResult>({
  maxTemplates: 500,
  maxResults: 40_000,
});
export const defaultsMemo = new TemplateMemo<{ items: ConfigItems; text: string }>({
  maxTemplates: 100,
  maxResults: 5_000,
});
export const userDataMemo = new TemplateMemo<{ text: string; refers: boolean }>({
  maxTemplates: 500,
  maxResults: 40_000,
});
export const filesMemo = new TemplateMemo<{ text: string; key: string } & Noted>({
  maxTemplates: 500,
  maxResults: 40_000,
});
export const deletionsMemo = new TemplateMemo<UnitDeletions & Noted>({ maxTemplates: 200, maxResults: 5_000 });
export const stackDeletionsMemo = new TemplateMemo<{ pre: string[]; post: string[] } & Noted>({
  maxTemplates: 200,
  maxResults: 5_000,
});
