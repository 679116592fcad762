/** A cluster whose etcd runs on instances of its own, made by its stack, and updates that change what they are launched from. */
import type { NodePool } from '../../src/domain/cluster.ts';
import type { RenderedCluster } from '../../src/domain/rendered.ts';
import type { TrueEtcd } from '../../src/simulator/model/etcd/etcd-fleet.ts';
import { renderFiles } from './render-input.ts';
import { RollWorld } from './roll-world.ts';
import { commit, dnsAddon } from './update-world.ts';

export const etcdStack = 'etcd-kube-1';
const newImage = 'ami-00000000000000002';

/** `kept`: a group and a volume a member, as in the sample; `fresh`: one group whose instances join as new members. */
export type EtcdKind = 'kept' | 'fresh';

const launch = (image: string, flags: string) => ({
  Type: 'AWS::EC2::LaunchTemplate',
  Properties: {
    LaunchTemplateData: {
      ImageId: image,
      InstanceType: 'm5.large',
      UserData: {
        'Fn::Base64': {
          'Fn::Sub': `#cloud-config\nruncmd: [/opt/bin/start-etcd --domain=etcd.kube-1.internal ${flags}]\n`,
        },
      },
    },
  },
});

const group = (template: string, size: number, zones: string[]) => ({
  Type: 'AWS::AutoScaling::AutoScalingGroup',
  Properties: {
    MinSize: String(size),
    MaxSize: String(size),
    AvailabilityZones: zones,
    LaunchTemplate: {
      LaunchTemplateId: { Ref: template },
      Version: { 'Fn::GetAtt': [template, 'LatestVersionNumber'] },
    },
  },
});

function resources(kind: EtcdKind, image: string, members: number): object {
  const zones = ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'];
  if (kind === 'fresh')
    return { Template: launch(image, `--members=${members}`), Group: group('Template', members, zones) };
  const each = Array.from({ length: members }, (_, i) => {
    const zone = zones[i % 3] as string;
    return {
      [`Data${i}`]: { Type: 'AWS::EC2::Volume', Properties: { AvailabilityZone: zone, Size: 8, VolumeType: 'gp3' } },
      [`Template${i}`]: launch(image, `--members=${members} --member=${i} --volume=\${Data${i}}`),
      [`Member${i}`]: group(`Template${i}`, 1, [zone]),
    };
  });
  return Object.assign({}, ...each);
}

/** An etcd of a cluster, as its stack makes it. */
export class EtcdGroup {
  readonly roll: RollWorld;
  readonly kind: EtcdKind;
  readonly members: number;
  image = newImage;
  items: Record<string, string>;
  readonly #rendered = new Map<string, RenderedCluster>();

  constructor(roll: RollWorld, kind: EtcdKind, members = 3, items: Record<string, string> = {}) {
    this.roll = roll;
    this.kind = kind;
    this.members = members;
    this.items = {
      etcd_health_url: 'http://{address}:2381/health',
      ...(kind === 'fresh' ? { etcd_client_url: 'https://{address}:2379', etcd_member_data: 'fresh' } : {}),
      ...items,
    };
  }

  /** Its members run on the old image afterwards; others are what updates render to. */
  create(image = 'ami-00000000000000001'): void {
    const { name, template, tags } = this.rendered(image).stacks[0] as RenderedCluster['stacks'][number];
    this.roll.call('cloudformation', 'CreateStack', {
      StackName: name,
      TemplateBody: template,
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    });
    this.roll.pass(900);
    if (this.kind === 'fresh') this.#keepMembers();
  }

  /** As operators are told to: a group that evens out its zones ends members, and their data with them. */
  #keepMembers(): void {
    const described = this.roll.call('autoscaling', 'DescribeAutoScalingGroups', {});
    for (const { AutoScalingGroupName, Tags } of described.AutoScalingGroups) {
      if (!Tags.some(({ Key }: { Key: string }) => Key === 'NodePool'))
        this.roll.call('autoscaling', 'SuspendProcesses', { AutoScalingGroupName, ScalingProcesses: ['AZRebalance'] });
    }
  }

  /** What the commit renders to: the same etcd, launched from another image. */
  rendered(image = this.image): RenderedCluster {
    const key = JSON.stringify([image, this.items]);
    const known = this.#rendered.get(key);
    if (known !== undefined) return known;
    const stack = {
      AWSTemplateFormatVersion: '2010-09-09',
      Metadata: { StackName: etcdStack },
      Resources: resources(this.kind, image, this.members),
    };
    const cluster = {
      ...this.roll.cluster,
      nodePools: [] as NodePool[],
      configItems: { ...this.roll.cluster.configItems, ...this.items },
    };
    const rendered = renderFiles({ 'etcd/stack.yaml': JSON.stringify(stack) }, cluster, { commit });
    this.#rendered.set(key, rendered);
    return rendered;
  }

  get etcd(): TrueEtcd {
    return this.roll.world.etcd.all()[0] as TrueEtcd;
  }

  /** Members that run on instances of this image. */
  runOn(image = this.image): number {
    const instances = this.roll.world.aws.truth().instances();
    const ids = new Set(instances.filter((one) => one.imageId === image).map((one) => one.id));
    return this.etcd.members.filter(({ up, instanceId }) => up && instanceId !== undefined && ids.has(instanceId))
      .length;
  }

  /** Tags of the groups of etcd that a roll leaves behind. */
  marks(): string[] {
    const groups = this.roll.world.aws.truth().groups();
    return groups.flatMap((one) =>
      Object.entries(one.tags).flatMap(([key, value]) => (key.startsWith('clm/etcd') ? [value] : [])),
    );
  }
}

/** A small cluster with nothing but workers beside its etcd. */
export class EtcdWorld extends EtcdGroup {
  constructor(kind: EtcdKind, members = 3, items: Record<string, string> = {}) {
    super(new RollWorld({ pools: [{ name: 'workers', nodes: 2, instanceType: 'm5.xlarge' }] }), kind, members, items);
    this.roll.apply(...dnsAddon);
    this.create();
    this.roll.watchInvariants();
  }
}
