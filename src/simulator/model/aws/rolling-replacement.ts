/** Replacement by Auto Scaling itself, without any drain: instance refreshes. */
import { AwsError, type Params } from './aws-request.ts';
import type { ActionTable, Call, Cloud } from './cloud.ts';
import { findGroup, templateReference } from './group-requests.ts';
import { templateVersion } from './launch-templates.ts';
import type { RegionState } from './region-state.ts';
import {
  activeRefresh,
  countedMembers,
  type InstanceRefresh,
  isTerminating,
  type ScalingGroup,
  templateOf,
} from './scaling-group.ts';

const paceMs = 60_000;
const stuckMs = 3_600_000;

/** Instances that do not match the group's template, or live where it no longer does; all of them unless `skipMatching`. */
export function outdatedIds(state: RegionState, group: ScalingGroup, skipMatching: boolean): string[] {
  const reference = templateOf(group);
  const template = reference && state.templates.get(reference.id);
  const target = template && reference && templateVersion(template, reference.version)?.number;
  return countedMembers(group)
    .filter(
      ({ template: own, instance }) =>
        !skipMatching ||
        own.id !== template?.id ||
        own.version !== String(target) ||
        (group.subnets.length > 0 && !group.subnets.includes(instance.subnetId)),
    )
    .map((member) => member.instance.id);
}

/** Takes up to `batch` outdated instances a minute out, never so many that too few are left; the group replaces each. */
function startReplacement(
  cloud: Cloud,
  state: RegionState,
  group: ScalingGroup,
  batch: number,
  refresh: InstanceRefresh,
): void {
  const { queue } = refresh;
  const turn = (): void => {
    if (group.deleting || refresh.status === 'Cancelled') return;
    if (refresh.status === 'Cancelling') {
      end(cloud, refresh, 'Cancelled');
      return;
    }
    if (refresh.status === 'Pending') refresh.status = 'InProgress';
    const healthy = countedMembers(group).filter((member) => member.state === 'InService').length;
    const may = healthy - refresh.leastHealthy;
    let taken = 0;
    for (const id of [...queue]) {
      if (taken >= Math.min(batch, Math.max(may, healthy >= group.desired ? 1 : 0))) break;
      const member = group.members.get(id);
      const waits = member !== undefined && (member.protectedFromScaleIn || member.state === 'Standby');
      if (waits && refresh.whenProtected === 'Wait') continue;
      queue.splice(queue.indexOf(id), 1);
      if (!member || isTerminating(member) || (waits && refresh.whenProtected === 'Ignore')) continue;
      taken += 1;
      const cause = 'an instance was taken out of service in response to an instance refresh.';
      cloud.groups.terminate(state, group, member, cause, false);
    }
    if (taken > 0) refresh.progressAt = cloud.now();
    if (queue.length > 0) {
      if (cloud.now() - refresh.progressAt >= stuckMs) {
        refresh.reason = 'The instance refresh made no progress for an hour.';
        end(cloud, refresh, 'Failed');
      } else cloud.clock.at(cloud.now() + paceMs, turn);
    } else end(cloud, refresh, refresh.rollback ? 'RollbackSuccessful' : 'Successful');
  };
  cloud.clock.at(cloud.now() + 1000, turn);
}

function end(cloud: Cloud, refresh: InstanceRefresh, status: InstanceRefresh['status']): void {
  refresh.status = status;
  refresh.endedAt = cloud.now();
}

function begin(
  call: Call,
  group: ScalingGroup,
  preferences: Params | undefined,
  skipMatching: boolean,
): InstanceRefresh {
  const { cloud, state } = call;
  const queue = outdatedIds(state, group, skipMatching);
  const percentage = preferences?.bounded('MinHealthyPercentage', 0, 100) ?? 90;
  const refresh: InstanceRefresh = {
    id: state.uuid(),
    status: 'Pending',
    startedAt: cloud.now(),
    progressAt: cloud.now(),
    toUpdate: queue.length,
    queue,
    leastHealthy: Math.ceil((group.desired * percentage) / 100),
    whenProtected: preferences?.oneOf('ScaleInProtectedInstances', ['Refresh', 'Ignore', 'Wait'] as const) ?? 'Wait',
    rollback: false,
  };
  group.refreshes.unshift(refresh);
  group.refreshes.length = Math.min(group.refreshes.length, 20);
  const batch = Math.max(1, group.desired - refresh.leastHealthy);
  startReplacement(cloud, state, group, batch, refresh);
  return refresh;
}

function start(call: Call): Record<string, unknown> {
  const { state, params } = call;
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  if (activeRefresh(group)) {
    throw new AwsError(
      'InstanceRefreshInProgress',
      'An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.',
    );
  }
  const preferences = params.structure('Preferences');
  const wanted = params.structure('DesiredConfiguration')?.structure('LaunchTemplate');
  const before = group.template;
  if (wanted) {
    if (!group.template) params.fail('The desired configuration and the group must both use a launch template.');
    group.template = templateReference(state, wanted);
  }
  const refresh = begin(call, group, preferences, preferences?.flag('SkipMatching') ?? false);
  if (wanted && before) refresh.before = before;
  return { InstanceRefreshId: refresh.id };
}

export const replacementActions: ActionTable = {
  StartInstanceRefresh: start,
  CancelInstanceRefresh: ({ state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'));
    const refresh = activeRefresh(group);
    if (!refresh)
      throw new AwsError('ActiveInstanceRefreshNotFound', 'No in progress or pending Instance Refresh found.');
    refresh.status = 'Cancelling';
    return { InstanceRefreshId: refresh.id };
  },
  RollbackInstanceRefresh: (call) => {
    const { cloud, state, params } = call;
    const group = findGroup(state, params.required('AutoScalingGroupName'), true);
    const refresh = activeRefresh(group);
    if (!refresh)
      throw new AwsError('ActiveInstanceRefreshNotFound', 'No in progress or pending Instance Refresh found.');
    if (!refresh.before)
      throw new AwsError(
        'IrreversibleInstanceRefresh',
        'The instance refresh has no desired configuration, or its previous one cannot be restored.',
      );
    end(cloud, refresh, 'Cancelled');
    group.template = refresh.before;
    const back = begin(call, group, undefined, true);
    back.rollback = true;
    return { InstanceRefreshId: back.id };
  },
};
