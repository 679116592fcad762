import { AwsError, type Params, page } from './aws-request.ts';
import type { ActionTable, Call } from './cloud.ts';
import { instanceTypeInfo, isImageId, isRegion, zoneIdOf, zonesOf } from './geography.ts';
import { type Ec2Instance, type RegionState, tagList } from './region-state.ts';

const stateCodes = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48 } as const;

const badToken = (): AwsError => new AwsError('InvalidNextToken', 'The specified token is not valid.');

type FilterValue = string | readonly string[] | undefined;

function wildcard(pattern: string): RegExp {
  if (pattern.length > 1000) throw new AwsError('InvalidParameterValue', 'The filter value is longer than 1000 characters');
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.');
  return new RegExp(`^${escaped}$`);
}

/** EC2's Filters: `tag:k`, `tag-key` and the named fields; values may hold * and ?. */
function filtersOf<T>(
  params: Params,
  fields: Record<string, (item: T) => FilterValue>,
  tags: (item: T) => ReadonlyMap<string, string>,
): (item: T) => boolean {
  const tests = params.items('Filters').map((filter): ((item: T) => boolean) => {
    const name = filter.required('Name');
    const patterns = filter.limitedTexts('Values', 200).map(wildcard);
    const hit = (value: FilterValue): boolean =>
      (Array.isArray(value) ? value : [value]).some(
        (each: string | undefined) => each !== undefined && patterns.some((pattern) => pattern.test(each)),
      );
    if (name === 'tag-key') return (item) => hit([...tags(item).keys()]);
    if (name.startsWith('tag:')) return (item) => hit(tags(item).get(name.slice(4)));
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) throw new AwsError('InvalidParameterValue', `The filter '${name}' is invalid`);
    return (item) => hit(field(item));
  });
  return (item) => tests.every((test) => test(item));
}

function paged(params: Params, key: string, all: Record<string, unknown>[], most: number): Record<string, unknown> {
  const size = params.bounded('MaxResults', 1, most) ?? most;
  const { items, next } = page(all, { size, token: params.text('NextToken'), badToken });
  return { [key]: items, ...(next === undefined ? {} : { NextToken: next }) };
}

function instanceState(instance: Ec2Instance): Record<string, unknown> {
  return { Code: stateCodes[instance.state], Name: instance.state };
}

