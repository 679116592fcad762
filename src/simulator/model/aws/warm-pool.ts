/** Warm pools: instances that were started once and wait, stopped or running, until the group grows. */
import { AwsError, page } from './aws-request.ts';
import type { ActionTable, Call, Cloud } from './cloud.ts';
import { capacityOf } from './group-capacity.ts';
import { findGroup } from './group-requests.ts';
import { memberView, warmPoolView } from './group-views.ts';
import type { RegionState } from './region-state.ts';
import { emptiestZones, type Member, type ScalingGroup, type WarmPool } from './scaling-group.ts';

const restart: [number, number] = [8_000, 15_000];

/** How many instances should wait: what the group may still grow by, and the pool's own least. */
function wantedSize(group: ScalingGroup, pool: WarmPool): number {
  if (pool.deleting || group.deleting) return 0;
  return Math.max(pool.min, (pool.maxPrepared ?? group.max) - capacityOf(group), 0);
}

/** Fills the pool up, or lets the surplus go. */
export function keepWarm(cloud: Cloud, state: RegionState, group: ScalingGroup): void {
  const pool = group.warmPool;
  if (!pool) return;
  const waiting = [...pool.members.values()].filter((member) => member.state !== 'Warmed:Terminating');
  const wanted = wantedSize(group, pool);
  for (const member of waiting.slice(wanted)) dismiss(cloud, state, member);
  for (let size = waiting.length; size < wanted && !group.suspended.has('Launch'); size++)
    if (!warmOne(cloud, state, group, pool)) break;
  if (pool.deleting && pool.members.size === 0) delete group.warmPool;
}

function dismiss(cloud: Cloud, state: RegionState, member: Member): void {
  member.state = 'Warmed:Terminating';
  const code = 'Client.UserInitiatedShutdown';
  cloud.fleet.terminate(state, member.instance, { code, message: `${code}: User initiated shutdown` });
}

function warmOne(cloud: Cloud, state: RegionState, group: ScalingGroup, pool: WarmPool): boolean {
  const zone = emptiestZones(group)[pool.members.size % Math.max(1, group.zones.length)];
  const subnet = zone === undefined ? undefined : cloud.groups.subnetFor(state, group, zone);
  if (!subnet) return false;
  try {
    const cause = 'an instance was started in response to a difference between desired and actual warm capacity.';
    cloud.groups.launch(state, group, subnet, cause, pool.members).state = 'Warmed:Pending';
    return true;
  } catch (error) {
    if (error instanceof AwsError) return false;
    throw error;
  }
}

/** EC2 runs a warm instance: it goes on running, or is stopped once it has come up. */
export function warmInstanceRunning(cloud: Cloud, state: RegionState, group: ScalingGroup, member: Member): void {
  const pool = group.warmPool;
  if (!pool || member.state !== 'Warmed:Pending') return;
  cloud.clock.at(cloud.now() + cloud.draw(state, cloud.timings.intoService), () => {
    if (member.state !== 'Warmed:Pending') return;
    cloud.groups.endActivity(member.activity, 'Successful');
    if (pool.state === 'Running') {
      member.state = 'Warmed:Running';
      return;
    }
    member.state = 'Warmed:Stopped';
    cloud.fleet.stop(state, member.instance);
  });
}

/** Moves a waiting instance into the group; false when none waits. */
export function takeWarm(cloud: Cloud, state: RegionState, group: ScalingGroup, cause: string): boolean {
  const pool = group.warmPool;
  const member = [...(pool?.members.values() ?? [])].find(
    (each) => each.state === 'Warmed:Stopped' || each.state === 'Warmed:Running',
  );
  if (!pool || !member) return false;
  const stopped = member.state === 'Warmed:Stopped';
  pool.members.delete(member.instance.id);
  group.members.set(member.instance.id, member);
  member.state = 'Pending';
  const { id } = member.instance;
  member.activity = cloud.groups.newActivity(
    state,
    group,
    `Launching a new EC2 instance from warm pool: ${id}`,
    cause,
    {
      'Subnet ID': member.instance.subnetId,
      'Availability Zone': member.instance.zone,
    },
  );
  if (stopped) cloud.fleet.start(state, member.instance, cloud.draw(state, restart));
  else cloud.groups.lifecycle.running(state, group, member);
  return true;
}

/** Takes an instance out of service and back into the pool; false when the pool has no room, or does not reuse. */
export function backToPool(cloud: Cloud, state: RegionState, group: ScalingGroup, member: Member): boolean {
  const pool = group.warmPool;
  if (!pool?.reuse || member.state !== 'InService' || pool.members.size > wantedSize(group, pool)) return false;
  group.members.delete(member.instance.id);
  pool.members.set(member.instance.id, member);
  member.state = 'Warmed:Pending';
  cloud.groups.lifecycle.leaveBalancers(state, group, member, () => warmInstanceRunning(cloud, state, group, member));
  return true;
}

function putWarmPool({ cloud, state, params }: Call): Record<string, unknown> {
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  if (group.mixed)
    params.fail('You cannot add a warm pool to an Auto Scaling group that has a mixed instances policy.');
  const given = params.integer('MaxGroupPreparedCapacity');
  const maxPrepared = given === -1 ? undefined : params.bounded('MaxGroupPreparedCapacity', 0, 10_000);
  const known = group.warmPool;
  if (known?.deleting) throw new AwsError('ResourceContention', 'The warm pool is being deleted.');
  group.warmPool = {
    min: params.bounded('MinSize', 0, 10_000) ?? known?.min ?? 0,
    state: params.oneOf('PoolState', ['Stopped', 'Running', 'Hibernated'] as const) ?? known?.state ?? 'Stopped',
    reuse: params.structure('InstanceReusePolicy')?.flag('ReuseOnScaleIn') ?? known?.reuse ?? false,
    deleting: false,
    members: known?.members ?? new Map(),
    ...(given === -1
      ? {}
      : maxPrepared !== undefined
        ? { maxPrepared }
        : known?.maxPrepared === undefined
          ? {}
          : { maxPrepared: known.maxPrepared }),
  };
  cloud.groups.changed(state, group);
  return {};
}

export const warmPoolActions: ActionTable = {
  PutWarmPool: putWarmPool,
  DeleteWarmPool: ({ cloud, state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'), true);
    const pool = group.warmPool;
    if (!pool) return params.fail(`No warm pool found for Auto Scaling group ${group.name}`);
    if (pool.members.size > 0 && params.flag('ForceDelete') !== true && pool.min > 0)
      throw new AwsError('ResourceInUse', 'You cannot delete a warm pool while there are instances in it.');
    pool.deleting = true;
    cloud.groups.changed(state, group);
    return {};
  },
  DescribeWarmPool: ({ state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'));
    const size = params.bounded('MaxRecords', 1, 50) ?? 50;
    const badToken = (): AwsError => new AwsError('InvalidNextToken', 'The NextToken value is not valid.');
    const all = [...(group.warmPool?.members.values() ?? [])].map(memberView);
    const { items, next } = page(all, { size, token: params.text('NextToken'), badToken });
    return {
      ...(group.warmPool ? { WarmPoolConfiguration: warmPoolView(group.warmPool) } : {}),
      Instances: items,
      ...(next === undefined ? {} : { NextToken: next }),
    };
  },
};
