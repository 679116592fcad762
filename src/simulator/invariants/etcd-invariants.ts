/** I14: members of an etcd of its own leave one at a time, and never so many that the rest has no quorum. */
import type { Checker } from './checker.ts';
import { isJudged, type NodeLimits } from './limits.ts';
import type { EtcdTruth } from './truth.ts';

/** What a client ends stops within this time, and is not back sooner: it is its own doing. */
const stopsWithinMs = 60_000;

export function etcdInvariants(limits: NodeLimits): Checker[] {
  /** By name: members that the judged have taken out, and when. */
  const taken = new Map<string, number>();
  return [
    {
      invariant: 'I14',
      onEvent(event, truth) {
        const leaves = event.kind === 'instance-terminate-requested' || event.kind === 'etcd-member-removed';
        if (!leaves || !isJudged(event.actor, limits)) return undefined;
        const etcd = truth.etcdOf(event.instanceId);
        if (etcd === undefined) return undefined;
        const removed = event.kind === 'etcd-member-removed';
        const isOut = ({ name, up, downSince }: Member): boolean => {
          const takenAt = taken.get(name) ?? Number.NEGATIVE_INFINITY;
          if (up) return event.at - takenAt < stopsWithinMs;
          const known = downSince === undefined || event.at - downSince >= (limits.etcdLagMs ?? 0);
          return known || downSince - takenAt <= stopsWithinMs;
        };
        const wrong = wrongWith(etcd, event.instanceId, removed, isOut);
        const gone = removed ? event.member : etcd.members.find((one) => one.instanceId === event.instanceId)?.name;
        if (gone !== undefined) taken.set(gone, event.at);
        return wrong === undefined
          ? {}
          : { violation: `${event.instanceId} ${removed ? 'removed' : 'ended'}, ${wrong}` };
      },
    },
  ];
}

type Member = EtcdTruth['members'][number];

/** `isOut`: it does not run, or not for much longer, and that can be known. */
function wrongWith(
  { name, members }: EtcdTruth,
  instanceId: string,
  removed: boolean,
  isOut: (member: Member) => boolean,
): string | undefined {
  const others = members.filter((member) => member.instanceId !== instanceId);
  const out = others.filter(isOut);
  // an instance whose process never joined stands in for the one member that has none
  const standsIn = !removed && others.length === members.length && out.length === 1;
  if (out.length > 0 && !standsIn) return `while member ${out[0]?.name ?? ''} of ${name} is out`;
  const up = others.length - out.length;
  // one that was removed is counted, too: whoever takes its place is not there yet
  const size = Math.max(members.length, removed ? others.length + 1 : 0);
  return up >= Math.floor(size / 2) + 1 ? undefined : `which leaves ${up} of ${size} members of ${name}: no quorum`;
}
