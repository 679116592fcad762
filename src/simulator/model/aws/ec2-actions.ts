import { AwsError } from './aws-request.ts';
import type { ActionTable, Call } from './cloud.ts';
import { type FilterValue, filtersOf, paged } from './ec2-filters.ts';
import { instanceTypeInfo } from './geography.ts';
import type { RegionState } from './region-state.ts';
import { clusterOfTags, type Ec2Instance, tagList } from './resources.ts';

const stateCodes = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopping: 64, stopped: 80 } as const;

export function instanceState(instance: Ec2Instance): Record<string, unknown> {
  return { Code: stateCodes[instance.state], Name: instance.state };
}

export function instanceView(state: RegionState, instance: Ec2Instance): Record<string, unknown> {
  const gone = instance.state === 'terminated';
  const dnsName = `ip-${instance.privateIp.replaceAll('.', '-')}.${state.region}.compute.internal`;
  return {
    InstanceId: instance.id,
    ImageId: instance.imageId,
    State: instanceState(instance),
    PrivateDnsName: gone ? '' : dnsName,
    PublicDnsName: '',
    StateTransitionReason: instance.stateReason === undefined ? '' : 'User initiated',
    ...(instance.stateReason === undefined
      ? {}
      : { StateReason: { Code: instance.stateReason.code, Message: instance.stateReason.message } }),
    AmiLaunchIndex: 0,
    InstanceType: instance.instanceType,
    LaunchTime: new Date(instance.launchedAt),
    Placement: { AvailabilityZone: instance.zone, GroupName: '', Tenancy: 'default' },
    Monitoring: { State: 'disabled' },
    ...(gone ? {} : { SubnetId: instance.subnetId, VpcId: state.network.vpcId, PrivateIpAddress: instance.privateIp }),
    Architecture: instanceTypeInfo(instance.instanceType)?.architecture ?? 'x86_64',
    RootDeviceType: 'ebs',
    RootDeviceName: '/dev/xvda',
    BlockDeviceMappings: [],
    VirtualizationType: 'hvm',
    Hypervisor: 'xen',
    EbsOptimized: false,
    SourceDestCheck: true,
    ...(instance.spot ? { InstanceLifecycle: 'spot' } : {}),
    SecurityGroups: instance.securityGroupIds.map((GroupId) => ({ GroupId, GroupName: GroupId })),
    Tags: tagList(instance.tags),
  };
}

const instanceFields = (state: RegionState): Record<string, (instance: Ec2Instance) => FilterValue> => ({
  'instance-state-name': (instance) => instance.state,
  'instance-id': (instance) => instance.id,
  'instance-type': (instance) => instance.instanceType,
  'availability-zone': (instance) => instance.zone,
  'subnet-id': (instance) => instance.subnetId,
  'vpc-id': () => state.network.vpcId,
  'image-id': (instance) => instance.imageId,
  'private-ip-address': (instance) => instance.privateIp,
  'private-dns-name': (instance) => `ip-${instance.privateIp.replaceAll('.', '-')}.${state.region}.compute.internal`,
  'instance-lifecycle': (instance) => (instance.spot ? 'spot' : undefined),
});

export function namedInstances(call: Call): Ec2Instance[] | undefined {
  const ids = call.params.texts('InstanceIds');
  if (ids.length === 0) return undefined;
  const malformed = ids.find((id) => !/^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(id));
  if (malformed !== undefined) throw new AwsError('InvalidInstanceID.Malformed', `Invalid id: "${malformed}"`);
  const missing = ids.filter((id) => !call.state.instances.has(id));
  if (missing.length === 1)
    throw new AwsError('InvalidInstanceID.NotFound', `The instance ID '${missing[0]}' does not exist`);
  if (missing.length > 1) {
    throw new AwsError('InvalidInstanceID.NotFound', `The instance IDs '${missing.join(', ')}' do not exist`);
  }
  return ids.map((id) => call.state.instances.get(id) as Ec2Instance);
}

function describeInstances(call: Call): Record<string, unknown> {
  const { cloud, state, params } = call;
  cloud.fleet.forgetEnded(state);
  const wanted = filtersOf(params, instanceFields(state), (instance: Ec2Instance) => instance.tags);
  const reservations = (namedInstances(call) ?? [...state.instances.values()]).filter(wanted).map((instance) => ({
    ReservationId: `r-${instance.id.slice(2)}`,
    OwnerId: state.account,
    Groups: [],
    Instances: [instanceView(state, instance)],
  }));
  return paged(params, 'Reservations', reservations, 1000);
}

