import type { CloudProvider, NodeGroup } from '../../ports/cloud-provider.ts';
import type { CloudView } from '../../ports/cluster-session.ts';
import type { Clock } from '../../support/clock.ts';

export interface CloudCache {
  /** A view at most `maxAgeMs` of decision time old. */
  read(maxAgeMs: number): Promise<CloudView>;
  /** The groups of such a view: load balancers, one call each, are not asked. */
  groups(maxAgeMs: number): Promise<NodeGroup[]>;
  forget(): void;
}

type Groups = Pick<CloudView, 'at' | 'groups'>;

/** One describe shared by all who ask at the same time; what was asked before `forget` serves nobody after it. */
export function createCloudCache({
  cloud,
  clusterId,
  clock,
}: {
  cloud: CloudProvider;
  clusterId: string;
  clock: Clock;
}): CloudCache {
  const groups = shared<Groups>(async (at) => ({
    at,
    groups: await cloud.describeGroups({ [`kubernetes.io/cluster/${clusterId}`]: 'owned' }),
  }));
  const views = shared<CloudView>(async (at) => {
    const known = await groups.read(at);
    const classic = [...new Set(known.groups.flatMap((group) => group.classicLoadBalancers))];
    const targetGroups = [...new Set(known.groups.flatMap((group) => group.targetGroups))];
    const attached = classic.length + targetGroups.length > 0;
    return { ...known, loadBalancers: attached ? await cloud.loadBalancerHealth(classic, targetGroups) : [] };
  });

  const forget = (): void => {
    groups.forget();
    views.forget();
  };
  /** An answer of a moment that is still to come has no age: the clock has been set back. */
  const readAt = (): number => {
    const now = clock.now();
    if (groups.cachedAt() > now) forget();
    return now;
  };

  return {
    // The age counts from when the question was asked: the answer may have been true at any moment since.
    read(maxAgeMs) {
      const now = readAt();
      // Nobody is shown less than the groups have shown already.
      const oldest = Math.max(now - maxAgeMs, groups.cachedAt());
      return views.read(oldest, groups.at(oldest) ?? now);
    },
    async groups(maxAgeMs) {
      const now = readAt();
      const found = await groups.read(now - maxAgeMs, now);
      return found.groups;
    },
    forget,
  };
}

interface Shared<T> {
  /** What was asked for at `oldest` or later; asked for now, which is `at`, when there is nothing of the kind. */
  read(oldest: number, at?: number): Promise<T>;
  /** When that was asked for; undefined when there is nothing of the kind. */
  at(oldest: number): number | undefined;
  cachedAt(): number;
  forget(): void;
}

/** The last answer, and the one that is on its way. */
function shared<T extends { at: number }>(ask: (at: number) => Promise<T>): Shared<T> {
  let cached: T | undefined;
  let running: { at: number; answer: Promise<T> } | undefined;
  return {
    read(oldest, at = oldest) {
      if (cached !== undefined && cached.at >= oldest) return Promise.resolve(cached);
      if (running !== undefined && running.at >= oldest) return running.answer;
      const asked = { at, answer: ask(at) };
      running = asked;
      asked.answer.then(
        (answer) => {
          if (running !== asked) return;
          running = undefined;
          cached = answer;
        },
        () => {
          if (running === asked) running = undefined;
        },
      );
      return asked.answer;
    },
    at: (oldest) => [cached, running].find((one) => one !== undefined && one.at >= oldest)?.at,
    cachedAt: () => cached?.at ?? Number.NEGATIVE_INFINITY,
    forget() {
      cached = undefined;
      running = undefined;
    },
  };
}
