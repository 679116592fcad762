/** What changes a group's size by itself: scheduled actions, and scaling policies when they are executed. */
import { Cron } from 'croner';
import { AwsError, Params, page } from './aws-request.ts';
import type { ActionTable, Call, Cloud } from './cloud.ts';
import { findGroup } from './group-requests.ts';
import type { RegionState } from './region-state.ts';
import type { ScalingGroup, ScalingPolicy, ScheduledAction } from './scaling-group.ts';

const largest = 10_000;

const badToken = (): AwsError => new AwsError('InvalidNextToken', 'The NextToken value is not valid.');

function timeOf(params: Params, name: string): number | undefined {
  const value = params.raw[name];
  if (value === undefined || value === null || value === '') return undefined;
  const ms = value instanceof Date ? value.getTime() : Date.parse(params.text(name) ?? '');
  return Number.isNaN(ms) ? params.fail(`Value at '${name}' is not a timestamp`) : ms;
}

function cronOf(recurrence: string, timeZone: string | undefined): Cron {
  try {
    return new Cron(recurrence, { paused: true, timezone: timeZone ?? 'UTC', legacyMode: true });
  } catch {
    throw new AwsError('ValidationError', `Given recurrence string: ${recurrence} is invalid`);
  }
}

/** Keeps the action and plans its next run. @throws AwsError */
export function putScheduledAction(
  cloud: Cloud,
  state: RegionState,
  group: ScalingGroup,
  params: Params,
): ScheduledAction {
  const name = params.required('ScheduledActionName');
  const startAt = timeOf(params, 'StartTime') ?? timeOf(params, 'Time');
  const endAt = timeOf(params, 'EndTime');
  const recurrence = params.text('Recurrence');
  const timeZone = params.text('TimeZone');
  const min = params.bounded('MinSize', 0, largest);
  const max = params.bounded('MaxSize', 0, largest);
  const desired = params.bounded('DesiredCapacity', 0, largest);
  if (min === undefined && max === undefined && desired === undefined)
    params.fail('At least one of the minimum size, maximum size or desired capacity must be specified.');
  if (min !== undefined && max !== undefined && min > max)
    params.fail(`Min size ${min} must not be greater than max size ${max}`);
  if (recurrence === undefined && startAt === undefined) params.fail('Start time or recurrence must be specified.');
  if (recurrence === undefined && startAt !== undefined && startAt <= cloud.now())
    params.fail('Given start time is in the past');
  if (recurrence !== undefined) cronOf(recurrence, timeZone);
  group.scheduled.get(name)?.timer?.cancel();
  const arn = state.arn(
    'autoscaling',
    `scheduledUpdateGroupAction:${state.uuid()}:autoScalingGroupName/${group.name}:scheduledActionName/${name}`,
  );
  const action: ScheduledAction = {
    name,
    arn: group.scheduled.get(name)?.arn ?? arn,
    ...(startAt === undefined ? {} : { startAt }),
    ...(endAt === undefined ? {} : { endAt }),
    ...(recurrence === undefined ? {} : { recurrence }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(desired === undefined ? {} : { desired }),
  };
  group.scheduled.set(name, action);
  plan(cloud, state, group, action);
  return action;
}

/** When it runs next; undefined when never again. */
export function nextRun(action: ScheduledAction, after: number): number | undefined {
  const from = Math.max(after, (action.startAt ?? 0) - 1);
  const at =
    action.recurrence === undefined
      ? action.startAt !== undefined && action.startAt > after
        ? action.startAt
        : undefined
      : cronOf(action.recurrence, action.timeZone).nextRun(new Date(from))?.getTime();
  return at === undefined || at > (action.endAt ?? Infinity) ? undefined : at;
}

function plan(cloud: Cloud, state: RegionState, group: ScalingGroup, action: ScheduledAction): void {
  const at = nextRun(action, cloud.now());
  if (at === undefined) {
    group.scheduled.delete(action.name);
    return;
  }
  action.timer = cloud.clock.at(at, () => {
    if (group.deleting || group.scheduled.get(action.name) !== action) return;
    if (!group.suspended.has('ScheduledActions')) run(cloud, state, group, action);
    plan(cloud, state, group, action);
  });
}

function run(cloud: Cloud, state: RegionState, group: ScalingGroup, action: ScheduledAction): void {
  const min = action.min ?? group.min;
  const max = Math.max(min, action.max ?? group.max);
  const desired = Math.min(max, Math.max(min, action.desired ?? group.desired));
  cloud.groups.resize(state, group, { min, max, desired }, `scheduled action ${action.name}`);
}

function scheduledView(group: ScalingGroup, action: ScheduledAction, now: number): Record<string, unknown> {
  const at = nextRun(action, now);
  return {
    AutoScalingGroupName: group.name,
    ScheduledActionName: action.name,
    ScheduledActionARN: action.arn,
    ...(at === undefined ? {} : { Time: new Date(at), StartTime: new Date(at) }),
    ...(action.endAt === undefined ? {} : { EndTime: new Date(action.endAt) }),
    ...(action.recurrence === undefined ? {} : { Recurrence: action.recurrence }),
    ...(action.min === undefined ? {} : { MinSize: action.min }),
    ...(action.max === undefined ? {} : { MaxSize: action.max }),
    ...(action.desired === undefined ? {} : { DesiredCapacity: action.desired }),
    ...(action.timeZone === undefined ? {} : { TimeZone: action.timeZone }),
  };
}

function groupsNamed({ params, state }: Call): ScalingGroup[] {
  const name = params.text('AutoScalingGroupName');
  return name === undefined ? [...state.groups.values()] : [findGroup(state, name)];
}

function describeScheduled(call: Call): Record<string, unknown> {
  const { cloud, params } = call;
  const names = new Set(params.limitedTexts('ScheduledActionNames', 50));
  const all = groupsNamed(call).flatMap((group) =>
    [...group.scheduled.values()]
      .filter((action) => names.size === 0 || names.has(action.name))
      .map((action) => scheduledView(group, action, cloud.now())),
  );
  const size = params.bounded('MaxRecords', 1, 100) ?? 50;
  const { items, next } = page(all, { size, token: params.text('NextToken'), badToken });
  return { ScheduledUpdateGroupActions: items, ...(next === undefined ? {} : { NextToken: next }) };
}

export function dropScheduledAction(group: ScalingGroup, name: string): boolean {
  group.scheduled.get(name)?.timer?.cancel();
  return group.scheduled.delete(name);
}

// Scaling policies.

const policyTypes = ['SimpleScaling', 'StepScaling', 'TargetTrackingScaling', 'PredictiveScaling'] as const;
const adjustmentTypes = ['ChangeInCapacity', 'ExactCapacity', 'PercentChangeInCapacity'] as const;

/** @throws AwsError */
export function putPolicy(state: RegionState, group: ScalingGroup, params: Params): ScalingPolicy {
  const name = params.required('PolicyName');
  const type = params.oneOf('PolicyType', policyTypes) ?? 'SimpleScaling';
  const adjustmentType = params.oneOf('AdjustmentType', adjustmentTypes) ?? '';
  if (type === 'SimpleScaling' || type === 'StepScaling') {
    if (adjustmentType === '') params.fail('AdjustmentType is required for this policy type');
    if (type === 'SimpleScaling') params.requiredInteger('ScalingAdjustment');
    else if (params.items('StepAdjustments').length === 0) params.fail('StepAdjustments must not be empty');
    for (const step of params.items('StepAdjustments')) step.requiredInteger('ScalingAdjustment');
  }
  if (type === 'TargetTrackingScaling' && !params.structure('TargetTrackingConfiguration'))
    params.fail('TargetTrackingConfiguration is required for this policy type');
  const known = group.policies.get(name);
  const policy: ScalingPolicy = {
    name,
    arn:
      known?.arn ??
      state.arn('autoscaling', `scalingPolicy:${state.uuid()}:autoScalingGroupName/${group.name}:policyName/${name}`),
    type,
    adjustmentType,
    enabled: params.flag('Enabled') ?? true,
    request: params.raw,
  };
  group.policies.set(name, policy);
  return policy;
}

function policyView(group: ScalingGroup, policy: ScalingPolicy): Record<string, unknown> {
  const request = new Params(policy.request, 'ValidationError');
  const number = (key: string): Record<string, unknown> => {
    const value = request.integer(key);
    return value === undefined ? {} : { [key]: value };
  };
  return {
    AutoScalingGroupName: group.name,
    PolicyName: policy.name,
    PolicyARN: policy.arn,
    PolicyType: policy.type,
    ...(policy.adjustmentType === '' ? {} : { AdjustmentType: policy.adjustmentType }),
    ...number('ScalingAdjustment'),
    ...number('Cooldown'),
    ...number('MinAdjustmentMagnitude'),
    StepAdjustments: request.items('StepAdjustments').map((step) => ({
      ...(step.has('MetricIntervalLowerBound')
        ? { MetricIntervalLowerBound: Number(step.text('MetricIntervalLowerBound')) }
        : {}),
      ...(step.has('MetricIntervalUpperBound')
        ? { MetricIntervalUpperBound: Number(step.text('MetricIntervalUpperBound')) }
        : {}),
      ScalingAdjustment: step.requiredInteger('ScalingAdjustment'),
    })),
    Alarms: [],
    Enabled: policy.enabled,
  };
}

function policyNamed(call: Call): { group: ScalingGroup; policy: ScalingPolicy } {
  const wanted = call.params.required('PolicyName');
  for (const group of groupsNamed(call)) {
    for (const policy of group.policies.values())
      if (policy.arn === wanted || (call.params.has('AutoScalingGroupName') && policy.name === wanted))
        return { group, policy };
  }
  return call.params.fail(`PolicyName not found - No policy ${wanted} found`);
}

/** The step whose interval holds the metric's distance from the threshold. */
function stepFor(params: Params, distance: number): number | undefined {
  const bound = (step: Params, name: string, otherwise: number): number => {
    const text = step.text(name);
    return text === undefined || text === '' ? otherwise : Number(text);
  };
  const step = params.items('StepAdjustments').find((each) => {
    const lower = bound(each, 'MetricIntervalLowerBound', -Infinity);
    const upper = bound(each, 'MetricIntervalUpperBound', Infinity);
    return distance >= 0 ? distance >= lower && distance < upper : distance > lower && distance <= upper;
  });
  return step?.requiredInteger('ScalingAdjustment');
}

function adjusted(group: ScalingGroup, policy: ScalingPolicy, by: number): number {
  if (policy.adjustmentType === 'ExactCapacity') return by;
  if (policy.adjustmentType === 'ChangeInCapacity') return group.desired + by;
  const raw = (group.desired * by) / 100;
  const least = Number(policy.request['MinAdjustmentMagnitude'] ?? 1);
  const size = Math.max(least, Math.abs(raw) < 1 ? 1 : Math.floor(Math.abs(raw)));
  return group.desired + Math.sign(by) * size;
}

function executePolicy(call: Call): Record<string, unknown> {
  const { cloud, params, state } = call;
  const { group, policy } = policyNamed(call);
  if (policy.type === 'TargetTrackingScaling' || policy.type === 'PredictiveScaling')
    params.fail(`Policies of type ${policy.type} cannot be executed directly.`);
  if (params.flag('HonorCooldown') === true && cloud.now() < group.coolUntil)
    throw new AwsError('ScalingActivityInProgress', 'Scaling activity is in cooldown and blocks this action');
  const request = new Params(policy.request, 'ValidationError');
  let by = policy.type === 'SimpleScaling' ? request.requiredInteger('ScalingAdjustment') : undefined;
  if (policy.type === 'StepScaling') {
    const metric = Number(params.required('MetricValue'));
    const threshold = Number(params.required('BreachThreshold'));
    if (!Number.isFinite(metric) || !Number.isFinite(threshold))
      params.fail('MetricValue and BreachThreshold must be numbers');
    by = stepFor(request, metric - threshold);
  }
  if (by === undefined || !policy.enabled) return {};
  const desired = Math.min(group.max, Math.max(group.min, adjusted(group, policy, by)));
  cloud.groups.resize(state, group, { desired }, `policy ${policy.name}`);
  group.coolUntil = cloud.now() + (request.integer('Cooldown') ?? group.cooldownSeconds) * 1000;
  return {};
}

export const groupPolicyActions: ActionTable = {
  PutScheduledUpdateGroupAction: ({ cloud, state, params }) => {
    putScheduledAction(cloud, state, findGroup(state, params.required('AutoScalingGroupName'), true), params);
    return {};
  },
  BatchPutScheduledUpdateGroupAction: ({ cloud, state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'), true);
    const failed: Record<string, unknown>[] = [];
    for (const each of params.items('ScheduledUpdateGroupActions')) {
      try {
        putScheduledAction(cloud, state, group, each);
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        const { code: ErrorCode, message: ErrorMessage } = error;
        failed.push({ ScheduledActionName: each.text('ScheduledActionName') ?? '', ErrorCode, ErrorMessage });
      }
    }
    return { FailedScheduledUpdateGroupActions: failed };
  },
  BatchDeleteScheduledAction: ({ state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'), true);
    const missing = params.limitedTexts('ScheduledActionNames', 50).filter((name) => !dropScheduledAction(group, name));
    return {
      FailedScheduledActions: missing.map((ScheduledActionName) => ({
        ScheduledActionName,
        ErrorCode: 'ValidationError',
        ErrorMessage: `Scheduled action name not found: ${ScheduledActionName}`,
      })),
    };
  },
  DeleteScheduledAction: ({ state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'), true);
    const name = params.required('ScheduledActionName');
    if (!dropScheduledAction(group, name)) params.fail(`Scheduled action name not found: ${name}`);
    return {};
  },
  DescribeScheduledActions: describeScheduled,
  PutScalingPolicy: ({ state, params }) => {
    const policy = putPolicy(state, findGroup(state, params.required('AutoScalingGroupName'), true), params);
    return { PolicyARN: policy.arn, Alarms: [] };
  },
  DeletePolicy: (call) => {
    const { group, policy } = policyNamed(call);
    group.policies.delete(policy.name);
    return {};
  },
  DescribePolicies: (call) => {
    const { params } = call;
    const names = new Set(params.texts('PolicyNames'));
    const types = new Set(params.texts('PolicyTypes'));
    const all = groupsNamed(call).flatMap((group) =>
      [...group.policies.values()]
        .filter((policy) => names.size === 0 || names.has(policy.name) || names.has(policy.arn))
        .filter((policy) => types.size === 0 || types.has(policy.type))
        .map((policy) => policyView(group, policy)),
    );
    const size = params.bounded('MaxRecords', 1, 100) ?? 50;
    const { items, next } = page(all, { size, token: params.text('NextToken'), badToken });
    return { ScalingPolicies: items, ...(next === undefined ? {} : { NextToken: next }) };
  },
  ExecutePolicy: executePolicy,
  DescribeAdjustmentTypes: () => ({ AdjustmentTypes: adjustmentTypes.map((AdjustmentType) => ({ AdjustmentType })) }),
};
