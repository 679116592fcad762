/** The AWS actions that the port needs, by name. Two callers exist: the SDK over HTTP, and the simulated cloud in-process. */
import type * as AutoScaling from '@aws-sdk/client-auto-scaling';
import type * as CloudFormation from '@aws-sdk/client-cloudformation';
import type * as Ec2 from '@aws-sdk/client-ec2';
import type * as Eks from '@aws-sdk/client-eks';
import type * as Classic from '@aws-sdk/client-elastic-load-balancing';
import type * as V2 from '@aws-sdk/client-elastic-load-balancing-v2';
import type * as Kms from '@aws-sdk/client-kms';
import type * as S3 from '@aws-sdk/client-s3';
import type * as Sts from '@aws-sdk/client-sts';

interface Shape<Input, Output> {
  input: Input;
  output: Omit<Output, '$metadata'>;
}

/** Inputs and outputs as the SDK shapes them. */
export interface AwsActions {
  DescribeAutoScalingGroups: Shape<
    AutoScaling.DescribeAutoScalingGroupsCommandInput,
    AutoScaling.DescribeAutoScalingGroupsCommandOutput
  >;
  DescribeScalingActivities: Shape<
    AutoScaling.DescribeScalingActivitiesCommandInput,
    AutoScaling.DescribeScalingActivitiesCommandOutput
  >;
  UpdateAutoScalingGroup: Shape<
    AutoScaling.UpdateAutoScalingGroupCommandInput,
    AutoScaling.UpdateAutoScalingGroupCommandOutput
  >;
  LaunchInstances: Shape<AutoScaling.LaunchInstancesCommandInput, AutoScaling.LaunchInstancesCommandOutput>;
  SetDesiredCapacity: Shape<AutoScaling.SetDesiredCapacityCommandInput, AutoScaling.SetDesiredCapacityCommandOutput>;
  TerminateInstanceInAutoScalingGroup: Shape<
    AutoScaling.TerminateInstanceInAutoScalingGroupCommandInput,
    AutoScaling.TerminateInstanceInAutoScalingGroupCommandOutput
  >;
  SetInstanceProtection: Shape<
    AutoScaling.SetInstanceProtectionCommandInput,
    AutoScaling.SetInstanceProtectionCommandOutput
  >;
  SuspendProcesses: Shape<AutoScaling.SuspendProcessesCommandInput, AutoScaling.SuspendProcessesCommandOutput>;
  ResumeProcesses: Shape<AutoScaling.ResumeProcessesCommandInput, AutoScaling.ResumeProcessesCommandOutput>;
  CreateOrUpdateTags: Shape<AutoScaling.CreateOrUpdateTagsCommandInput, AutoScaling.CreateOrUpdateTagsCommandOutput>;
  DeleteTags: Shape<AutoScaling.DeleteTagsCommandInput, AutoScaling.DeleteTagsCommandOutput>;
  DescribeStacks: Shape<CloudFormation.DescribeStacksCommandInput, CloudFormation.DescribeStacksCommandOutput>;
  GetTemplate: Shape<CloudFormation.GetTemplateCommandInput, CloudFormation.GetTemplateCommandOutput>;
  DetectStackDrift: Shape<CloudFormation.DetectStackDriftCommandInput, CloudFormation.DetectStackDriftCommandOutput>;
  DescribeStackDriftDetectionStatus: Shape<
    CloudFormation.DescribeStackDriftDetectionStatusCommandInput,
    CloudFormation.DescribeStackDriftDetectionStatusCommandOutput
  >;
  DescribeStackResourceDrifts: Shape<
    CloudFormation.DescribeStackResourceDriftsCommandInput,
    CloudFormation.DescribeStackResourceDriftsCommandOutput
  >;
  DescribeStackEvents: Shape<
    CloudFormation.DescribeStackEventsCommandInput,
    CloudFormation.DescribeStackEventsCommandOutput
  >;
  CreateStack: Shape<CloudFormation.CreateStackCommandInput, CloudFormation.CreateStackCommandOutput>;
  CreateChangeSet: Shape<CloudFormation.CreateChangeSetCommandInput, CloudFormation.CreateChangeSetCommandOutput>;
  DescribeChangeSet: Shape<CloudFormation.DescribeChangeSetCommandInput, CloudFormation.DescribeChangeSetCommandOutput>;
  ExecuteChangeSet: Shape<CloudFormation.ExecuteChangeSetCommandInput, CloudFormation.ExecuteChangeSetCommandOutput>;
  DeleteChangeSet: Shape<CloudFormation.DeleteChangeSetCommandInput, CloudFormation.DeleteChangeSetCommandOutput>;
  ContinueUpdateRollback: Shape<
    CloudFormation.ContinueUpdateRollbackCommandInput,
    CloudFormation.ContinueUpdateRollbackCommandOutput
  >;
  UpdateTerminationProtection: Shape<
    CloudFormation.UpdateTerminationProtectionCommandInput,
    CloudFormation.UpdateTerminationProtectionCommandOutput
  >;
  GetStackPolicy: Shape<CloudFormation.GetStackPolicyCommandInput, CloudFormation.GetStackPolicyCommandOutput>;
  SetStackPolicy: Shape<CloudFormation.SetStackPolicyCommandInput, CloudFormation.SetStackPolicyCommandOutput>;
  HeadObject: Shape<S3.HeadObjectCommandInput, S3.HeadObjectCommandOutput>;
  PutObject: Shape<S3.PutObjectCommandInput, S3.PutObjectCommandOutput>;
  CreateBucket: Shape<S3.CreateBucketCommandInput, S3.CreateBucketCommandOutput>;
  DescribeCluster: Shape<Eks.DescribeClusterCommandInput, Eks.DescribeClusterCommandOutput>;
  Encrypt: Shape<Kms.EncryptCommandInput, Kms.EncryptCommandOutput>;
  DeleteStack: Shape<CloudFormation.DeleteStackCommandInput, CloudFormation.DeleteStackCommandOutput>;
  DescribeInstanceHealth: Shape<
    Classic.DescribeInstanceHealthCommandInput,
    Classic.DescribeInstanceHealthCommandOutput
  >;
  DeregisterInstancesFromLoadBalancer: Shape<
    Classic.DeregisterInstancesFromLoadBalancerCommandInput,
    Classic.DeregisterInstancesFromLoadBalancerCommandOutput
  >;
  RegisterInstancesWithLoadBalancer: Shape<
    Classic.RegisterInstancesWithLoadBalancerCommandInput,
    Classic.RegisterInstancesWithLoadBalancerCommandOutput
  >;
  DescribeTargetHealth: Shape<V2.DescribeTargetHealthCommandInput, V2.DescribeTargetHealthCommandOutput>;
  DescribeInstances: Shape<Ec2.DescribeInstancesCommandInput, Ec2.DescribeInstancesCommandOutput>;
  DescribeVolumes: Shape<Ec2.DescribeVolumesCommandInput, Ec2.DescribeVolumesCommandOutput>;
  DescribeLaunchTemplateVersions: Shape<
    Ec2.DescribeLaunchTemplateVersionsCommandInput,
    Ec2.DescribeLaunchTemplateVersionsCommandOutput
  >;
  DescribeSecurityGroups: Shape<Ec2.DescribeSecurityGroupsCommandInput, Ec2.DescribeSecurityGroupsCommandOutput>;
  DescribeLoadBalancers: Shape<V2.DescribeLoadBalancersCommandInput, V2.DescribeLoadBalancersCommandOutput>;
  DescribeTags: Shape<V2.DescribeTagsCommandInput, V2.DescribeTagsCommandOutput>;
  /** Two services name an action alike: the older one's goes by its own. */
  'classic:DescribeLoadBalancers': Shape<
    Classic.DescribeLoadBalancersCommandInput,
    Classic.DescribeLoadBalancersCommandOutput
  >;
  'classic:DescribeTags': Shape<Classic.DescribeTagsCommandInput, Classic.DescribeTagsCommandOutput>;
  RegisterTargets: Shape<V2.RegisterTargetsCommandInput, V2.RegisterTargetsCommandOutput>;
  DeregisterTargets: Shape<V2.DeregisterTargetsCommandInput, V2.DeregisterTargetsCommandOutput>;
  GetCallerIdentity: Shape<Sts.GetCallerIdentityCommandInput, Sts.GetCallerIdentityCommandOutput>;
}

export type AwsAction = keyof AwsActions;
export type AwsInput<A extends AwsAction> = AwsActions[A]['input'];
export type AwsOutput<A extends AwsAction> = AwsActions[A]['output'];

export interface AwsCaller {
  /**
   * Rejects with AwsServiceError when the service said no, with FailureError when it said nothing (`aws-unreachable`,
   * `aws-timeout`, `aws-unauthorized` without credentials). `where` names action, object, account and region for messages.
   */
  call<A extends AwsAction>(action: A, input: AwsInput<A>, where: string): Promise<AwsOutput<A>>;
  /** Epoch ms; undefined when the credentials in use do not end. */
  credentialsExpireAt(): Promise<number | undefined>;
}

/** An error that a service answered, before it is judged. */
export class AwsServiceError extends Error {
  /** As AWS names it: `Throttling`, `ValidationError`, `ScalingActivityInProgressFault`. */
  readonly code: string;
  /** HTTP status; 0 when unknown. */
  readonly status: number;

  constructor(code: string, message: string, status: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AwsServiceError';
    this.code = code;
    this.status = status;
  }
}
