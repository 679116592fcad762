/** What `clm simulate --ref` prints; `-o json` prints exactly this. Moments are ISO 8601. */
import type { Explanation } from '../../planning/explain/status-document.ts';

export interface TimelineEntry {
  at: string;
  /** Since the merge. */
  afterSeconds: number;
  channel: string;
  /** Empty where it is about the whole channel. */
  cluster: string;
  /** Kind of the journal's entry: `wave-started`, `cluster-failed`, `branch-moved`, … */
  kind: string;
  message: string;
}

export interface WhatIfWait {
  channel: string;
  /** kebab-case: `soak`, `held`, `gate-closed`, `wave-soak`, `halted`, … */
  code: string;
  message: string;
  /** Who can end it, where somebody can. */
  openedBy: string;
  from: string;
  /** null = it was still waited for when the simulation ended. */
  until: string | null;
  seconds: number;
}

export interface WhatIfChannel {
  name: string;
  clusters: number;
  updated: number;
  /** Of those, without being touched: the version changes nothing for them. */
  unchanged: number;
  failed: number;
  nodesReplaced: number;
  /** When the branch came to the version, and when it was proven there; null = it was not. */
  arrivedAt: string | null;
  provenAt: string | null;
  /** From the merge to being proven, over all draws in which it was. */
  provenSeconds: { p50: number; p90: number } | null;
  waves: { name: string; clusters: number; startedAt: string }[];
}

export interface WhatIfDocument {
  ref: string;
  commit: string;
  subject: string;
  /** When it is merged. */
  at: string;
  outcome: 'promoted' | 'not-promoted';
  /** Draws of durations that were run, and those that were promoted to the end. The timeline is that of `shown`. */
  draws: { run: number; promoted: number; shown: number };
  /** From the merge to being proven on the last channels, over draws that were promoted; null = none was. */
  totalSeconds: { p50: number; p90: number } | null;
  channels: WhatIfChannel[];
  timeline: TimelineEntry[];
  waits: WhatIfWait[];
  /** Why it is not promoted, as `clm why` would say it then. */
  why: Explanation | null;
  /** Faults that never showed. */
  unseenFaults: string[];
  assumptions: string[];
}
