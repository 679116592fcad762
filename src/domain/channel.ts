/** A channel as its process keeps it. */
import type { StoredFailure, StoredPause, StoredWait } from './stored.ts';

/** Why nothing starts on a channel although its head moved. */
export interface ChannelProblem {
  /** `branch-missing`, `branch-forced`, `head-unproven`, … */
  code: string;
  message: string;
  since: number;
}

export interface ChannelState {
  channel: string;
  /** Newest commit seen on the branch, good or not. */
  head: string | null;
  subject: string | null;
  /** Newest head that was neither forced nor unproven: what the channel stays on (B7). */
  lastGood: string | null;
  /** Newest commit that passed all this channel asks, or was adopted at first contact. */
  proven: string | null;
  /** Head that a rollout was started for, or that needs none. */
  handled: string | null;
  /** true while nothing may start here: forced or vanished branch. */
  frozen: boolean;
  problem: ChannelProblem | null;
  paused: StoredPause | null;
  wait: StoredWait | null;
  failure: StoredFailure | null;
}

/** What one look at the branch brought; merged into the state. */
export type ChannelProgress = Partial<
  Pick<ChannelState, 'head' | 'subject' | 'lastGood' | 'proven' | 'handled' | 'frozen' | 'problem'>
>;
