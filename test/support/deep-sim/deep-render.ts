/** What commits of a deep world render to: stacks that the simulated CloudFormation understands, and objects that run. */
import type { Cluster } from '../../../src/domain/cluster.ts';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import type { RenderedCluster, RenderedStack } from '../../../src/domain/rendered.ts';
import { defaultImages, networkOf } from '../../../src/simulator/model/aws/geography.ts';
import { contentFor } from '../pipeline/scripted-render.ts';
import type { CommitContent } from '../pipeline/scripted-source.ts';
import { budget } from '../roll-world.ts';
import { dnsAddon } from '../update-world.ts';

/** A pool of a deep cluster. */
export interface DeepPool {
  name: string;
  nodes: number;
  controlPlane: boolean;
  /** Instances of several types, those above the first on the spot market. */
  spot: boolean;
}

/** Of all nodes. */
export function imageOf(region: string): string {
  return defaultImages(region)[0]?.id ?? '';
}

export function renderDeep(
  cluster: Cluster,
  pools: readonly DeepPool[],
  commit: string,
  whole: CommitContent,
): RenderedCluster {
  const content = contentFor(cluster, whole);
  const tags = { [`kubernetes.io/cluster/${cluster.id}`]: 'owned' };
  const stackName = (pool: string): string => `nodepool-${pool}-${cluster.id.replaceAll(':', '-')}`;
  const poolStack = (pool: DeepPool): RenderedStack => ({
    name: stackName(pool.name),
    kind: 'node-pool',
    pool: pool.name,
    template: poolTemplate(cluster, pool, content.pool),
    parameters: {},
    tags,
    digest: `${pool.name}-${content.pool}`,
  });
  return {
    clusterId: cluster.id,
    commit,
    digest: `${content.stack}-${content.manifest}-${content.pool}`.padEnd(64, '0'),
    stacks: [
      {
        name: cluster.localId,
        kind: 'cluster',
        template: clusterTemplate(cluster, content.stack),
        parameters: {},
        tags,
        digest: content.stack,
      },
      ...pools.map(poolStack),
    ],
    components: [{ name: 'coredns', digest: content.manifest, objects: components(content.manifest) }],
    pools: pools.map(({ name, controlPlane }) => ({
      name,
      profile: controlPlane ? 'master-default' : 'worker-splitaz',
      controlPlane,
      stackName: stackName(name),
      digest: `${name}-${content.pool}`,
    })),
    karpenterPools: [],
    deletions: { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] },
  };
}

function clusterTemplate({ localId }: Cluster, content: string): string {
  const properties = { QueueName: localId, Tags: [{ Key: 'content', Value: content }] };
  return JSON.stringify({ Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: properties } } });
}

function poolTemplate(
  { id, localId, region, infrastructureAccount }: Cluster,
  pool: DeepPool,
  content: string,
): string {
  const role = pool.controlPlane ? 'master' : 'worker';
  const taints = pool.controlPlane ? ' --register-with-taints=node.kubernetes.io/role=master:NoSchedule' : '';
  const labels = `node.kubernetes.io/node-pool=${pool.name},node.kubernetes.io/role=${role},lifecycle-status=ready`;
  const userData = `#cloud-config\n# ${content}\nkubelet --node-labels=${labels}${taints}\n`;
  const tag = (Key: string, Value: string) => ({ Key, Value, PropagateAtLaunch: true });
  const version = {
    LaunchTemplateId: { Ref: 'Template' },
    Version: { 'Fn::GetAtt': ['Template', 'LatestVersionNumber'] },
  };
  const launched = pool.spot
    ? {
        MixedInstancesPolicy: {
          LaunchTemplate: {
            LaunchTemplateSpecification: version,
            Overrides: ['m5.large', 'm5a.large'].map((InstanceType) => ({ InstanceType })),
          },
          InstancesDistribution: { OnDemandBaseCapacity: 1, OnDemandPercentageAboveBaseCapacity: 0 },
        },
      }
    : { LaunchTemplate: version };
  const account = infrastructureAccount.slice(infrastructureAccount.indexOf(':') + 1);
  return JSON.stringify({
    Resources: {
      Template: {
        Type: 'AWS::EC2::LaunchTemplate',
        Properties: {
          LaunchTemplateName: `${localId}-${pool.name}`,
          LaunchTemplateData: {
            ImageId: imageOf(region),
            InstanceType: 'm5.large',
            UserData: Buffer.from(userData).toString('base64'),
          },
        },
      },
      Group: {
        Type: 'AWS::AutoScaling::AutoScalingGroup',
        Properties: {
          AutoScalingGroupName: groupName(localId, pool.name),
          MinSize: String(pool.nodes),
          MaxSize: String(pool.nodes + 2),
          VPCZoneIdentifier: networkOf(account, region).subnets.map((subnet) => subnet.id),
          ...launched,
          Tags: [tag(`kubernetes.io/cluster/${id}`, 'owned'), tag('NodePool', pool.name)],
        },
      },
    },
  });
}

/** Name of a pool's group. */
export const groupName = (localId: string, pool: string): string => `${localId}-${pool}`;

/** What every cluster gets: names are resolved by pods that are replaced when their configuration changes. */
function components(manifest: string): KubeObject[] {
  const [deployment, service] = structuredClone(dnsAddon) as [KubeObject, KubeObject];
  const spec = deployment['spec'] as { template: { metadata: { annotations?: Record<string, string> } } };
  spec.template.metadata.annotations = { config: manifest };
  const config = { name: 'coredns', namespace: 'kube-system' };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: config, data: { config: manifest } },
    deployment,
    service,
    budget('coredns', { maxUnavailable: 1 }, 'kube-system') as KubeObject,
  ];
}
