/** AWS actions through the SDK's clients. */
import * as autoScaling from '@aws-sdk/client-auto-scaling';
import * as cloudFormation from '@aws-sdk/client-cloudformation';
import * as ec2 from '@aws-sdk/client-ec2';
import * as eks from '@aws-sdk/client-eks';
import * as classic from '@aws-sdk/client-elastic-load-balancing';
import * as v2 from '@aws-sdk/client-elastic-load-balancing-v2';
import * as kms from '@aws-sdk/client-kms';
import * as s3 from '@aws-sdk/client-s3';
import * as sts from '@aws-sdk/client-sts';
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import { startDeadline } from '../../support/deadline.ts';
import { redactText } from '../../support/redact.ts';
import { type AwsAction, type AwsCaller, type AwsInput, type AwsOutput, AwsServiceError } from './aws-calls.ts';
import { type AwsClientSet, callUserAgent } from './aws-clients.ts';

type Options = { abortSignal: AbortSignal };
type Sender<A extends AwsAction> = (
  clients: AwsClientSet,
  input: AwsInput<A>,
  options: Options,
) => Promise<AwsOutput<A>>;

/**
 * Which client sends which command. `once` marks the clients without repeats: an action that is not idempotent is never sent
 * again blindly, as the first attempt may have taken effect although its answer was lost.
 */
const senders: { [A in AwsAction]: Sender<A> } = {
  DescribeAutoScalingGroups: (c, i, o) => c.autoScaling().send(new autoScaling.DescribeAutoScalingGroupsCommand(i), o),
  DescribeScalingActivities: (c, i, o) => c.autoScaling().send(new autoScaling.DescribeScalingActivitiesCommand(i), o),
  UpdateAutoScalingGroup: (c, i, o) => c.autoScaling().send(new autoScaling.UpdateAutoScalingGroupCommand(i), o),
  LaunchInstances: (c, i, o) => c.autoScaling().send(new autoScaling.LaunchInstancesCommand(i), o),
  SetDesiredCapacity: (c, i, o) => c.autoScalingOnce().send(new autoScaling.SetDesiredCapacityCommand(i), o),
  TerminateInstanceInAutoScalingGroup: (c, i, o) =>
    c.autoScalingOnce().send(new autoScaling.TerminateInstanceInAutoScalingGroupCommand(i), o),
  SetInstanceProtection: (c, i, o) => c.autoScaling().send(new autoScaling.SetInstanceProtectionCommand(i), o),
  SuspendProcesses: (c, i, o) => c.autoScaling().send(new autoScaling.SuspendProcessesCommand(i), o),
  ResumeProcesses: (c, i, o) => c.autoScaling().send(new autoScaling.ResumeProcessesCommand(i), o),
  CreateOrUpdateTags: (c, i, o) => c.autoScaling().send(new autoScaling.CreateOrUpdateTagsCommand(i), o),
  DeleteTags: (c, i, o) => c.autoScaling().send(new autoScaling.DeleteTagsCommand(i), o),
  DescribeStacks: (c, i, o) => c.cloudFormation().send(new cloudFormation.DescribeStacksCommand(i), o),
  GetTemplate: (c, i, o) => c.cloudFormation().send(new cloudFormation.GetTemplateCommand(i), o),
  DetectStackDrift: (c, i, o) => c.cloudFormation().send(new cloudFormation.DetectStackDriftCommand(i), o),
  DescribeStackDriftDetectionStatus: (c, i, o) =>
    c.cloudFormation().send(new cloudFormation.DescribeStackDriftDetectionStatusCommand(i), o),
  DescribeStackResourceDrifts: (c, i, o) =>
    c.cloudFormation().send(new cloudFormation.DescribeStackResourceDriftsCommand(i), o),
  DescribeStackEvents: (c, i, o) => c.cloudFormation().send(new cloudFormation.DescribeStackEventsCommand(i), o),
  CreateStack: (c, i, o) => c.cloudFormation().send(new cloudFormation.CreateStackCommand(i), o),
  CreateChangeSet: (c, i, o) => c.cloudFormation().send(new cloudFormation.CreateChangeSetCommand(i), o),
  DescribeChangeSet: (c, i, o) => c.cloudFormation().send(new cloudFormation.DescribeChangeSetCommand(i), o),
  ExecuteChangeSet: (c, i, o) => c.cloudFormation().send(new cloudFormation.ExecuteChangeSetCommand(i), o),
  DeleteChangeSet: (c, i, o) => c.cloudFormation().send(new cloudFormation.DeleteChangeSetCommand(i), o),
  ContinueUpdateRollback: (c, i, o) => c.cloudFormation().send(new cloudFormation.ContinueUpdateRollbackCommand(i), o),
  UpdateTerminationProtection: (c, i, o) =>
    c.cloudFormation().send(new cloudFormation.UpdateTerminationProtectionCommand(i), o),
  GetStackPolicy: (c, i, o) => c.cloudFormation().send(new cloudFormation.GetStackPolicyCommand(i), o),
  SetStackPolicy: (c, i, o) => c.cloudFormation().send(new cloudFormation.SetStackPolicyCommand(i), o),
  HeadObject: (c, i, o) => c.s3().send(new s3.HeadObjectCommand(i), o),
  PutObject: (c, i, o) => c.s3().send(new s3.PutObjectCommand(i), o),
  CreateBucket: (c, i, o) => c.s3().send(new s3.CreateBucketCommand(i), o),
  DescribeCluster: (c, i, o) => c.eks().send(new eks.DescribeClusterCommand(i), o),
  Encrypt: (c, i, o) => c.kms().send(new kms.EncryptCommand(i), o),
  DeleteStack: (c, i, o) => c.cloudFormation().send(new cloudFormation.DeleteStackCommand(i), o),
  DescribeInstanceHealth: (c, i, o) => c.classicLoadBalancing().send(new classic.DescribeInstanceHealthCommand(i), o),
  DeregisterInstancesFromLoadBalancer: (c, i, o) =>
    c.classicLoadBalancing().send(new classic.DeregisterInstancesFromLoadBalancerCommand(i), o),
  RegisterInstancesWithLoadBalancer: (c, i, o) =>
    c.classicLoadBalancing().send(new classic.RegisterInstancesWithLoadBalancerCommand(i), o),
  DescribeTargetHealth: (c, i, o) => c.loadBalancing().send(new v2.DescribeTargetHealthCommand(i), o),
  DescribeInstances: (c, i, o) => c.ec2().send(new ec2.DescribeInstancesCommand(i), o),
  DescribeVolumes: (c, i, o) => c.ec2().send(new ec2.DescribeVolumesCommand(i), o),
  DescribeLaunchTemplateVersions: (c, i, o) => c.ec2().send(new ec2.DescribeLaunchTemplateVersionsCommand(i), o),
  DescribeSecurityGroups: (c, i, o) => c.ec2().send(new ec2.DescribeSecurityGroupsCommand(i), o),
  DescribeLoadBalancers: (c, i, o) => c.loadBalancing().send(new v2.DescribeLoadBalancersCommand(i), o),
  DescribeTags: (c, i, o) => c.loadBalancing().send(new v2.DescribeTagsCommand(i), o),
  'classic:DescribeLoadBalancers': (c, i, o) =>
    c.classicLoadBalancing().send(new classic.DescribeLoadBalancersCommand(i), o),
  'classic:DescribeTags': (c, i, o) => c.classicLoadBalancing().send(new classic.DescribeTagsCommand(i), o),
  RegisterTargets: (c, i, o) => c.loadBalancing().send(new v2.RegisterTargetsCommand(i), o),
  DeregisterTargets: (c, i, o) => c.loadBalancing().send(new v2.DeregisterTargetsCommand(i), o),
  GetCallerIdentity: (c, i, o) => c.sts().send(new sts.GetCallerIdentityCommand(i), o),
};

