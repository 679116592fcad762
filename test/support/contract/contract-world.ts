/** A world for contract suites: one account, one cluster with two workers, made through the simulated API itself. */
import { accountNumber } from '../../../src/domain/cluster.ts';
import { defaultImages, networkOf } from '../../../src/simulator/model/aws/geography.ts';
import type { KubeOptions } from '../../../src/simulator/model/kube/options.ts';
import { World } from '../../../src/simulator/model/world.ts';
import { sampleCluster } from '../sample-cluster.ts';

export const contractAccount = accountNumber(sampleCluster.infrastructureAccount);
export const contractRegion = sampleCluster.region;

export function contractNetwork(): { vpcId: string; subnets: [string, string] } {
  const { vpcId, subnets } = networkOf(contractAccount, contractRegion);
  return { vpcId, subnets: [subnets[0]?.id ?? '', subnets[1]?.id ?? ''] };
}

export function contractImages(): [string, string] {
  const images = defaultImages(contractRegion).filter((image) => image.architecture === 'x86_64');
  return [images[0]?.id ?? '', images[1]?.id ?? ''];
}

const userData = `#cloud-config
write_files:
  - path: /etc/kubernetes/kubelet.env
    content: |
      KUBELET_ARGS=--node-labels=node.kubernetes.io/role=worker,node.kubernetes.io/node-pool=workers
`;

function call(
  world: World,
  service: 'ec2' | 'autoscaling',
  action: string,
  params: Record<string, unknown>,
): Record<string, unknown> {
  const reply = world.aws.handle({ account: contractAccount, region: contractRegion, service, action, params });
  if (!reply.ok) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
  return reply.result;
}

/** The cluster's group of `nodes` workers exists; its instances boot as time passes. */
export function makeContractWorld(options: {
  seed: number;
  startMs: number;
  nodes: number;
  kube?: Partial<KubeOptions>;
}): World {
  const { kube } = options;
  const world = new World({
    seed: options.seed,
    startMs: options.startMs,
    ...(kube === undefined ? {} : { options: { kube } }),
  });
  world.addCluster({ id: sampleCluster.id, account: contractAccount, region: contractRegion });
  if (options.nodes === 0) return world;
  call(world, 'ec2', 'CreateLaunchTemplate', {
    LaunchTemplateName: 'workers',
    LaunchTemplateData: {
      ImageId: contractImages()[0],
      InstanceType: 'm5.xlarge',
      UserData: Buffer.from(userData).toString('base64'),
    },
  });
  const tag = (Key: string, Value: string) => ({ Key, Value, PropagateAtLaunch: true });
  call(world, 'autoscaling', 'CreateAutoScalingGroup', {
    AutoScalingGroupName: 'workers',
    MinSize: 1,
    MaxSize: 5,
    DesiredCapacity: options.nodes,
    VPCZoneIdentifier: contractNetwork().subnets.join(','),
    LaunchTemplate: { LaunchTemplateName: 'workers', Version: '1' },
    Tags: [tag(`kubernetes.io/cluster/${sampleCluster.id}`, 'owned'), tag('NodePool', 'workers')],
  });
  return world;
}
