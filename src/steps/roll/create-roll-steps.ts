import { defaultRollPolicy, type RollPolicy } from '../../planning/roll/policy.ts';
import type { ClusterSessions } from '../../ports/cluster-session.ts';
import type { Step } from '../../ports/step.ts';
import type { Clock } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import type { Random } from '../../support/random.ts';

export interface RollStepsInput {
  sessions: ClusterSessions;
  clock: Clock;
  random: Random;
  /** A hint to the engine that a process should look again (`engine.wake`). */
  wake: (processId: string) => void;
  log: Logger;
  /** What a cluster allows; `defaultRollPolicy` unless configured. */
  policyOf: (clusterId: string) => RollPolicy;
}
