/** What people, and processes on their behalf, tell a machine. Every machine takes each of them in every state, or ignores it. */
import type { Finish } from '../domain/pipeline.ts';

export type OperatorEvent =
  /** `expiresAt` (epoch ms): the pause ends by itself then. `finish`: what is completed first. */
  | { type: 'PAUSE'; by: string; reason: string; expiresAt?: number; finish?: Finish }
  | { type: 'RESUME'; by: string; reason: string }
  /** `cluster`: of a channel, only what it does for that one. */
  | { type: 'RETRY'; by: string; reason: string; cluster?: string }
  | { type: 'ABORT'; by: string; reason: string }
  /** Node rolls only: back to the template that the old nodes have. */
  | { type: 'ROLLBACK'; by: string; reason: string }
  /** A newer config version takes over; `by` is its commit. */
  | { type: 'SUPERSEDE'; by: string; finish?: Finish }
  /** Something that a wait looks at has changed: an approval, an override. */
  | { type: 'LOOK' };
