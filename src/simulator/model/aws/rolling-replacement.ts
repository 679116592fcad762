/** Replacement by Auto Scaling itself, without any drain: rolling updates of stacks, and instance refreshes. */
import { AwsError } from './aws-request.ts';
import type { ActionTable, Call, Cloud } from './cloud.ts';
import { findGroup } from './group-requests.ts';
import { templateVersion } from './launch-templates.ts';
import type { RegionState } from './region-state.ts';
import { countedMembers, type InstanceRefresh, isTerminating, type ScalingGroup, templateOf } from './scaling-group.ts';

const paceMs = 60_000;

function outdatedIds(state: RegionState, group: ScalingGroup, skipMatching: boolean): string[] {
  const reference = templateOf(group);
  const template = reference && state.templates.get(reference.id);
  const target = template && reference && templateVersion(template, reference.version)?.number;
  return countedMembers(group)
    .filter(
      (member) => !skipMatching || member.template.id !== template?.id || member.template.version !== String(target),
    )
    .map((member) => member.instance.id);
}

/** Takes `batch` outdated instances a minute; the group replaces each. */
export function startReplacement(
  cloud: Cloud,
  state: RegionState,
  group: ScalingGroup,
  batch: number,
  why: string,
  refresh?: InstanceRefresh,
): void {
  const queue = refresh?.queue ?? outdatedIds(state, group, true);
  const turn = (): void => {
    if (group.deleting || refresh?.status === 'Cancelled') return;
    const whole = countedMembers(group).filter((member) => member.state === 'InService').length >= group.desired;
    if (whole) {
      for (const id of queue.splice(0, Math.max(1, batch))) {
        const member = group.members.get(id);
        if (!member || isTerminating(member)) continue;
        cloud.groups.terminate(
          state,
          group,
          member,
          `an instance was taken out of service in response to ${why}.`,
          false,
        );
      }
    }
    if (queue.length > 0) cloud.clock.at(cloud.now() + paceMs, turn);
    else if (refresh) {
      refresh.status = 'Successful';
      refresh.endedAt = cloud.now();
    }
  };
  cloud.clock.at(cloud.now() + 1000, turn);
}

function active(group: ScalingGroup): InstanceRefresh | undefined {
  return group.refreshes.find((refresh) => refresh.status === 'InProgress' || refresh.status === 'Pending');
}

function start(call: Call): Record<string, unknown> {
  const { cloud, state, params } = call;
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  if (active(group)) {
    throw new AwsError(
      'InstanceRefreshInProgress',
      'An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.',
    );
  }
  const skipMatching = params.structure('Preferences')?.flag('SkipMatching') ?? false;
  const queue = outdatedIds(state, group, skipMatching);
  const refresh: InstanceRefresh = {
    id: state.uuid(),
    status: 'InProgress',
    startedAt: cloud.now(),
    toUpdate: queue.length,
    queue,
  };
  group.refreshes.unshift(refresh);
  group.refreshes.length = Math.min(group.refreshes.length, 20);
  startReplacement(cloud, state, group, 1, 'an instance refresh', refresh);
  return { InstanceRefreshId: refresh.id };
}

export const replacementActions: ActionTable = {
  StartInstanceRefresh: start,
  CancelInstanceRefresh: ({ cloud, state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'));
    const refresh = active(group);
    if (!refresh)
      throw new AwsError('ActiveInstanceRefreshNotFound', 'No in progress or pending Instance Refresh found.');
    refresh.status = 'Cancelled';
    refresh.endedAt = cloud.now();
    return { InstanceRefreshId: refresh.id };
  },
};