function instanceView(state: RegionState, instance: Ec2Instance): Record<string, unknown> {
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

function namedInstances(call: Call): Ec2Instance[] | undefined {
  const ids = call.params.texts('InstanceIds');
  if (ids.length === 0) return undefined;
  const malformed = ids.find((id) => !/^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(id));
  if (malformed !== undefined) throw new AwsError('InvalidInstanceID.Malformed', `Invalid id: "${malformed}"`);
  const missing = ids.filter((id) => !call.state.instances.has(id));
  if (missing.length === 1) throw new AwsError('InvalidInstanceID.NotFound', `The instance ID '${missing[0]}' does not exist`);
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
        const cluster = [...instance.tags].find(([key, value]) => value === 'owned' && key.startsWith('kubernetes.io/cluster/'));
        cloud.emit({
          kind: 'instance-terminate-requested',
          cluster: cluster?.[0].slice('kubernetes.io/cluster/'.length) ?? '',
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

function describeSubnets({ state, params }: Call): Record<string, unknown> {
  const ids = params.texts('SubnetIds');
  for (const id of ids) {
    if (!state.subnet(id)) throw new AwsError('InvalidSubnetID.NotFound', `The subnet ID '${id}' does not exist`);
  }
  type Subnet = RegionState['network']['subnets'][number];
  const wanted = filtersOf<Subnet>(
    params,
    {
      'vpc-id': (subnet) => subnet.vpcId,
      'subnet-id': (subnet) => subnet.id,
      'availability-zone': (subnet) => subnet.zone,
      state: () => 'available',
    },
    (subnet) => new Map(Object.entries(subnet.tags)),
  );
  const subnets = state.network.subnets
    .filter((subnet) => (ids.length === 0 || ids.includes(subnet.id)) && wanted(subnet))
    .map((subnet) => ({
      SubnetId: subnet.id,
      VpcId: subnet.vpcId,
      State: 'available',
      CidrBlock: subnet.cidr,
      AvailabilityZone: subnet.zone,
      AvailabilityZoneId: subnet.zoneId,
      AvailableIpAddressCount: subnet.size - 16,
      DefaultForAz: true,
      MapPublicIpOnLaunch: false,
      OwnerId: state.account,
      SubnetArn: state.arn('ec2', `subnet/${subnet.id}`),
      Tags: tagList(new Map(Object.entries(subnet.tags))),
    }));
  return paged(params, 'Subnets', subnets, 1000);
}

function describeImages({ state, params }: Call): Record<string, unknown> {
  const ids = params.texts('ImageIds');
  const malformed = ids.find((id) => !isImageId(id));
  if (malformed !== undefined) throw new AwsError('InvalidAMIID.Malformed', `Invalid id: "${malformed}"`);
  const missing = ids.find((id) => !state.images.has(id));
  if (missing !== undefined) throw new AwsError('InvalidAMIID.NotFound', `The image id '[${missing}]' does not exist`);
  const owners = params.texts('Owners');
  type Item = { id: string; name: string; owner: string; architecture: string; createdAt: number };
  const wanted = filtersOf<Item>(
    params,
    {
      name: (image) => image.name,
      'image-id': (image) => image.id,
      'owner-id': (image) => image.owner,
      architecture: (image) => image.architecture,
      state: () => 'available',
      'virtualization-type': () => 'hvm',
      'root-device-type': () => 'ebs',
    },
    () => new Map(),
  );
  const ours = (owner: string): boolean =>
    owners.length === 0 || owners.some((each) => each === owner || (each === 'self' && owner === state.account));
  const images = [...state.images.values()]
    .filter((image) => (ids.length === 0 || ids.includes(image.id)) && ours(image.owner) && wanted(image))
    .map((image) => ({
      ImageId: image.id,
      Name: image.name,
      OwnerId: image.owner,
      State: 'available',
      Public: true,
      Architecture: image.architecture,
      CreationDate: new Date(image.createdAt).toISOString(),
      RootDeviceType: 'ebs',
      RootDeviceName: '/dev/xvda',
      VirtualizationType: 'hvm',
      ImageType: 'machine',
      BlockDeviceMappings: [],
      Tags: [],
    }));
  return paged(params, 'Images', images, 1000);
}

function describeInstanceTypes({ params }: Call): Record<string, unknown> {
  const names = params.limitedTexts('InstanceTypes', 100);
  const invalid = names.filter((name) => instanceTypeInfo(name) === undefined);
  if (invalid.length > 0) {
    throw new AwsError('InvalidInstanceType', `The following supplied instance types do not exist: [${invalid.join(', ')}]`);
  }
  const common = ['m5', 'm6g', 'm6i', 'm7g', 'c5', 'c6g', 'c6i', 'r5', 'r6g', 't3', 't4g'].flatMap((family) =>
    ['large', 'xlarge', '2xlarge', '4xlarge'].map((size) => `${family}.${size}`),
  );
  const types = (names.length > 0 ? names : common).flatMap((name) => instanceTypeInfo(name) ?? []);
  const views = types.map((type) => ({
    InstanceType: type.name,
    CurrentGeneration: true,
    BareMetal: type.name.endsWith('.metal'),
    Hypervisor: 'nitro',
    ProcessorInfo: { SupportedArchitectures: [type.architecture] },
    VCpuInfo: { DefaultVCpus: type.vcpus, DefaultCores: Math.max(1, type.vcpus / 2), DefaultThreadsPerCore: 2 },
    MemoryInfo: { SizeInMiB: type.memoryMiB },
    InstanceStorageSupported: type.storageGb > 0,
    ...(type.storageGb > 0 ? { InstanceStorageInfo: { TotalSizeInGB: type.storageGb } } : {}),
    NetworkInfo: { MaximumNetworkInterfaces: type.vcpus > 4 ? 8 : 4, Ipv4AddressesPerInterface: type.vcpus > 4 ? 30 : 15 },
    SupportedUsageClasses: ['on-demand', 'spot'],
  }));
  return paged(params, 'InstanceTypes', views, 100);
}

function taggable(state: RegionState, id: string): Map<string, string> {
  const found = state.instances.get(id)?.tags ?? state.templates.get(id)?.tags ?? state.plain.get(id)?.tags;
  if (found) return found;
  throw new AwsError('InvalidID', `The ID '${id}' is not valid`);
}

export const ec2Actions: ActionTable = {
  DescribeInstances: describeInstances,
  DescribeInstanceStatus: describeInstanceStatus,
  TerminateInstances: terminateInstances,
  DescribeSubnets: describeSubnets,
  DescribeImages: describeImages,
  DescribeInstanceTypes: describeInstanceTypes,
  DescribeVpcs: ({ state, params }) => {
    const { vpcId, vpcCidr } = state.network;
    const wanted = filtersOf<string>(params, { 'vpc-id': (id) => id, 'is-default': () => 'true', isDefault: () => 'true' }, () => new Map());
    const asked = params.texts('VpcIds');
    const other = asked.find((id) => id !== vpcId);
    if (other !== undefined) throw new AwsError('InvalidVpcID.NotFound', `The vpc ID '${other}' does not exist`);
    const vpc = { VpcId: vpcId, CidrBlock: vpcCidr, State: 'available', IsDefault: true, OwnerId: state.account, Tags: [] };
    return { Vpcs: wanted(vpcId) ? [vpc] : [] };
  },
  DescribeAvailabilityZones: ({ state, params }) => {
    const names = params.texts('ZoneNames');
    const unknown = names.find((name) => !zonesOf(state.region).includes(name));
    if (unknown !== undefined) throw new AwsError('InvalidParameterValue', `Invalid availability zone: [${unknown}]`);
    return {
      AvailabilityZones: zonesOf(state.region)
        .filter((zone) => names.length === 0 || names.includes(zone))
        .map((zone) => ({
          ZoneName: zone,
          ZoneId: zoneIdOf(zone),
          RegionName: state.region,
          State: 'available',
          OptInStatus: 'opt-in-not-required',
          ZoneType: 'availability-zone',
          GroupName: state.region,
          NetworkBorderGroup: state.region,
          Messages: [],
        })),
    };
  },
  DescribeRegions: ({ state, params }) => {
    const names = params.texts('RegionNames');
    const regions = names.length > 0 ? names : [...new Set([state.region, 'eu-central-1', 'eu-west-1', 'us-east-1'])];
    const unknown = regions.find((name) => !isRegion(name));
    if (unknown !== undefined) throw new AwsError('InvalidParameterValue', `Invalid region: [${unknown}]`);
    return {
      Regions: regions.map((RegionName) => ({
        RegionName,
        Endpoint: `ec2.${RegionName}.amazonaws.com`,
        OptInStatus: 'opt-in-not-required',
      })),
    };
  },
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
  DescribeSecurityGroups: ({ state, params }) => {
    const ids = params.texts('GroupIds');
    const groups = [...state.plain.values()].filter((resource) => resource.type === 'AWS::EC2::SecurityGroup');
    const missing = ids.find((id) => !groups.some((group) => group.id === id));
    if (missing !== undefined) throw new AwsError('InvalidGroup.NotFound', `The security group '${missing}' does not exist`);
    const views = groups
      .filter((group) => ids.length === 0 || ids.includes(group.id))
      .map((group) => ({
        GroupId: group.id,
        GroupName: String(group.properties['GroupName'] ?? group.id),
        Description: String(group.properties['GroupDescription'] ?? ''),
        OwnerId: state.account,
        VpcId: state.network.vpcId,
        IpPermissions: [],
        IpPermissionsEgress: [],
        Tags: tagList(group.tags),
      }));
    return paged(params, 'SecurityGroups', views, 1000);
  },
  DescribeVolumes: ({ cloud, state, params }) => {
    const ids = params.texts('VolumeIds');
    const volumes = [...state.plain.values()].filter((resource) => resource.type === 'AWS::EC2::Volume');
    const missing = ids.find((id) => !volumes.some((volume) => volume.id === id));
    if (missing !== undefined) throw new AwsError('InvalidVolume.NotFound', `The volume '${missing}' does not exist.`);
    const wanted = filtersOf<(typeof volumes)[number]>(params, { status: () => 'available', 'volume-id': (volume) => volume.id }, (volume) => volume.tags);
    const views = volumes
      .filter((volume) => (ids.length === 0 || ids.includes(volume.id)) && wanted(volume))
      .map((volume) => ({
        VolumeId: volume.id,
        AvailabilityZone: String(volume.properties['AvailabilityZone'] ?? ''),
        Size: Number(volume.properties['Size'] ?? 1),
        State: 'available',
        VolumeType: String(volume.properties['VolumeType'] ?? 'gp2'),
        CreateTime: new Date(volume.createdAt || cloud.now()),
        Encrypted: String(volume.properties['Encrypted'] ?? 'false') === 'true',
        Attachments: [],
        Tags: tagList(volume.tags),
      }));
    return paged(params, 'Volumes', views, 500);
  },
};
