import { AwsError } from './aws-request.ts';
import type { Cloud } from './cloud.ts';
import type { GroupsPart, LifecyclePart } from './cloud-parts.ts';
import type { RegionState } from './region-state.ts';
import { type Activity, isTerminating, type LifecycleHook, type Member, type ScalingGroup } from './scaling-group.ts';

const proceedMs = 1_000;

/** The way of one instance through its group: hooks, load balancers, in service, and out again. */
export class GroupLifecycle implements LifecyclePart {
  readonly #cloud: Cloud;
  readonly #groups: GroupsPart;

  constructor(cloud: Cloud, groups: GroupsPart) {
    this.#cloud = cloud;
    this.#groups = groups;
  }

  /** EC2 runs it: launch hooks, then into service. */
  running(state: RegionState, group: ScalingGroup, member: Member): void {
    const cloud = this.#cloud;
    cloud.clock.at(cloud.now() + cloud.draw(state, cloud.timings.intoService), () => {
      if (member.state !== 'Pending' || !group.members.has(member.instance.id)) return;
      const hooks = hooksFor(group, 'autoscaling:EC2_INSTANCE_LAUNCHING');
      if (hooks.length === 0) {
        this.#intoService(state, group, member);
        return;
      }
      member.state = 'Pending:Wait';
      if (member.activity) member.activity.status = 'MidLifecycleAction';
      this.#await(state, group, member, hooks);
    });
  }

