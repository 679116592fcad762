/** Resources that only need an id and attributes: nothing else in the simulated cloud looks inside them. */

import type { RegionState } from '../region-state.ts';
import type { PlainResource } from '../resources.ts';
import {
  changedProperties,
  type MadeResource,
  physicalName,
  type ResourceContext,
  type ResourceType,
  stackTags,
  templateTags,
} from './resource-type.ts';

interface PlainKind {
  /** Property that carries the name; a change of it, or of `replacing`, needs a new resource. */
  name?: string;
  replacing?: string[];
  /** Id made by the service: `prefix-` and 17 digits. */
  idPrefix?: string;
  uuid?: boolean;
  arn?: (state: RegionState, name: string) => string;
  /** Ref gives the ARN instead of the name. */
  refIsArn?: boolean;
  attributes?: (state: RegionState, made: { id: string; arn: string }) => Record<string, string>;
}

const iamArn =
  (kind: string) =>
  (state: RegionState, name: string): string =>
    `arn:aws:iam::${state.account}:${kind}/${name}`;
const regional =
  (service: string, prefix = '') =>
  (state: RegionState, name: string): string =>
    state.arn(service, `${prefix}${name}`);

const kinds: Readonly<Record<string, PlainKind>> = {
  'AWS::IAM::Role': {
    name: 'RoleName',
    arn: iamArn('role'),
    attributes: (state, { arn }) => ({ Arn: arn, RoleId: `AROA${state.account}` }),
  },
  'AWS::IAM::InstanceProfile': { name: 'InstanceProfileName', arn: iamArn('instance-profile') },
  'AWS::IAM::Policy': { name: 'PolicyName' },
  'AWS::IAM::RolePolicy': { name: 'PolicyName' },
  'AWS::IAM::ManagedPolicy': { name: 'ManagedPolicyName', arn: iamArn('policy'), refIsArn: true },
  'AWS::IAM::User': { name: 'UserName', arn: iamArn('user') },
  'AWS::IAM::Group': { name: 'GroupName', arn: iamArn('group') },
  'AWS::IAM::OIDCProvider': { arn: iamArn('oidc-provider'), refIsArn: true },
  'AWS::S3::Bucket': {
    name: 'BucketName',
    arn: (_state, name) => `arn:aws:s3:::${name}`,
    attributes: (state, { id, arn }) => ({
      Arn: arn,
      DomainName: `${id}.s3.amazonaws.com`,
      RegionalDomainName: `${id}.s3.${state.region}.amazonaws.com`,
      WebsiteURL: `http://${id}.s3-website.${state.region}.amazonaws.com`,
    }),
  },
  'AWS::S3::BucketPolicy': {},
  'AWS::KMS::Key': {
    uuid: true,
    arn: regional('kms', 'key/'),
    attributes: (_state, { id, arn }) => ({ Arn: arn, KeyId: id }),
  },
  'AWS::KMS::Alias': { name: 'AliasName' },
  'AWS::EC2::SecurityGroup': {
    idPrefix: 'sg',
    replacing: ['GroupDescription', 'GroupName', 'VpcId'],
    attributes: (state, { id }) => ({ GroupId: id, Id: id, VpcId: state.network.vpcId }),
  },
  'AWS::EC2::SecurityGroupIngress': { idPrefix: 'sgr' },
  'AWS::EC2::SecurityGroupEgress': { idPrefix: 'sgr' },
  'AWS::EC2::EIP': { idPrefix: 'eipalloc', attributes: (_state, { id }) => ({ AllocationId: id }) },
  'AWS::EC2::VPCEndpoint': { idPrefix: 'vpce', attributes: (_state, { id }) => ({ Id: id }) },
  'AWS::Route53::RecordSet': { name: 'Name' },
  'AWS::Route53::RecordSetGroup': {},
  'AWS::Route53::HostedZone': { idPrefix: 'Z', attributes: (_state, { id }) => ({ Id: id }) },
  'AWS::SQS::Queue': {
    name: 'QueueName',
    arn: regional('sqs'),
    attributes: (_state, { id, arn }) => ({ Arn: arn, QueueName: id }),
  },
  'AWS::SQS::QueuePolicy': {},
  'AWS::SNS::Topic': { name: 'TopicName', arn: regional('sns'), refIsArn: true },
  'AWS::Events::Rule': { name: 'Name', arn: regional('events', 'rule/') },
  'AWS::Logs::LogGroup': { name: 'LogGroupName', arn: regional('logs', 'log-group:') },
  'AWS::DynamoDB::Table': { name: 'TableName', arn: regional('dynamodb', 'table/') },
  'AWS::SSM::Parameter': { name: 'Name' },
  'AWS::CloudFormation::WaitConditionHandle': {},
  'AWS::CloudFormation::WaitCondition': { attributes: () => ({ Data: '{}' }) },
};

function idOf(context: ResourceContext, kind: PlainKind, properties: Record<string, unknown>): string {
  if (kind.idPrefix !== undefined) return context.state.newId(kind.idPrefix);
  if (kind.uuid) return context.state.uuid();
  return physicalName(context, properties, kind.name ?? '', 63);
}

function make(context: ResourceContext, type: string, kind: PlainKind, id: string): MadeResource {
  const name = type === 'AWS::S3::Bucket' ? id.toLowerCase() : id;
  const arn = kind.arn?.(context.state, name) ?? '';
  const attributes = kind.attributes?.(context.state, { id: name, arn }) ?? (arn === '' ? {} : { Arn: arn });
  return { physicalId: kind.refIsArn ? arn : name, attributes };
}

function keep(
  context: ResourceContext,
  type: string,
  properties: Record<string, unknown>,
  id: string,
  at: number,
): void {
  const resource: PlainResource = {
    type,
    id,
    properties,
    tags: new Map([...stackTags(context), ...templateTags(properties)]),
    createdAt: at,
  };
  context.state.plain.set(id, resource);
}

function plainResource(type: string, kind: PlainKind): ResourceType {
  const replacing = [...(kind.replacing ?? []), ...(kind.name === undefined ? [] : [kind.name])];
  return {
    replacing,
    create: (context, properties) => {
      const made = make(context, type, kind, idOf(context, kind, properties));
      keep(context, type, properties, made.physicalId, context.cloud.now());
      return made;
    },
    update: (context, properties, current) => {
      if (changedProperties(properties, current).some((name) => replacing.includes(name))) return 'replace';
      const createdAt = context.state.plain.get(current.physicalId)?.createdAt ?? context.cloud.now();
      keep(context, type, properties, current.physicalId, createdAt);
      return { physicalId: current.physicalId, attributes: current.attributes };
    },
    remove: (context, current, done) => {
      // With objects in it the bucket stays, and so does the resource.
      if (type === 'AWS::S3::Bucket') context.cloud.buckets.removeBucket(current.physicalId);
      context.state.plain.delete(current.physicalId);
      done();
    },
  };
}

export const plainResources: ReadonlyMap<string, ResourceType> = new Map(
  Object.entries(kinds).map(([type, kind]) => [type, plainResource(type, kind)]),
);
