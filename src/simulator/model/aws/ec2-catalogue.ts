/** What a region offers and holds besides instances: network, images, instance types, security groups, volumes. */

import { AwsError, plainText } from './aws-request.ts';
import type { ActionTable, Call } from './cloud.ts';
import { type FilterValue, filtersOf, paged } from './ec2-filters.ts';
import { instanceTypeInfo, isImageId, isRegion, zoneIdOf, zonesOf } from './geography.ts';
import type { RegionState } from './region-state.ts';
import { tagList } from './resources.ts';

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
    throw new AwsError(
      'InvalidInstanceType',
      `The following supplied instance types do not exist: [${invalid.join(', ')}]`,
    );
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
    NetworkInfo: {
      MaximumNetworkInterfaces: type.vcpus > 4 ? 8 : 4,
      Ipv4AddressesPerInterface: type.vcpus > 4 ? 30 : 15,
    },
    SupportedUsageClasses: ['on-demand', 'spot'],
  }));
  return paged(params, 'InstanceTypes', views, 100);
}

export const ec2CatalogueActions: ActionTable = {
  DescribeSubnets: describeSubnets,
  DescribeImages: describeImages,
  DescribeInstanceTypes: describeInstanceTypes,
  DescribeVpcs: ({ state, params }) => {
    const { vpcId, vpcCidr } = state.network;
    const wanted = filtersOf<string>(
      params,
      { 'vpc-id': (id) => id, 'is-default': () => 'true', isDefault: () => 'true' },
      () => new Map(),
    );
    const asked = params.texts('VpcIds');
    const other = asked.find((id) => id !== vpcId);
    if (other !== undefined) throw new AwsError('InvalidVpcID.NotFound', `The vpc ID '${other}' does not exist`);
    const vpc = {
      VpcId: vpcId,
      CidrBlock: vpcCidr,
      State: 'available',
      IsDefault: true,
      OwnerId: state.account,
      Tags: [],
    };
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
  DescribeSecurityGroups: ({ state, params }) => {
    const ids = params.texts('GroupIds');
    const groups = [...state.plain.values()].filter((resource) => resource.type === 'AWS::EC2::SecurityGroup');
    const missing = ids.find((id) => !groups.some((group) => group.id === id));
    if (missing !== undefined)
      throw new AwsError('InvalidGroup.NotFound', `The security group '${missing}' does not exist`);
    const named: Record<string, (group: (typeof groups)[number]) => FilterValue> = {
      'group-id': (group) => group.id,
      'group-name': (group) => plainText(group.properties['GroupName'] ?? group.id),
      'vpc-id': () => state.network.vpcId,
      description: (group) => plainText(group.properties['GroupDescription']),
    };
    const filter = filtersOf(params, named, (group) => group.tags);
    const views = groups
      .filter((group) => (ids.length === 0 || ids.includes(group.id)) && filter(group))
      .map((group) => ({
        GroupId: group.id,
        GroupName: plainText(group.properties['GroupName'] ?? group.id),
        Description: plainText(group.properties['GroupDescription']),
        OwnerId: state.account,
        VpcId: state.network.vpcId,
        IpPermissions: [],
        IpPermissionsEgress: [],
        Tags: tagList(group.tags),
      }));
    return paged(params, 'SecurityGroups', views, 1000);
  },
};
