/** A channel as its process keeps it. */
import { rolloutOf, type Waivable } from './rollout.ts';
import type { StoredFailure, StoredPause, StoredWait } from './stored.ts';

/** Why nothing starts on a channel although its head moved. */
export interface ChannelProblem {
  /** `branch-missing`, `branch-forced`, `head-unproven`, … */
  code: string;
  message: string;
  since: number;
}

/** A move of the branch that somebody asked for: a new commit on its head. */
export interface ChannelMove {
  kind: 'hotfix' | 'rollback' | 'bypass';
  /** Of the request; a repeat of it is a no-op. */
  id: string;
  /** What is pushed (hotfix), picked (bypass), or gone back to (rollback). */
  commit: string;
  /** Head that the asker saw; null = whatever it is. */
  from: string | null;
  waived: Waivable[];
  by: string;
  reason: string;
}

/** One cluster brought to the channel's version apart from a rollout: it came late, or was pinned or skipped until now. */
export interface CatchUp {
  attempt: number;
  state: 'inFlight' | 'failed';
  /** In a row. */
  failures: number;
  /** A failed one is tried again then. */
  retryAt: number;
  message: string;
}

/** Goes on in place of a head that is vetoed: the newest of its commits that was found good. */
export interface StandIn {
  commit: string;
  /** The head; another one ends it. */
  head: string;
  reason: string;
  /** Its rollout; null = not started yet. */
  rollout: string | null;
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
  standIn: StandIn | null;
  /** true while nothing may start here: forced or vanished branch. */
  frozen: boolean;
  problem: ChannelProblem | null;
  /** Being carried out; the commit to push once it has been made. */
  move: (ChannelMove & { made: { from: string; to: string } | null }) | null;
  /** The newest moves, so that a repeat is known. */
  moved: string[];
  catchUps: Record<string, CatchUp>;
  paused: StoredPause | null;
  wait: StoredWait | null;
  failure: StoredFailure | null;
}

/** The version that a channel is on, and its rollout: of its head, or of what goes on in place of it; undefined before the first. */
export function versionOn({
  channel,
  handled,
  standIn,
}: Pick<ChannelState, 'channel' | 'handled' | 'standIn'>): { commit: string; rollout: string } | undefined {
  if (handled === null) return undefined;
  return standIn?.head === handled && standIn.rollout !== null
    ? { commit: standIn.commit, rollout: standIn.rollout }
    : { commit: handled, rollout: rolloutOf(channel, handled) };
}

/** What one look at the branch brought; merged into the state. */
export type ChannelProgress = Partial<
  Pick<
    ChannelState,
    'head' | 'subject' | 'lastGood' | 'proven' | 'handled' | 'standIn' | 'frozen' | 'problem' | 'catchUps'
  >
>;

/** What the step of a move hands back. */
export type ChannelMoveOutput = { kind: 'made'; from: string; to: string } | { kind: 'moveEnded' };
