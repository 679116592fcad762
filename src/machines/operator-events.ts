/** What people, and processes on their behalf, tell a machine. Every machine takes each of them in every state, or ignores it. */

export type OperatorEvent =
  /** `expiresAt` (epoch ms): the pause ends by itself then. */
  | { type: 'PAUSE'; by: string; reason: string; expiresAt?: number }
  | { type: 'RESUME'; by: string; reason: string }
  | { type: 'RETRY'; by: string; reason: string }
  | { type: 'ABORT'; by: string; reason: string }
  /** A newer config version takes over; `by` is its commit. */
  | { type: 'SUPERSEDE'; by: string };
