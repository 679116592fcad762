/** I1, I5, I11, I12 and I13: what happens to pods, and how often somebody is asked. */
import type { Actor } from '../model/seams.ts';
import type { Checker } from './checker.ts';
import { epochOf, isJudged, key, leaving, type NodeLimits, programOf } from './limits.ts';
import type { PodTruth, WorldTruth } from './truth.ts';

/** I1: nothing that a client does takes a budget below what it demands. */
function budgetsHold(limits: NodeLimits): Checker {
  const evicted = new Set<string>();
  /** When a cluster last lost an instance to others: its API calls the pods there ready for a while yet. */
  const lostAt = new Map<string, number>();
  const mayLag = (cluster: string, at: number): boolean =>
    limits.budgetsMayLag === true || at - (lostAt.get(cluster) ?? Number.NEGATIVE_INFINITY) < (limits.viewLagMs ?? 0);
  return {
    invariant: 'I1',
    onEvent(event, truth) {
      if (event.kind === 'instance-terminate-requested' && !isJudged(event.actor, limits))
        lostAt.set(event.cluster, event.at);
      if (event.kind === 'eviction-accepted') evicted.add(event.uid);
      if (event.kind === 'eviction-accepted' && isJudged(event.actor, limits)) {
        for (const budget of event.budgets) {
          if (budget.allowedBefore > 0 && mayLag(event.cluster, event.at)) continue;
          if (budget.podWasReady && budget.healthy - 1 < budget.desiredHealthy) {
            return {
              violation: `evicting ${event.namespace}/${event.pod} leaves ${budget.healthy - 1} healthy pods of ${budget.name}, which demands ${budget.desiredHealthy}`,
            };
          }
        }
        return {};
      }
      if (event.kind !== 'pod-delete-requested' || evicted.delete(event.uid)) return undefined;
      if (!isJudged(event.actor, limits)) return undefined;
      // A deletion takes a pod whatever its budgets say: then their health counts, without the pod.
      for (const budget of truth.budgetsOf(event.cluster, `${event.namespace}/${event.pod}`)) {
        if (budget.healthy - 1 < budget.desiredHealthy) {
          return {
            violation: `deleting ${event.namespace}/${event.pod} leaves ${budget.healthy - 1} healthy pods of ${budget.name}, which demands ${budget.desiredHealthy}`,
          };
        }
      }
      return {};
    },
  };
}

/** I5: no client deletes a workload's pod around its budgets. The deletion that an accepted eviction makes is none of its own. */
function neverAroundBudgets(limits: NodeLimits): Checker {
  const evicted = new Set<string>();
  const cordonedAt = new Map<string, number>();
  return {
    invariant: 'I5',
    onEvent(event) {
      if (event.kind === 'node-cordoned') cordonedAt.set(key(event.cluster, event.node), event.at);
      if (event.kind === 'eviction-accepted') evicted.add(event.uid);
      if (event.kind !== 'pod-delete-requested') return undefined;
      const pod = `${event.namespace}/${event.pod}`;
      const byEviction = evicted.delete(event.uid);
      if (!isJudged(event.actor, limits)) return undefined;
      if (!event.uidPrecondition)
        return { violation: `${pod} was asked to go by its name alone, whichever pod that is` };
      if (byEviction) return {};
      if (event.gracePeriodSeconds === 0) return { violation: `${pod} was deleted without grace` };
      if (event.podKind !== 'workload') return {};
      const since = cordonedAt.get(key(event.cluster, event.node));
      const forced =
        limits.forceAfterMs !== undefined && since !== undefined && event.at - since >= limits.forceAfterMs;
      return forced ? {} : { violation: `${pod} was deleted, not evicted` };
    },
  };
}

/** I11: a cordon is lifted only by the program that set it; what people cordon stays cordoned. */
function foreignCordonsStay(limits: NodeLimits): Checker {
  const cordoned = new Map<string, string>();
  return {
    invariant: 'I11',
    onEvent(event) {
      if (event.kind !== 'node-cordoned' && event.kind !== 'node-uncordoned') return undefined;
      if (event.actor.kind !== 'client') return undefined;
      const node = key(event.cluster, event.node);
      const program = programOf(event.actor);
      if (event.kind === 'node-cordoned') {
        cordoned.set(node, program);
        return undefined;
      }
      const by = cordoned.get(node);
      cordoned.delete(node);
      if (by === undefined || by === program || !isJudged(event.actor, limits)) return {};
      return { violation: `${event.node} was cordoned by ${by} and is uncordoned by ${program}` };
    },
  };
}

const stayAnnotations: [string, string][] = [
  ['karpenter.sh/do-not-disrupt', 'true'],
  ['cluster-autoscaler.kubernetes.io/safe-to-evict', 'false'],
];

/** I11, the other half: a pod that asks by annotation to be left alone is, where the owner of the cluster wants that. */
function protectedPodsStay(limits: NodeLimits): Checker {
  return {
    invariant: 'I11',
    onEvent(event, truth) {
      if (event.kind !== 'eviction-accepted' || limits.protectedPodsStay !== true) return undefined;
      if (!isJudged(event.actor, limits)) return undefined;
      const pod = truth.pod(event.cluster, `${event.namespace}/${event.pod}`);
      const asks = stayAnnotations.find(([name, value]) => pod?.annotations[name] === value);
      return asks ? { violation: `${event.namespace}/${event.pod} asks to stay (${asks[0]}) and was evicted` } : {};
    },
  };
}

