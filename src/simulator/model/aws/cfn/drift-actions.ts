/** Drift detection: what somebody changed of a stack's resources behind its back. */
import { AwsError, page, plainText } from '../aws-request.ts';
import type { ActionTable, Call } from '../cloud.ts';
import type { RegionState } from '../region-state.ts';
import { findStack } from './find-stack.ts';
import { resourceCatalogue } from './resource-catalogue.ts';
import type { DriftDetection, ResourceDriftView, Stack, StackResource } from './stack.ts';
import { noSuchStack } from './stack-actions.ts';

/** CloudFormation takes some seconds and more with every resource. */
const detectionMs = 4_000;
const resourceMs = 200;

/** Statuses in which a stack can be compared. */
const comparable = ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE', 'UPDATE_ROLLBACK_FAILED'];

function stackOf(state: RegionState, nameOrId: string): Stack {
  const stack = findStack(state, nameOrId);
  if (stack === undefined || stack.status === 'DELETE_COMPLETE') throw noSuchStack(nameOrId);
  return stack;
}

function detect({ cloud, params, state }: Call): Record<string, unknown> {
  const stack = stackOf(state, params.required('StackName'));
  if (!comparable.includes(stack.status)) {
    const message = `Stack [${stack.name}] is in [${stack.status}] state and can not be used for drift detection.`;
    throw new AwsError('ValidationError', message);
  }
  const now = cloud.now();
  if (stack.detection !== undefined && now < stack.detection.endsAt) {
    const message = `Drift detection is already in progress for stack [${stack.id}]`;
    throw new AwsError('ValidationError', message);
  }
  const wanted = new Set(params.texts('LogicalResourceIds'));
  const resources = [...stack.resources.values()].filter(
    (resource) => wanted.size === 0 || wanted.has(resource.logicalId),
  );
  const detection: DriftDetection = {
    id: state.uuid(),
    startedAt: now,
    endsAt: now + detectionMs + resourceMs * resources.length,
    resources: resources.map((resource) => compared(state, resource)),
  };
  stack.detection = detection;
  return { StackDriftDetectionId: detection.id };
}

/** A type that cannot be looked into is not checked, as with types that CloudFormation does not support. */
function compared(state: RegionState, resource: StackResource): ResourceDriftView {
  const base = { logicalId: resource.logicalId, physicalId: resource.physicalId, type: resource.type };
  const live = resourceCatalogue.get(resource.type)?.live?.(state, resource);
  if (live === undefined) return { ...base, status: 'NOT_CHECKED', differences: [] };
  if (live === 'gone') return { ...base, status: 'DELETED', differences: [] };
  const differences = Object.entries(live).flatMap(([name, actual]) => {
    const expected = resource.applied[name];
    // what the template does not set is not compared
    if (expected === undefined || plainText(expected) === actual) return [];
    return [{ path: `/${name}`, expected: plainText(expected), actual }];
  });
  return { ...base, status: differences.length === 0 ? 'IN_SYNC' : 'MODIFIED', differences };
}

const isDrifted = ({ status }: ResourceDriftView): boolean => status === 'MODIFIED' || status === 'DELETED';

function detectionStatus({ cloud, params, state }: Call): Record<string, unknown> {
  const id = params.required('StackDriftDetectionId');
  const stack = [...state.stacks.values()].find((one) => one.detection?.id === id);
  if (stack?.detection === undefined) throw new AwsError('ValidationError', `Drift detection id ${id} does not exist`);
  const { startedAt, endsAt, resources } = stack.detection;
  const about = { StackId: stack.id, StackDriftDetectionId: id, Timestamp: new Date(startedAt) };
  if (cloud.now() < endsAt) return { ...about, DetectionStatus: 'DETECTION_IN_PROGRESS' };
  const drifted = resources.filter(isDrifted).length;
  return {
    ...about,
    DetectionStatus: 'DETECTION_COMPLETE',
    StackDriftStatus: drifted === 0 ? 'IN_SYNC' : 'DRIFTED',
    DriftedStackResourceCount: drifted,
  };
}

function resourceDrifts({ cloud, params, state }: Call): Record<string, unknown> {
  const stack = stackOf(state, params.required('StackName'));
  const { detection } = stack;
  const known = detection !== undefined && cloud.now() >= detection.endsAt ? detection.resources : [];
  const statuses = new Set(params.texts('StackResourceDriftStatusFilters'));
  // resources that were not checked are not told
  const wanted = known.filter(
    (one) => one.status !== 'NOT_CHECKED' && (statuses.size === 0 || statuses.has(one.status)),
  );
  const badToken = (): AwsError => new AwsError('ValidationError', 'The NextToken value is not valid.');
  const { items, next } = page(wanted, { size: 100, token: params.text('NextToken'), badToken });
  return {
    StackResourceDrifts: items.map((one) => ({
      StackId: stack.id,
      LogicalResourceId: one.logicalId,
      PhysicalResourceId: one.physicalId,
      ResourceType: one.type,
      PropertyDifferences: one.differences.map(({ path, expected, actual }) => ({
        PropertyPath: path,
        ExpectedValue: expected,
        ActualValue: actual,
        DifferenceType: 'NOT_EQUAL',
      })),
      StackResourceDriftStatus: one.status,
      Timestamp: new Date(detection?.endsAt ?? 0),
    })),
    ...(next === undefined ? {} : { NextToken: next }),
  };
}

/** What a stack's own description says of it. */
export function driftInformation({ detection }: Stack, now: number): Record<string, unknown> {
  if (detection === undefined || now < detection.endsAt) return { StackDriftStatus: 'NOT_CHECKED' };
  const status = detection.resources.some(isDrifted) ? 'DRIFTED' : 'IN_SYNC';
  return { StackDriftStatus: status, LastCheckTimestamp: new Date(detection.endsAt) };
}

export const driftActions: ActionTable = {
  DetectStackDrift: detect,
  DescribeStackDriftDetectionStatus: detectionStatus,
  DescribeStackResourceDrifts: resourceDrifts,
};
