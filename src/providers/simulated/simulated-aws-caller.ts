import { FailureError, transient } from '../../domain/failure.ts';
import type { AwsReply, AwsRequest, AwsService } from '../../simulator/model/aws/aws-request.ts';
import { type AwsAction, type AwsCaller, type AwsInput, type AwsOutput, AwsServiceError } from '../aws/aws-calls.ts';
import type { Latency } from './latency.ts';

/** The part of a simulated cloud that is called. */
export interface SimulatedAwsApi {
  handle(request: AwsRequest): AwsReply;
}

export interface SimulatedAwsCallerOptions {
  account: string;
  region: string;
  api: SimulatedAwsApi;
  /** Says who acts in the world's events. */
  userAgent: string;
  latency: Latency;
}

const services: Record<AwsAction, AwsService> = {
  DescribeAutoScalingGroups: 'autoscaling',
  DescribeScalingActivities: 'autoscaling',
  UpdateAutoScalingGroup: 'autoscaling',
  LaunchInstances: 'autoscaling',
  SetDesiredCapacity: 'autoscaling',
  TerminateInstanceInAutoScalingGroup: 'autoscaling',
  SetInstanceProtection: 'autoscaling',
  SuspendProcesses: 'autoscaling',
  ResumeProcesses: 'autoscaling',
  CreateOrUpdateTags: 'autoscaling',
  DeleteTags: 'autoscaling',
  DescribeStacks: 'cloudformation',
  GetTemplate: 'cloudformation',
  DetectStackDrift: 'cloudformation',
  DescribeStackDriftDetectionStatus: 'cloudformation',
  DescribeStackResourceDrifts: 'cloudformation',
  DescribeStackEvents: 'cloudformation',
  CreateStack: 'cloudformation',
  CreateChangeSet: 'cloudformation',
  DescribeChangeSet: 'cloudformation',
  ExecuteChangeSet: 'cloudformation',
  DeleteChangeSet: 'cloudformation',
  ContinueUpdateRollback: 'cloudformation',
  UpdateTerminationProtection: 'cloudformation',
  GetStackPolicy: 'cloudformation',
  SetStackPolicy: 'cloudformation',
  HeadObject: 's3',
  PutObject: 's3',
  CreateBucket: 's3',
  DescribeCluster: 'eks',
  Encrypt: 'kms',
  DeleteStack: 'cloudformation',
  DescribeInstanceHealth: 'elasticloadbalancing',
  DeregisterInstancesFromLoadBalancer: 'elasticloadbalancing',
  RegisterInstancesWithLoadBalancer: 'elasticloadbalancing',
  DescribeTargetHealth: 'elasticloadbalancingv2',
  DescribeInstances: 'ec2',
  DescribeVolumes: 'ec2',
  DescribeSecurityGroups: 'ec2',
  DescribeLaunchTemplateVersions: 'ec2',
  DescribeLoadBalancers: 'elasticloadbalancingv2',
  DescribeTags: 'elasticloadbalancingv2',
  'classic:DescribeLoadBalancers': 'elasticloadbalancing',
  'classic:DescribeTags': 'elasticloadbalancing',
  RegisterTargets: 'elasticloadbalancingv2',
  DeregisterTargets: 'elasticloadbalancingv2',
  GetCallerIdentity: 'sts',
};

/** The world's clock decides when; what a fault delays beyond that, only the wire shows. */
export function createSimulatedAwsCaller(options: SimulatedAwsCallerOptions): AwsCaller {
  const { account, region, api, userAgent, latency } = options;
  return {
    async call<A extends AwsAction>(action: A, input: AwsInput<A>, where: string): Promise<AwsOutput<A>> {
      await latency.pass();
      const params = structuredClone(input) as Record<string, unknown>;
      const name = action.slice(action.indexOf(':') + 1);
      const reply = api.handle({ account, region, service: services[action], action: name, params, userAgent });
      await latency.pass();
      if (reply.ok) return structuredClone(reply.result);
      if (reply.status === 0) {
        throw new FailureError(transient('aws-unreachable', `${where}: no answer: ${reply.message || reply.code}`));
      }
      throw new AwsServiceError(reply.code, reply.message, reply.status);
    },
    credentialsExpireAt: () => Promise.resolve(undefined),
  };
}
