import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { CloudView } from '../../ports/cluster-session.ts';
import type { Clock } from '../../support/clock.ts';

export interface CloudCache {
  /** A view at most `maxAgeMs` of decision time old. */
  read(maxAgeMs: number): Promise<CloudView>;
  forget(): void;
}

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
  let cached: CloudView | undefined;
  let running: { at: number; answer: Promise<CloudView> } | undefined;

  async function describe(at: number): Promise<CloudView> {
    const groups = await cloud.describeGroups({ [`kubernetes.io/cluster/${clusterId}`]: 'owned' });
    const classic = [...new Set(groups.flatMap((group) => group.classicLoadBalancers))];
    const targetGroups = [...new Set(groups.flatMap((group) => group.targetGroups))];
    const attached = classic.length + targetGroups.length > 0;
    return { at, groups, loadBalancers: attached ? await cloud.loadBalancerHealth(classic, targetGroups) : [] };
  }

  return {
    read(maxAgeMs) {
      // The age counts from when the question was asked: the answer may have been true at any moment since.
      const oldest = clock.now() - maxAgeMs;
      if (cached !== undefined && cached.at >= oldest) return Promise.resolve(cached);
      if (running !== undefined && running.at >= oldest) return running.answer;
      const at = clock.now();
      const asked = { at, answer: describe(at) };
      running = asked;
      asked.answer.then(
        (view) => {
          if (running !== asked) return;
          running = undefined;
          cached = view;
        },
        () => {
          if (running === asked) running = undefined;
        },
      );
      return asked.answer;
    },
    forget() {
      cached = undefined;
      running = undefined;
    },
  };
}
