/** A node-pool stack as a channel configuration would have it, with short forms of all kinds. */
export function poolTemplate(options: { image: string; instanceType?: string; max?: number; extra?: string }): string {
  return `AWSTemplateFormatVersion: "2010-09-09"
Description: A node pool
Parameters:
  Size: {Type: Number, Default: 2}
  Prefix: {Type: String, Default: workers}
Mappings:
  Types:
    eu-central-1: {worker: ${options.instanceType ?? 'm5.large'}}
Conditions:
  Big: !Not [!Equals [!Ref Size, "1"]]
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub "\${AWS::StackName}-worker"
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}
  LaunchTemplate:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateName: !Sub "\${AWS::StackName}-\${Prefix}"
      LaunchTemplateData:
        ImageId: ${options.image}
        InstanceType: !FindInMap [Types, !Ref "AWS::Region", worker]
        UserData:
          Fn::Base64: !Sub |
            #cloud-config
            account: \${AWS::AccountId}
            role: \${Role.Arn}
        SecurityGroupIds: [!GetAtt SecurityGroup.GroupId]
  SecurityGroup:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: nodes}
  Classic:
    Type: AWS::ElasticLoadBalancing::LoadBalancer
    Properties:
      LoadBalancerName: api-classic
      AvailabilityZones: !GetAZs ""
      Listeners: [{Protocol: TCP, LoadBalancerPort: "443", InstancePort: "6443"}]
      HealthCheck: {Target: "SSL:6443", Interval: "10", Timeout: "5", HealthyThreshold: "2", UnhealthyThreshold: "2"}
      ConnectionDrainingPolicy: {Enabled: true, Timeout: 60}
  Targets:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      Name: !Join ["-", [api, !Ref Prefix]]
      Port: 6443
      Protocol: TCP
      HealthCheckIntervalSeconds: 10
      HealthyThresholdCount: 2
      TargetGroupAttributes: [{Key: deregistration_delay.timeout_seconds, Value: "60"}]
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties:
      Name: api-network
      Type: network
      Subnets: !Split [",", !Ref Subnets]
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 443
      Protocol: TCP
      DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      AutoScalingGroupName: !Ref AWS::StackName
      MinSize: !Ref Size
      MaxSize: "${options.max ?? 10}"
      AvailabilityZones: !GetAZs {Ref: AWS::Region}
      LoadBalancerNames: [!Ref Classic]
      TargetGroupARNs: [!If [Big, !Ref Targets, !Ref AWS::NoValue]]
      LaunchTemplate:
        LaunchTemplateId: !Ref LaunchTemplate
        Version: !GetAtt LaunchTemplate.LatestVersionNumber
      Tags:
        - {Key: NodePool, Value: !Select [0, [!Ref Prefix, other]], PropagateAtLaunch: true}
${options.extra ?? ''}
Outputs:
  GroupName:
    Description: Name of the group
    Value: !Ref Group
    Export: {Name: !Sub "\${AWS::StackName}:group"}
  Dns: {Value: !GetAtt Balancer.DNSName}
`
    .replace('!Split [",", !Ref Subnets]', '!Ref Subnets')
    .replace(
      'Prefix: {Type: String, Default: workers}',
      `Prefix: {Type: String, Default: workers}
  Subnets: {Type: CommaDelimitedList, Default: "${subnets.join(',')}"}`,
    );
}

import { networkOf } from '../../../src/simulator/model/aws/geography.ts';
import { account, region } from './simulated-cloud.ts';

const subnets = networkOf(account, region).subnets.map((subnet) => subnet.id);