/** I12: each pod that has to move moves about once: evictions of an owner's pods against what it had on nodes that have to go. */
function podsMoveOnce(truth: WorldTruth, limits: NodeLimits): Checker {
  const most = limits.movesPerPod ?? Number.POSITIVE_INFINITY;
  const needed = new Map<string, number>();
  const moved = new Map<string, number>();
  const ownerOf = (cluster: string, pod: PodTruth): string => key(cluster, pod.owner ?? `${pod.namespace}/${pod.name}`);
  if (most !== Number.POSITIVE_INFINITY) {
    for (const cluster of truth.clusters()) {
      for (const node of nodesToGo(truth, cluster, limits)) {
        for (const name of truth.workloadPodsOn(cluster, node)) {
          const pod = truth.pod(cluster, name);
          if (pod) needed.set(ownerOf(cluster, pod), (needed.get(ownerOf(cluster, pod)) ?? 0) + 1);
        }
      }
    }
  }
  return {
    invariant: 'I12',
    onEvent(event) {
      if (event.kind !== 'eviction-accepted' || !isJudged(event.actor, limits)) return undefined;
      const pod = truth.pod(event.cluster, `${event.namespace}/${event.pod}`);
      if (!pod || most === Number.POSITIVE_INFINITY) return undefined;
      const owner = ownerOf(event.cluster, pod);
      const times = (moved.get(owner) ?? 0) + 1;
      moved.set(owner, times);
      const pods = Math.max(1, needed.get(owner) ?? 1);
      if (times <= pods * most) return {};
      return {
        violation: `${event.namespace}/${event.pod} is eviction ${times} of an owner that had ${pods} pods to move`,
      };
    },
  };
}

/** Outdated ones, and all of groups that are to be no more. */
function nodesToGo(truth: WorldTruth, cluster: string, limits: NodeLimits): string[] {
  const going = new Set(
    truth
      .groups(cluster)
      .flatMap((group) =>
        group.instances.filter(
          (one) =>
            !leaving(one.lifecycleState) &&
            (one.launchTemplateVersion !== group.launchTemplateVersion ||
              limits.isRemoved?.(cluster, group.name) === true),
        ),
      )
      .map((one) => one.id),
  );
  return truth
    .nodes(cluster)
    .filter((node) => going.has(node.instanceId))
    .map((node) => node.name);
}

/** I13: a refused eviction is not asked again at once. */
function evictionsPaced(limits: NodeLimits): Checker {
  const last = new Map<string, number>();
  return {
    invariant: 'I13',
    onEvent(event) {
      if (event.kind === 'eviction-accepted') last.delete(event.uid);
      if (event.kind !== 'eviction-refused' || !isJudged(event.actor, limits)) return undefined;
      const before = last.get(event.uid);
      last.set(event.uid, event.at);
      if (before === undefined || event.at - before >= limits.evictionRetryMs) return {};
      return {
        violation: `${event.namespace}/${event.pod} asked again ${event.at - before} ms after a refusal, at least ${limits.evictionRetryMs}`,
      };
    },
  };
}

/** I13, the other half: calls of the cloud, and changes of a cluster, stay within a bucket each. */
function callsBounded(limits: NodeLimits): Checker {
  const buckets = new Map<string, { tokens: number; at: number; epoch: number }>();
  return {
    invariant: 'I13',
    onEvent: () => undefined,
    onCall({ at, api, client, action, mutates }) {
      const actor: Actor = { kind: 'client', name: client };
      const limit: NodeLimits['cloudCalls'] =
        api === 'cloud' ? limits.cloudCalls : mutates ? limits.kubeChanges : undefined;
      if (!limit || !isJudged(actor, limits)) return {};
      const program = `${api} ${programOf(actor)}`;
      const epoch = epochOf(client) ?? 0;
      const bucket = buckets.get(program) ?? { tokens: limit.burst, at, epoch };
      const forStart = epoch > bucket.epoch ? (limit.perStart ?? 0) : 0;
      const earned = ((at - bucket.at) / 1000) * limit.perSecond + forStart;
      bucket.tokens = Math.min(limit.burst, bucket.tokens + earned) - 1;
      bucket.at = at;
      bucket.epoch = Math.max(bucket.epoch, epoch);
      buckets.set(program, bucket);
      if (bucket.tokens >= 0) return {};
      bucket.tokens = 0;
      return {
        violation: `${action} is one call too many: ${limit.burst} at once, then ${limit.perSecond} a second`,
      };
    },
  };
}

export function podInvariants(truth: WorldTruth, limits: NodeLimits): Checker[] {
  return [
    budgetsHold(limits),
    neverAroundBudgets(limits),
    foreignCordonsStay(limits),
    protectedPodsStay(limits),
    podsMoveOnce(truth, limits),
    evictionsPaced(limits),
    callsBounded(limits),
  ];
}