interface SdkError {
  name: string;
  message: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: { statusCode?: number };
}

const networkCodes =
  /^(ECONN|ENOTFOUND|EAI_|EHOST|ENET|EPIPE|ETIMEDOUT|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_SSL|EPROTO|ERR_STREAM_PREMATURE_CLOSE)/;

/** Judges what the SDK threw: a service's refusal, silence, or a bug (which passes as it is). */
export function classifySdkError(error: unknown, where: string): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, code, $metadata, $response } = error as SdkError;
  const said = redactText(message).slice(0, 300);
  if (name === 'TimeoutError' || name === 'AbortError' || code === 'ETIMEDOUT') {
    return new FailureError(transient('aws-timeout', `${where}: no answer in time: ${said}`), error);
  }
  if (code !== undefined && networkCodes.test(code)) {
    return new FailureError(transient('aws-unreachable', `${where}: no answer: ${said} (${code})`), error);
  }
  if (/^(CredentialsProviderError|TokenProviderError|ProviderError)$/.test(name)) {
    return new FailureError(transient('aws-unauthorized', `${where}: no credentials: ${said}`), error);
  }
  const status = $metadata?.httpStatusCode ?? $response?.statusCode ?? 0;
  if (status >= 400) return new AwsServiceError(name, message, status, error);
  // The answer was no answer of this service: another server, or a proxy.
  if (status > 0) {
    return new FailureError(
      transient('aws-server-error', `${where}: unreadable answer (HTTP ${status}): ${said}`),
      error,
    );
  }
  return error;
}

export interface SdkCallerOptions {
  clients: AwsClientSet;
  /** Wall time for one call with all its attempts. */
  callTimeoutMs: number;
  /** Words for the user agent of the next call: `rollout/<id> cluster/<id>`. */
  userAgent?: () => string;
}

export function createSdkCaller({ clients, callTimeoutMs, userAgent = () => '' }: SdkCallerOptions): AwsCaller {
  return {
    async call<A extends AwsAction>(action: A, input: AwsInput<A>, where: string): Promise<AwsOutput<A>> {
      const deadline = startDeadline(callTimeoutMs, where);
      try {
        const sender = senders[action] as Sender<A>;
        return await callUserAgent.run(userAgent(), () => sender(clients, input, { abortSignal: deadline.signal }));
      } catch (error) {
        if (deadline.expired()) {
          throw new FailureError(transient('aws-timeout', `${where}: no answer within ${callTimeoutMs} ms`), error);
        }
        throw classifySdkError(error, where);
      } finally {
        deadline.clear();
      }
    },
    async credentialsExpireAt() {
      const where = `credentials for account ${clients.account} ${clients.region}`;
      try {
        return (await clients.credentialsEnd())?.getTime();
      } catch (error) {
        const judged = classifySdkError(error, where);
        throw judged instanceof AwsServiceError
          ? new FailureError(
              terminal('aws-unauthorized', `${where}: ${judged.code}: ${redactText(judged.message)}`),
              error,
            )
          : judged;
      }
    },
  };
}
