/** Spot capacity taken back: a recommendation, a notice of two minutes, and the end. */
import { AwsError } from './aws-request.ts';
import type { Cloud } from './cloud.ts';
import type { RegionState } from './region-state.ts';
import { clusterOfTags, type Ec2Instance } from './resources.ts';
import { isCounted, type Member, type ScalingGroup } from './scaling-group.ts';

const noticeMs = 120_000;
/** From the recommendation to the notice. */
const untilNotice: [number, number] = [0, 60_000];

/** Which instances an interruption takes; absent = any. */
export interface SpotSelection {
  account?: string | undefined;
  region?: string | undefined;
  zone?: string | undefined;
  group?: string | undefined;
  instanceId?: string | undefined;
  /** At most this many, in the order of their launch. */
  most?: number | undefined;
}

/** Begins the interruption of every spot instance that is meant; gives their ids. */
export function interruptSpot(cloud: Cloud, selection: SpotSelection): string[] {
  const taken: string[] = [];
  for (const state of cloud.regions()) {
    if ((selection.account ?? state.account) !== state.account) continue;
    if ((selection.region ?? state.region) !== state.region) continue;
    for (const instance of [...state.instances.values()]) {
      if (taken.length >= (selection.most ?? Infinity)) return taken;
      if (!isMeant(instance, selection)) continue;
      interrupt(cloud, state, instance);
      taken.push(instance.id);
    }
  }
  return taken;
}

function isMeant(instance: Ec2Instance, selection: SpotSelection): boolean {
  if (!instance.spot || instance.interruption || instance.state !== 'running') return false;
  if ((selection.zone ?? instance.zone) !== instance.zone) return false;
  if ((selection.instanceId ?? instance.id) !== instance.id) return false;
  return selection.group === undefined || selection.group === instance.group;
}

function interrupt(cloud: Cloud, state: RegionState, instance: Ec2Instance): void {
  const tell = (notice: 'rebalance' | 'interruption'): void =>
    cloud.emit({
      kind: 'spot-notice',
      cluster: clusterOfTags(instance.tags) ?? '',
      instanceId: instance.id,
      group: instance.group ?? '',
      notice,
    });
  const noticeAt = cloud.now() + cloud.draw(state, untilNotice);
  instance.interruption = { recommendedAt: cloud.now() };
  tell('rebalance');
  replaceAhead(cloud, state, instance);
  cloud.clock.at(noticeAt, () => {
    if (instance.state !== 'running') return;
    instance.interruption = { recommendedAt: noticeAt, terminatesAt: noticeAt + noticeMs };
    tell('interruption');
    cloud.clock.at(noticeAt + noticeMs, () => {
      const code = 'Server.SpotInstanceTermination';
      cloud.fleet.terminate(state, instance, { code, message: `${code}: Spot instance termination` });
    });
  });
}

/** A group that rebalances capacity launches the replacement first and then lets the endangered instance go. */
function replaceAhead(cloud: Cloud, state: RegionState, instance: Ec2Instance): void {
  const found = memberOf(state, instance);
  if (!found?.group.capacityRebalance || !isCounted(found.member) || found.group.suspended.has('Launch')) return;
  const { group } = found;
  const subnet = cloud.groups.subnetFor(state, group, instance.zone);
  if (!subnet) return;
  const cause = `an instance was started in response to an EC2 instance rebalance recommendation for ${instance.id}.`;
  try {
    const member = cloud.groups.launch(state, group, subnet, cause);
    member.forBalance = true;
    member.replaces = instance.id;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
  }
}

function memberOf(state: RegionState, instance: Ec2Instance): { group: ScalingGroup; member: Member } | undefined {
  const group = state.groups.get(instance.group ?? '');
  const member = group?.members.get(instance.id);
  return group && member ? { group, member } : undefined;
}
