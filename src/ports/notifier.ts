/** People who are told: what, and how one place to tell them takes it. */

/** What is told, by names that settings use. */
export const newsKinds = [
  'rollout-started',
  'rollout-proven',
  'promoted',
  'rollout-halted',
  'gate-inconclusive',
  'approval-wanted',
  'promotion-held',
  'channel-held',
  'cluster-blocked',
  'cluster-failed',
  'cluster-drifted',
  'hotfix',
  'rollback',
  'debt-open',
  'debt-repaid',
  'freeze-started',
  'freeze-ended',
  'override',
  'checks-failing',
  'checks-recovered',
] as const;

export type NewsKind = (typeof newsKinds)[number];

/** `attention`: somebody has to act, or to know at once. */
export type Severity = 'info' | 'attention';

export interface News {
  /** The same for the same news for ever, whoever sends it: a receiver knows a repeat by it. */
  key: string;
  kind: NewsKind;
  severity: Severity;
  /** One sentence a person understands without the logs. */
  message: string;
  /** Empty when it does not apply. */
  channel: string;
  cluster: string;
  commit: string;
  /** News of one thread belong together: those of one rollout. Empty = none. */
  thread: string;
  /** Decision time, epoch ms. */
  at: number;
}

export interface Delivery {
  news: News;
  /** As it is to be read: the message, or what a template made of it. */
  text: string;
  /** The place's own id of the thread's first message. */
  thread: string | undefined;
  /** An earlier attempt may have arrived. */
  repeat: boolean;
}

export interface Notifier {
  /**
   * Tells it; answers the id of the message, where its kind has threads. Throws FailureError (`notify-unreachable`,
   * `notify-rate-limited`, `notify-refused`, `notify-no-secret`).
   */
  send(delivery: Delivery): Promise<{ id?: string }>;
}
