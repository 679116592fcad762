import { AwsError } from './aws-request.ts';
import type { Cloud } from './cloud.ts';
import type { GroupsPart, LaunchSpec } from './cloud-parts.ts';
import type { Subnet } from './geography.ts';
import { capacityOf, nextMarket, weightOf, weightOfType } from './group-capacity.ts';
import { GroupLifecycle } from './group-lifecycle.ts';
import { templateVersion } from './launch-templates.ts';
import type { RegionState } from './region-state.ts';
import type { Ec2Instance } from './resources.ts';
import {
  type Activity,
  balanceMoves,
  clusterOfGroup,
  countedMembers,
  emptiestZones,
  isCounted,
  isTerminating,
  type Member,
  propagatedTags,
  type ScalingGroup,
  scaleInVictim,
  templateOf,
} from './scaling-group.ts';
import { backToPool, keepWarm, takeWarm, warmInstanceRunning } from './warm-pool.ts';

const activitiesKept = 60;
const longestRetryMs = 600_000;

/** Auto Scaling: keeps every group at its desired capacity, zones balanced and unhealthy instances replaced. */
export class GroupController implements GroupsPart {
  readonly #cloud: Cloud;
  readonly lifecycle: GroupLifecycle;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
    this.lifecycle = new GroupLifecycle(cloud, this);
  }

  /** The group will look at itself soon. */
  changed(state: RegionState, group: ScalingGroup, afterMs?: number): void {
    if (group.reaction !== undefined) {
      if (afterMs === undefined) return;
      group.reaction.cancel();
    }
    const wait = afterMs ?? this.#cloud.draw(state, this.#cloud.timings.groupReaction);
    group.reaction = this.#cloud.clock.at(this.#cloud.now() + wait, () => {
      delete group.reaction;
      this.#react(state, group);
    });
  }

  /** Moves limits and desired capacity, which must be consistent, and tells the world. */
  resize(
    state: RegionState,
    group: ScalingGroup,
    to: { min?: number | undefined; max?: number | undefined; desired?: number | undefined },
    by: string,
  ): void {
    const before = { min: group.min, max: group.max, desired: group.desired };
    group.min = to.min ?? group.min;
    group.max = to.max ?? group.max;
    group.desired = to.desired ?? group.desired;
    const after = { min: group.min, max: group.max, desired: group.desired };
    if (before.min === after.min && before.max === after.max && before.desired === after.desired) return;
    this.#cloud.emit({ kind: 'group-changed', cluster: clusterOfGroup(group), group: group.name, before, after, by });
    if (before.desired !== after.desired) group.launchRetries = 0;
    this.changed(state, group);
  }

  newActivity(state: RegionState, group: ScalingGroup, description: string, cause: string, details: object): Activity {
    const activity: Activity = {
      id: state.uuid(),
      description,
      cause: `At ${new Date(this.#cloud.now()).toISOString().slice(0, 19)}Z ${cause}`,
      status: 'InProgress',
      progress: 0,
      startedAt: this.#cloud.now(),
      details: JSON.stringify(details),
    };
    group.activities.unshift(activity);
    if (group.activities.length > activitiesKept) group.activities.length = activitiesKept;
    return activity;
  }

  endActivity(activity: Activity | undefined, status: Activity['status'], message?: string): void {
    if (activity === undefined || activity.endedAt !== undefined) return;
    activity.status = status;
    activity.endedAt = this.#cloud.now();
    activity.progress = 100;
    if (message !== undefined) activity.message = message;
  }

  #react(state: RegionState, group: ScalingGroup): void {
    if (group.deleting) {
      for (const member of [...group.members.values()]) {
        if (!isTerminating(member)) this.terminate(state, group, member, 'the group is being deleted', false);
      }
      keepWarm(this.#cloud, state, group);
      if (group.members.size + (group.warmPool?.members.size ?? 0) === 0) this.#deleted(state, group);
      return;
    }
    this.#replaceUnhealthy(state, group);
    const extra = countedMembers(group)
      .filter((member) => member.forBalance)
      .reduce((sum, member) => sum + weightOf(group, member), 0);
    const missing = group.desired + extra - capacityOf(group);
    if (missing > 0 && !group.suspended.has('Launch')) this.#launchMissing(state, group, missing);
    if (missing < 0 && !group.suspended.has('Terminate')) this.#scaleIn(state, group, -missing);
    keepWarm(this.#cloud, state, group);
    this.#considerBalance(state, group);
  }

  #replaceUnhealthy(state: RegionState, group: ScalingGroup): void {
    if (group.suspended.has('ReplaceUnhealthy') || group.suspended.has('Terminate')) return;
    for (const member of [...group.members.values()]) {
      if (!member.unhealthy || !isCounted(member)) continue;
      this.terminate(
        state,
        group,
        member,
        'an instance was taken out of service in response to a health check that found it unhealthy.',
        false,
      );
    }
  }

  #launchMissing(state: RegionState, group: ScalingGroup, missing: number): void {
    const cause = `an instance was started in response to a difference between desired and actual capacity, increasing the capacity from ${group.desired - missing} to ${group.desired}.`;
    const wanted = capacityOf(group) + missing;
    while (capacityOf(group) < wanted) {
      if (takeWarm(this.#cloud, state, group, cause)) continue;
      const failure = this.#launchAnywhere(state, group, cause);
      if (failure !== undefined) {
        const activity = this.newActivity(state, group, 'Launching a new EC2 instance', cause, {});
        this.endActivity(activity, 'Failed', `${failure.message} Launching EC2 instance failed.`);
        const wait = Math.min(longestRetryMs, 60_000 * 2 ** Math.min(group.launchRetries, 4));
        group.launchRetries += 1;
        this.changed(state, group, wait);
        return;
      }
    }
    group.launchRetries = 0;
  }

  #launchAnywhere(state: RegionState, group: ScalingGroup, cause: string): AwsError | undefined {
    let failure: AwsError | undefined;
    for (const zone of emptiestZones(group)) {
      const subnet = this.subnetFor(state, group, zone);
      if (subnet === undefined) continue;
      try {
        this.launch(state, group, subnet, cause);
        return undefined;
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        failure = error;
        if (error.code !== 'InsufficientInstanceCapacity') return failure;
      }
    }
    return failure ?? new AwsError('ValidationError', 'No subnet of the group can be used.');
  }

  subnetFor(state: RegionState, group: ScalingGroup, zone: string): Subnet | undefined {
    if (group.subnets.length === 0) return state.subnetOfZone(zone);
    return group.subnets.map((id) => state.subnet(id)).find((subnet) => subnet?.zone === zone);
  }

  launch(state: RegionState, group: ScalingGroup, subnet: Subnet, cause: string, into = group.members): Member {
    const cloud = this.#cloud;
    const reference = templateOf(group);
    const template = reference === undefined ? undefined : state.templates.get(reference.id);
    const version = template && templateVersion(template, reference?.version ?? '$Default');
    if (reference === undefined || template === undefined || version === undefined) {
      throw new AwsError(
        'ValidationError',
        `You must use a valid fully-formed launch template. Launch template ${reference?.id ?? ''} version ${reference?.version ?? ''} does not exist.`,
      );
    }
    const tags = propagatedTags(group);
    for (const specification of version.data.TagSpecifications ?? []) {
      if (specification.ResourceType !== 'instance') continue;
      for (const { Key, Value } of specification.Tags) if (!tags.has(Key)) tags.set(Key, Value);
    }
    tags.set('aws:ec2launchtemplate:id', template.id);
    tags.set('aws:ec2launchtemplate:version', String(version.number));
    const types = group.mixed?.overrides.map((each) => each.instanceType) ?? [];
    if (types.length === 0) types.push(version.data.InstanceType ?? 'm1.small');
    const spot = group.mixed ? nextMarket(group) === 'Spot' : version.data['InstanceMarketOptions'] !== undefined;
    const instance = this.#launchFirstType(state, types, (instanceType) => ({
      data: version.data,
      templateId: template.id,
      templateVersion: version.number,
      instanceType,
      subnet,
      tags,
      spot,
      group: group.name,
    }));
    const member: Member = {
      instance,
      state: 'Pending',
      protectedFromScaleIn: false,
      unhealthy: false,
      template: { id: template.id, name: template.name, version: String(version.number) },
      waits: new Map(),
      forBalance: false,
      ...(group.mixed?.overrides.some((each) => each.weight !== undefined)
        ? { weight: String(weightOfType(group, instance.instanceType)) }
        : {}),
      activity: this.newActivity(state, group, `Launching a new EC2 instance: ${instance.id}`, cause, {
        'Subnet ID': subnet.id,
        'Availability Zone': subnet.zone,
      }),
    };
    if (member.activity) member.activity.status = 'PreInService';
    if (member.activity) member.activity.progress = 30;
    into.set(instance.id, member);
    cloud.groups.changed(state, group);
    return member;
  }

  #launchFirstType(state: RegionState, types: readonly string[], spec: (type: string) => LaunchSpec): Ec2Instance {
    let failure: unknown;
    for (const type of types) {
      try {
        return this.#cloud.fleet.launch(state, spec(type));
      } catch (error) {
        failure = error;
        if (!(error instanceof AwsError) || error.code !== 'InsufficientInstanceCapacity') throw error;
      }
    }
    throw failure;
  }

  #scaleIn(state: RegionState, group: ScalingGroup, count: number): void {
    const wanted = capacityOf(group) - count;
    for (;;) {
      const victim = scaleInVictim(group);
      if (victim && capacityOf(group) - weightOf(group, victim) < wanted) return;
      if (victim === undefined) {
        const cause = 'the group could not scale to its desired capacity.';
        const activity = this.newActivity(state, group, 'Terminating EC2 instance', cause, {});
        const message =
          'Could not scale to desired capacity because all remaining instances are protected from scale-in.';
        this.endActivity(activity, 'Failed', message);
        return;
      }
      const from = capacityOf(group);
      const cause = `an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from ${from} to ${from - weightOf(group, victim)}.`;
      if (backToPool(this.#cloud, state, group, victim)) continue;
      this.terminate(state, group, victim, cause, false);
    }
  }

  /** Takes the instance out: load balancers, hooks, shutdown. `decrement` only goes into the event; desired is the caller's. */
  terminate(state: RegionState, group: ScalingGroup, member: Member, cause: string, decrement: boolean): Activity {
    this.#cloud.emit({
      kind: 'instance-terminate-requested',
      cluster: clusterOfGroup(group),
      instanceId: member.instance.id,
      group: group.name,
      decrement,
    });
    return this.lifecycle.terminate(state, group, member, cause);
  }

  /** Launches first, then lets the surplus go from the fullest zone: what AWS does when zones drift apart. */
  #considerBalance(state: RegionState, group: ScalingGroup): void {
    if (!this.#mayBalance(group)) {
      group.balanceTimer?.cancel();
      delete group.balanceTimer;
      return;
    }
    if (group.balanceTimer !== undefined) return;
    const wait = this.#cloud.draw(state, this.#cloud.timings.rebalance);
    group.balanceTimer = this.#cloud.clock.at(this.#cloud.now() + wait, () => {
      delete group.balanceTimer;
      if (this.#mayBalance(group)) this.#balance(state, group);
    });
  }

  #mayBalance(group: ScalingGroup): boolean {
    if (group.deleting || balanceMoves(group) === 0) return false;
    if (['AZRebalance', 'Launch', 'Terminate'].some((process) => group.suspended.has(process))) return false;
    const members = [...group.members.values()];
    if (members.some((member) => member.state !== 'InService' && member.state !== 'Standby')) return false;
    if (capacityOf(group) !== group.desired) return false;
    const victim = scaleInVictim(group);
    const emptiest = emptiestZones(group)[0];
    return victim !== undefined && victim.instance.zone !== emptiest;
  }

  #balance(state: RegionState, group: ScalingGroup): void {
    const moves = Math.min(balanceMoves(group), Math.max(1, Math.floor(group.max * 0.1)));
    const cause =
      'instances were launched to balance instances in zones with other zones resulting in more than desired number of instances in the group.';
    for (let i = 0; i < moves; i++) {
      const zone = emptiestZones(group)[0];
      const subnet = zone === undefined ? undefined : this.subnetFor(state, group, zone);
      if (subnet === undefined) return;
      try {
        this.launch(state, group, subnet, cause).forBalance = true;
      } catch (error) {
        if (error instanceof AwsError) return;
        throw error;
      }
    }
  }

  #deleted(state: RegionState, group: ScalingGroup): void {
    group.reaction?.cancel();
    group.balanceTimer?.cancel();
    for (const action of group.scheduled.values()) action.timer?.cancel();
    state.groups.delete(group.name);
    for (const told of group.onDeleted.splice(0)) told();
  }

  // What EC2 and load balancers report.

  #memberOf(state: RegionState, instance: Ec2Instance): { group: ScalingGroup; member: Member } | undefined {
    const group = instance.group === undefined ? undefined : state.groups.get(instance.group);
    const member = group?.members.get(instance.id);
    return group && member ? { group, member } : undefined;
  }

  #warmMemberOf(state: RegionState, instance: Ec2Instance): { group: ScalingGroup; member: Member } | undefined {
    const group = state.groups.get(instance.group ?? '');
    const member = group?.warmPool?.members.get(instance.id);
    return group && member ? { group, member } : undefined;
  }

  instanceRunning(state: RegionState, instance: Ec2Instance): void {
    const found = this.#memberOf(state, instance);
    if (found?.member.state === 'Pending') this.lifecycle.running(state, found.group, found.member);
    const warm = this.#warmMemberOf(state, instance);
    if (warm) warmInstanceRunning(this.#cloud, state, warm.group, warm.member);
  }

  /** EC2 stops it; when the group did not ask for that, its health check finds out within a minute. */
  instanceStopping(state: RegionState, instance: Ec2Instance): void {
    const found = this.#memberOf(state, instance);
    if (!found || isTerminating(found.member) || found.group.suspended.has('HealthCheck')) return;
    found.member.unhealthy = true;
    this.changed(state, found.group, this.#cloud.draw(state, [5_000, 40_000]));
  }

  instanceGone(state: RegionState, instance: Ec2Instance): void {
    const found = this.#memberOf(state, instance);
    if (found) this.lifecycle.gone(state, found.group, found.member);
    const warm = this.#warmMemberOf(state, instance);
    warm?.group.warmPool?.members.delete(instance.id);
    if (warm) this.changed(state, warm.group);
  }

  loadBalancerSaysUnhealthy(state: RegionState, instanceId: string): void {
    const instance = state.instances.get(instanceId);
    const found = instance && this.#memberOf(state, instance);
    if (!found) return;
    const { group, member } = found;
    if (!/ELB/.test(group.healthCheckType) || member.state !== 'InService' || group.suspended.has('HealthCheck'))
      return;
    const graceEnds = (member.inServiceAt ?? this.#cloud.now()) + group.gracePeriodSeconds * 1000;
    if (this.#cloud.now() < graceEnds) {
      this.#cloud.clock.at(graceEnds, () => {
        const bad = [...(state.trackersOf.get(instanceId) ?? [])].some(
          (each) => each.view(instanceId)?.state === 'unhealthy',
        );
        if (bad) this.loadBalancerSaysUnhealthy(state, instanceId);
      });
      return;
    }
    member.unhealthy = true;
    this.changed(state, group);
  }
}
