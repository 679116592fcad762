/** I9 and I10: who may act, and when. */
import type { WorldEvent } from '../model/seams.ts';
import type { Checker } from './checker.ts';
import { epochOf, isJudged, type NodeLimits } from './limits.ts';
import { Storms } from './storms.ts';
import type { WorldTruth } from './truth.ts';

/** Something that a client did to nodes, pods or groups. */
function isChange(event: WorldEvent): boolean {
  switch (event.kind) {
    case 'eviction-accepted':
    case 'eviction-refused':
    case 'pod-delete-requested':
    case 'node-cordoned':
    case 'node-uncordoned':
    case 'instance-launched':
    case 'instance-terminate-requested':
    case 'group-changed':
    case 'deregistered':
      return true;
    default:
      return false;
  }
}

/** I9: once a later holder of the lease has acted, an earlier one does not. Holders name their epoch: `clm/1 epoch/3`. */
function latestHolderActs(limits: NodeLimits): Checker {
  const latest = new Map<string, number>();
  return {
    invariant: 'I9',
    onEvent: () => undefined,
    onCall({ cluster, client, action, mutates }) {
      const epoch = epochOf(client);
      if (!mutates || epoch === undefined || !isJudged({ kind: 'client', name: client }, limits)) return {};
      const known = latest.get(cluster) ?? 0;
      if (epoch < known) return { violation: `${action} by epoch ${epoch}, although epoch ${known} has acted` };
      latest.set(cluster, epoch);
      return {};
    },
  };
}

/** I10: nothing is moved while so many nodes are not Ready that something else is wrong. */
function nothingMovesInStorms(truth: WorldTruth, limits: NodeLimits): Checker {
  const storms = new Storms(truth, limits.stormShare ?? 1);
  const lag = limits.stormLagMs ?? 15_000;
  return {
    invariant: 'I10',
    onEvent(event) {
      // As it stood: to end what is lost is no way out.
      const since = storms.since(event.cluster);
      storms.follow(event);
      if (!isJudged(event.actor, limits)) return undefined;
      const moves =
        event.kind === 'node-cordoned' ||
        event.kind === 'eviction-accepted' ||
        event.kind === 'eviction-refused' ||
        event.kind === 'instance-terminate-requested';
      if (!moves) return undefined;
      if (since === undefined || event.at - since < lag) return {};
      return { violation: `${event.kind} ${event.at - since} ms into a storm of nodes that are not Ready` };
    },
  };
}

/** L3: what stopped a client ends, and then it goes on. */
function goesOnAfterStorms(truth: WorldTruth, limits: NodeLimits): Checker {
  const storms = new Storms(truth, limits.stormShare ?? 1);
  const resume = limits.resumeMs ?? Number.POSITIVE_INFINITY;
  const over = new Map<string, number>();
  const acted = new Map<string, number>();
  return {
    invariant: 'L3',
    onEvent(event) {
      const before = storms.since(event.cluster);
      storms.follow(event);
      if (before !== undefined && storms.since(event.cluster) === undefined) over.set(event.cluster, event.at);
      if (isJudged(event.actor, limits) && isChange(event)) acted.set(event.cluster, event.at);
      return undefined;
    },
    atEnd(cluster, now, at) {
      const since = over.get(cluster);
      if (since === undefined || storms.since(cluster) !== undefined) return [];
      const outdated = now
        .groups(cluster)
        .some((group) => group.instances.some((one) => one.launchTemplateVersion !== group.launchTemplateVersion));
      const last = acted.get(cluster) ?? 0;
      if (!outdated || last > since || at - since < resume) return [];
      return [`nothing has been done in the ${Math.round((at - since) / 1000)} s since a storm was over`];
    },
  };
}

export function authorityInvariants(truth: WorldTruth, limits: NodeLimits): Checker[] {
  return [latestHolderActs(limits), nothingMovesInStorms(truth, limits), goesOnAfterStorms(truth, limits)];
}
