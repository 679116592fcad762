/** Where people review: pull requests of the forge that holds the configuration repository, or proposal branches of plain git. */

export interface Proposal {
  /** Branch that is to move, and the commit that it is to move to. */
  target: string;
  commit: string;
  title: string;
  body: string;
}

export interface Review {
  /** Of the pull request, or of the proposal branch. */
  id: string;
  url: string;
}

export type ReviewState =
  /** clm pushes the fast-forward itself once it is approved. */
  | { kind: 'approved'; by: string[] }
  | { kind: 'pending'; message: string }
  /** Somebody has merged it on the forge. */
  | { kind: 'merged'; by: string; commit: string }
  /** Closed without approval. */
  | { kind: 'refused'; message: string };

/** Throws FailureError (`scm-unreachable`, `scm-rate-limited`, `scm-refused`). */
export interface Scm {
  /** Opens the request, or finds the one that is open for this target and commit already. */
  propose(proposal: Proposal): Promise<Review>;
  review(review: Review, proposal: Proposal): Promise<ReviewState>;
  /** Merges an approved request where the branch cannot be moved by fast-forward; absent where there is no forge. */
  merge?(review: Review, proposal: Proposal): Promise<{ commit: string }>;
  /** Closes what is left of a request whose branch has moved or that is not wanted any more. */
  close(review: Review, proposal: Proposal): Promise<void>;
}

/** What the forge shows of one version on one channel. */
export interface ChannelReport {
  channel: string;
  commit: string;
  state: 'pending' | 'success' | 'failure' | 'superseded';
  /** One line for people. */
  description: string;
}

/** Says on the forge how far versions are; the same again changes nothing. Throws FailureError as Scm does. */
export interface ForgeReports {
  report(report: ChannelReport): Promise<void>;
}