function describeInstanceStatus(call: Call): Record<string, unknown> {
  const { state, params } = call;
  const all = params.flag('IncludeAllInstances') ?? false;
  const wanted = filtersOf(params, instanceFields(state), (instance: Ec2Instance) => instance.tags);
  const statuses = (namedInstances(call) ?? [...state.instances.values()])
    .filter((instance) => wanted(instance) && (all || instance.state === 'running'))
    .map((instance) => ({
      InstanceId: instance.id,
      AvailabilityZone: instance.zone,
      InstanceState: instanceState(instance),
      InstanceStatus: { Status: instance.state === 'running' ? 'ok' : 'not-applicable', Details: [] },
      SystemStatus: { Status: instance.state === 'running' ? 'ok' : 'not-applicable', Details: [] },
      Events: [],
    }));
  return paged(params, 'InstanceStatuses', statuses, 1000);
}

function terminateInstances(call: Call): Record<string, unknown> {
  const { cloud, state } = call;
  const instances = namedInstances(call);
  if (!instances) throw new AwsError('MissingParameter', 'The request must contain the parameter InstanceId');
  return {
    TerminatingInstances: instances.map((instance) => {
      const before = instanceState(instance);
      if (instance.state === 'pending' || instance.state === 'running') {
        cloud.emit({
          kind: 'instance-terminate-requested',
          cluster: clusterOfTags(instance.tags) ?? '',
          instanceId: instance.id,
          group: instance.group ?? '',
          decrement: false,
        });
      }
      const message = 'Client.UserInitiatedShutdown: User initiated shutdown';
      cloud.fleet.terminate(state, instance, { code: 'Client.UserInitiatedShutdown', message });
      return { InstanceId: instance.id, PreviousState: before, CurrentState: instanceState(instance) };
    }),
  };
}

function taggable(state: RegionState, id: string): Map<string, string> {
  const found =
    state.instances.get(id)?.tags ??
    state.templates.get(id)?.tags ??
    state.volumes.get(id)?.tags ??
    state.plain.get(id)?.tags;
  if (found) return found;
  throw new AwsError('InvalidID', `The ID '${id}' is not valid`);
}

/** A request for each spot instance, as Auto Scaling makes them; its status tells of an interruption. */
function describeSpot({ state, params }: Call): Record<string, unknown> {
  const wanted = filtersOf(
    params,
    { 'instance-id': (instance: Ec2Instance) => instance.id, state: () => 'active' },
    (instance: Ec2Instance) => instance.tags,
  );
  const views = [...state.instances.values()]
    .filter((instance) => instance.spot && wanted(instance))
    .map((instance) => ({
      SpotInstanceRequestId: `sir-${instance.id.slice(2, 10)}`,
      InstanceId: instance.id,
      LaunchedAvailabilityZone: instance.zone,
      CreateTime: new Date(instance.launchedAt),
      Type: 'one-time',
      State: instance.state === 'running' || instance.state === 'pending' ? 'active' : 'closed',
      Status: spotStatus(instance),
      InstanceInterruptionBehavior: 'terminate',
      Tags: [],
    }));
  return paged(params, 'SpotInstanceRequests', views, 1000);
}

function spotStatus(instance: Ec2Instance): Record<string, unknown> {
  const noticed = instance.interruption?.terminatesAt !== undefined;
  if (noticed && instance.state === 'running')
    return {
      Code: 'marked-for-termination',
      Message: 'Your Spot Instance is marked for termination.',
      UpdateTime: new Date(instance.interruption?.recommendedAt ?? 0),
    };
  const ended = instance.state === 'shutting-down' || instance.state === 'terminated';
  const Code = !ended ? 'fulfilled' : noticed ? 'instance-terminated-no-capacity' : 'instance-terminated-by-user';
  return { Code, Message: Code, UpdateTime: new Date(instance.terminatedAt ?? instance.launchedAt) };
}

export const ec2Actions: ActionTable = {
  DescribeInstances: describeInstances,
  DescribeSpotInstanceRequests: describeSpot,
  DescribeInstanceStatus: describeInstanceStatus,
  TerminateInstances: terminateInstances,
  CreateTags: ({ state, params }) => {
    const targets = params.texts('Resources').map((id) => taggable(state, id));
    const tags = params.items('Tags').map((tag) => [tag.required('Key'), tag.text('Value') ?? ''] as const);
    for (const target of targets) for (const [key, value] of tags) target.set(key, value);
    return { Return: true };
  },
  DeleteTags: ({ state, params }) => {
    const targets = params.texts('Resources').map((id) => taggable(state, id));
    const keys = params.items('Tags').map((tag) => tag.required('Key'));
    for (const target of targets) for (const key of keys) target.delete(key);
    return { Return: true };
  },
};
