/** `clm plan --live`: sessions of its own, beside those of a running daemon. */
import type { Cluster } from '../domain/cluster.ts';
import { FailureError } from '../domain/failure.ts';
import type { RenderedCluster } from '../domain/rendered.ts';
import type { LiveFindings, PlanRefusal } from '../planning/change/plan-document.ts';
import type { Preflight } from '../planning/roll/preflight.ts';
import { createClusterSessions } from '../providers/session/create-cluster-sessions.ts';
import { askCluster } from '../steps/plan/ask-cluster.ts';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import type { Random } from '../support/random.ts';
import type { FleetLook } from './fleet-look.ts';
import { previewRoll } from './roll-preview.ts';

interface LiveAnswer {
  live: LiveFindings;
  refusals: PlanRefusal[];
}

export interface Asking {
  /** `redact` hides the secrets that rendered: whoever refuses an object or a template quotes it. */
  ask(cluster: Cluster, rendered: RenderedCluster, redact: (text: string) => string): Promise<LiveAnswer>;
  close(): Promise<void>;
}

const sessionIdleMs = 60_000;

export function openAsking(
  look: FleetLook,
  { clock, random, log, signal }: { clock: Clock; random: Random; log: Logger; signal: AbortSignal },
): Asking {
  const { access, store, registered } = look;
  const sessions = createClusterSessions({
    connectKube: access.connectKube,
    connectCloud: access.connectCloud,
    clusterOf: (id) => registered.find((cluster) => cluster.id === id),
    clock,
    random,
    log,
    idleReleaseMs: sessionIdleMs,
  });
  // change sets of two plans at once must not be each other's
  const name = random.int(2 ** 31).toString(36);
  const now = (): number => Math.round(clock.now());
  const rollOf = async (cluster: Cluster): Promise<Preflight | undefined> =>
    store === undefined
      ? undefined
      : previewRoll({ store, sessions, clusters: () => registered, now }, cluster.id, signal);
  return {
    async ask(cluster, rendered, redact) {
      try {
        const session = await sessions.sessionFor(cluster.id);
        const { live, refusals } = await askCluster({ session, cluster, rendered, name, now: now() });
        const roll = await rollOf(cluster);
        return redacted({ live: { ...live, ...(roll === undefined ? {} : { roll }) }, refusals }, redact);
      } catch (error) {
        const trouble = error instanceof FailureError ? error.failure.message : undefined;
        const told = trouble ?? (error instanceof Error && error.name === 'ApiError' ? error.message : undefined);
        if (told === undefined) throw error;
        return { live: { stacks: [], objects: [], trouble: redact(told) }, refusals: [] };
      } finally {
        sessions.release(cluster.id);
      }
    },
    close: () => sessions.close(),
  };
}

/** Every text of it, also those that somebody adds later. */
function redacted(answer: LiveAnswer, redact: (text: string) => string): LiveAnswer {
  return JSON.parse(JSON.stringify(answer), (_, value: unknown) =>
    typeof value === 'string' ? redact(value) : value,
  ) as LiveAnswer;
}