  #intoService(state: RegionState, group: ScalingGroup, member: Member): void {
    member.state = 'InService';
    member.inServiceAt = this.#cloud.now();
    member.protectedFromScaleIn = group.newInstancesProtected;
    member.forBalance = false;
    this.#groups.endActivity(member.activity, 'Successful');
    if (!group.suspended.has('AddToLoadBalancer')) this.addToBalancers(state, group, member);
    this.#replaced(state, group, member);
    this.#groups.changed(state, group);
  }

  #replaced(state: RegionState, group: ScalingGroup, member: Member): void {
    const old = group.members.get(member.replaces ?? '');
    delete member.replaces;
    if (!old || isTerminating(old)) return;
    const cause = 'an instance was taken out of service in response to an EC2 instance rebalance recommendation.';
    this.#groups.terminate(state, group, old, cause, false);
  }

  addToBalancers(state: RegionState, group: ScalingGroup, member: Member): void {
    for (const name of group.classic) state.classic.get(name)?.tracker.register(member.instance.id);
    for (const arn of group.targetGroups) state.targetGroups.get(arn)?.tracker.register(member.instance.id);
  }

  /** Deregisters everywhere; `done` when all draining is over. */
  leaveBalancers(state: RegionState, group: ScalingGroup, member: Member, done: () => void): void {
    const places: ['classic' | 'target-group', string][] = [
      ...group.classic
        .filter((name) => state.classic.has(name))
        .map((name) => ['classic', name] as ['classic', string]),
      ...group.targetGroups
        .filter((arn) => state.targetGroups.has(arn))
        .map((arn) => ['target-group', arn] as ['target-group', string]),
    ];
    let left = places.length;
    if (left === 0) {
      done();
      return;
    }
    for (const [kind, id] of places) {
      this.#cloud.balancing.deregister(state, kind, id, member.instance.id, () => {
        left -= 1;
        if (left === 0) done();
      });
    }
  }

  terminate(state: RegionState, group: ScalingGroup, member: Member, cause: string): Activity {
    const { id } = member.instance;
    this.#cancelWaits(member);
    this.#groups.endActivity(member.activity, 'Cancelled');
    const activity = this.#groups.newActivity(state, group, `Terminating EC2 instance: ${id}`, cause, {
      'Subnet ID': member.instance.subnetId,
      'Availability Zone': member.instance.zone,
    });
    member.activity = activity;
    member.state = 'Terminating';
    member.forBalance = false;
    let drained = false;
    this.leaveBalancers(state, group, member, () => {
      drained = true;
      if (group.members.has(id)) this.#afterDraining(state, group, member);
    });
    if (!drained) activity.status = 'WaitingForELBConnectionDraining';
    this.#groups.changed(state, group);
    return activity;
  }

  #afterDraining(state: RegionState, group: ScalingGroup, member: Member): void {
    const hooks = hooksFor(group, 'autoscaling:EC2_INSTANCE_TERMINATING');
    const running = member.instance.state === 'running';
    if (hooks.length === 0 || !running || group.deleting) {
      if (member.activity) member.activity.status = 'InProgress';
      this.#shutDown(state, member);
      return;
    }
    member.state = 'Terminating:Wait';
    if (member.activity) member.activity.status = 'MidLifecycleAction';
    this.#await(state, group, member, hooks);
  }

  #shutDown(state: RegionState, member: Member): void {
    const cloud = this.#cloud;
    cloud.clock.at(cloud.now() + cloud.draw(state, cloud.timings.shutdownAfter), () => {
      cloud.fleet.terminate(state, member.instance, {
        code: 'Client.UserInitiatedShutdown',
        message: 'Client.UserInitiatedShutdown: User initiated shutdown',
      });
    });
  }

  gone(state: RegionState, group: ScalingGroup, member: Member): void {
    this.#cancelWaits(member);
    this.#groups.endActivity(member.activity, isTerminating(member) ? 'Successful' : 'Cancelled');
    group.members.delete(member.instance.id);
    this.#groups.changed(state, group);
  }

  #await(state: RegionState, group: ScalingGroup, member: Member, hooks: readonly LifecycleHook[]): void {
    const now = this.#cloud.now();
    for (const hook of hooks) {
      member.waits.set(hook.name, {
        hook,
        token: state.uuid(),
        startedAt: now,
        timer: this.#cloud.clock.at(now + hook.heartbeatSeconds * 1000, () =>
          this.complete(state, group, member, hook.name, hook.defaultResult),
        ),
      });
    }
  }

  /** @throws AwsError when no such hook is waiting */
  heartbeat(state: RegionState, group: ScalingGroup, member: Member, hookName: string): void {
    const wait = this.#wait(member, hookName);
    wait.timer.cancel();
    const longest = wait.startedAt + 48 * 3_600_000;
    const ends = Math.min(this.#cloud.now() + wait.hook.heartbeatSeconds * 1000, longest);
    wait.timer = this.#cloud.clock.at(ends, () =>
      this.complete(state, group, member, hookName, wait.hook.defaultResult),
    );
  }

  /** @throws AwsError when no such hook is waiting */
  complete(
    state: RegionState,
    group: ScalingGroup,
    member: Member,
    hookName: string,
    result: 'CONTINUE' | 'ABANDON',
  ): void {
    this.#wait(member, hookName).timer.cancel();
    member.waits.delete(hookName);
    const launching = member.state === 'Pending:Wait';
    if (result === 'ABANDON' && launching) {
      this.#groups.terminate(state, group, member, 'a lifecycle hook abandoned the launch of the instance.', false);
      return;
    }
    if (result === 'ABANDON') this.#cancelWaits(member);
    if (member.waits.size > 0) return;
    member.state = launching ? 'Pending:Proceed' : 'Terminating:Proceed';
    if (member.activity) member.activity.status = 'InProgress';
    if (!launching) {
      this.#shutDown(state, member);
      return;
    }
    this.#cloud.clock.at(this.#cloud.now() + proceedMs, () => {
      if (member.state === 'Pending:Proceed') this.#intoService(state, group, member);
    });
  }

  #wait(member: Member, hookName: string) {
    const wait = member.waits.get(hookName);
    if (wait) return wait;
    throw new AwsError(
      'ValidationError',
      `No active Lifecycle Action found with instance ID ${member.instance.id} and hook ${hookName}`,
    );
  }

  #cancelWaits(member: Member): void {
    for (const wait of member.waits.values()) wait.timer.cancel();
    member.waits.clear();
  }
}

function hooksFor(group: ScalingGroup, transition: LifecycleHook['transition']): LifecycleHook[] {
  return [...group.hooks.values()].filter((hook) => hook.transition === transition);
}
