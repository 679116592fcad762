/** I14: members of an etcd of its own leave one at a time, and never so many that the rest has no quorum. */
import type { Checker } from './checker.ts';
import { isJudged, type NodeLimits } from './limits.ts';
import type { EtcdTruth } from './truth.ts';

export function etcdInvariants(limits: NodeLimits): Checker[] {
  return [
    {
      invariant: 'I14',
      onEvent(event, truth) {
        const leaves = event.kind === 'instance-terminate-requested' || event.kind === 'etcd-member-removed';
        if (!leaves || !isJudged(event.actor, limits)) return undefined;
        const etcd = truth.etcdOf(event.instanceId);
        if (etcd === undefined) return undefined;
        const word = event.kind === 'etcd-member-removed' ? 'removed' : 'ended';
        const wrong = wrongWith(etcd, event.instanceId, event.kind === 'etcd-member-removed');
        return wrong === undefined ? {} : { violation: `${event.instanceId} ${word}, ${wrong}` };
      },
    },
  ];
}

function wrongWith({ name, members }: EtcdTruth, instanceId: string, removed: boolean): string | undefined {
  const others = members.filter((member) => member.instanceId !== instanceId);
  const out = others.filter((member) => !member.up);
  // an instance whose process never joined stands in for the one member that has none
  const standsIn = !removed && others.length === members.length && out.length === 1;
  if (out.length > 0 && !standsIn) return `while member ${out[0]?.name ?? ''} of ${name} is out`;
  const up = others.length - out.length;
  // one that was removed is counted, too: whoever takes its place is not there yet
  const size = Math.max(members.length, removed ? others.length + 1 : 0);
  return up >= Math.floor(size / 2) + 1 ? undefined : `which leaves ${up} of ${size} members of ${name}: no quorum`;
}
