/** What the API needs of the daemon. Tests give it a small one of their own; the daemon gives the real one. */

import type { z } from 'zod';
import type { Explanation, StatusDocument } from '../planning/explain/status-document.ts';
import type { Preflight } from '../planning/roll/preflight.ts';
import type { Quarantine } from '../ports/check-runner.ts';
import type { E2eHistory } from '../ports/e2e-store.ts';
import type { ReadStore } from '../ports/store.ts';
import type { e2eImportBody, keptAnswer, quarantineBody, quarantineEndBody, releaseBody } from './e2e-schemas.ts';
import type { NewsRequest, NotificationsAnswer } from './notification-schemas.ts';
import type { PipelineControl } from './pipeline-control.ts';
import type { RollRequest } from './roll-schemas.ts';
import type { ActionAnswer, AdoptAnswer, Scope } from './schemas.ts';

export interface Operator {
  /** Who asked, as the journal will say it. */
  name: string;
}

export interface ApiBackend {
  store: Pick<ReadStore, 'journal' | 'rows'> & { e2e: E2eHistory };
  /** Built from what is committed now. */
  status: () => Promise<StatusDocument>;
  /** A near list when there is no such subject. */
  explain: (subject: string) => Promise<{ found: true; explanation: Explanation } | { found: false; near: string[] }>;
  pause: (request: { scope: Scope; reason: string; forSeconds: number }, by: Operator) => Promise<ActionAnswer>;
  resume: (request: { scope: Scope; reason: string }, by: Operator) => Promise<ActionAnswer>;
  retry: (request: { scope: Scope; reason: string }, by: Operator) => Promise<ActionAnswer>;
  control: PipelineControl;
  /** What adopting would meet; changes nothing. */
  previewAdoption: (signal: AbortSignal) => Promise<AdoptAnswer>;
  adopt: (by: Operator, reason: string | undefined, signal: AbortSignal) => Promise<AdoptAnswer>;
  /** Accepts a registry read that was held back because it loses too much (B2). */
  confirmRegistry: (reason: string, by: Operator) => Promise<ActionAnswer>;
  rolls: {
    /** Something done to the rolls of a cluster. */
    act: (request: RollRequest, by: Operator) => Promise<ActionAnswer>;
    /** What a roll of the cluster would meet; changes nothing. */
    preview: (cluster: string, signal: AbortSignal) => Promise<Preflight>;
  };
  /** Checks that are left out for a while. */
  checks: {
    quarantines: () => Promise<Quarantine[]>;
    quarantine: (request: z.output<typeof quarantineBody>, by: Operator) => Promise<ActionAnswer>;
    endQuarantine: (request: z.output<typeof quarantineEndBody>, by: Operator) => Promise<ActionAnswer>;
  };
  /** What failed checks keep on clusters for people. */
  kept: {
    /** Of one cluster, by id or alias, or of all; what goes first comes first. */
    list: (cluster: string | undefined) => Promise<z.output<typeof keptAnswer>['kept']>;
    release: (request: z.output<typeof releaseBody>, by: Operator) => Promise<ActionAnswer>;
  };
  /** News that people are told. */
  notifications: {
    list: () => Promise<NotificationsAnswer>;
    resend: (request: NewsRequest, by: Operator) => Promise<ActionAnswer>;
    drop: (request: NewsRequest, by: Operator) => Promise<ActionAnswer>;
  };
  /** Keeps a run of checks that was made elsewhere. */
  importRun: (imported: z.output<typeof e2eImportBody>, by: Operator) => Promise<ActionAnswer>;
  /** Looks at git and the registry now. */
  refresh: () => Promise<ActionAnswer>;
}
