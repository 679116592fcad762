/** Parts that several stored processes have in common. Plain JSON; times are decision time, epoch ms. */

export interface StoredFailure {
  kind: 'transient' | 'terminal';
  code: string;
  message: string;
}

/** Why a process waits; `since` = when a wait with this code began. */
export interface StoredWait {
  code: string;
  message: string;
  since: number;
  data?: unknown;
}

/** Who paused it and why; `expiresAt` null = until somebody resumes it. */
export interface StoredPause {
  by: string;
  reason: string;
  expiresAt: number | null;
  /** Pools being rolled are completed first; otherwise it stops between two nodes. */
  finish?: 'pool' | undefined;
}
