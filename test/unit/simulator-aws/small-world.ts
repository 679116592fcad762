import type { AwsService } from '../../../src/simulator/model/aws/aws-request.ts';
import type { WorldEvent } from '../../../src/simulator/model/seams.ts';
import { World } from '../../../src/simulator/model/world.ts';

export const account = '123456789012';
export const region = 'eu-central-1';
export const clusterId = `aws:${account}:${region}:kube-1`;
export const startMs = Date.UTC(2026, 10, 21, 8);

function userData(role: string, pool: string): string {
  const labels = `node.kubernetes.io/role=${role},node.kubernetes.io/node-pool=${pool}`;
  return `#cloud-config\nruncmd:\n- kubelet --node-labels=${labels}\n`;
}

/** A pool with one launch template and one group; control planes get a classic load balancer on 6443. */
export function poolTemplate(pool: string, image = 'ami-0123456789abcdef0', size = 3): object {
  const master = pool === 'masters';
  return {
    Resources: {
      Template: {
        Type: 'AWS::EC2::LaunchTemplate',
        Properties: {
          LaunchTemplateData: {
            ImageId: image,
            InstanceType: 'm5.large',
            UserData: { 'Fn::Base64': userData(master ? 'master' : 'worker', pool) },
          },
        },
      },
      ...(master
        ? {
            Api: {
              Type: 'AWS::ElasticLoadBalancing::LoadBalancer',
              Properties: {
                LoadBalancerName: 'api',
                AvailabilityZones: { 'Fn::GetAZs': '' },
                Listeners: [{ Protocol: 'TCP', LoadBalancerPort: 443, InstancePort: 6443 }],
                HealthCheck: {
                  Target: 'SSL:6443',
                  Interval: 10,
                  Timeout: 5,
                  HealthyThreshold: 2,
                  UnhealthyThreshold: 2,
                },
              },
            },
          }
        : {}),
      AutoScalingGroup: {
        Type: 'AWS::AutoScaling::AutoScalingGroup',
        Properties: {
          AutoScalingGroupName: pool,
          MinSize: size,
          MaxSize: size + 3,
          AvailabilityZones: { 'Fn::GetAZs': '' },
          ...(master ? { LoadBalancerNames: [{ Ref: 'Api' }] } : {}),
          LaunchTemplate: {
            LaunchTemplateId: { Ref: 'Template' },
            Version: { 'Fn::GetAtt': ['Template', 'LatestVersionNumber'] },
          },
          Tags: [
            { Key: `kubernetes.io/cluster/${clusterId}`, Value: 'owned', PropagateAtLaunch: true },
            { Key: 'NodePool', Value: pool, PropagateAtLaunch: true },
          ],
        },
      },
    },
  };
}

export function call(world: World, service: AwsService, action: string, params: Record<string, unknown>) {
  const reply = world.aws.handle({ account, region, service, action, params, userAgent: 'test' });
  if (!reply.ok) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
  return reply.result;
}

/** One cluster of three masters and three workers, up and quiet, and all that happened on the way. */
export function smallWorld(seed: number | string = 1): { world: World; events: WorldEvent[] } {
  const world = new World({ seed, startMs });
  const events: WorldEvent[] = [];
  world.subscribe((event) => events.push(event));
  world.addCluster({ id: clusterId, account, region });
  for (const pool of ['masters', 'workers']) {
    const StackName = `nodepool-${pool}-${clusterId.replaceAll(':', '-')}`;
    call(world, 'cloudformation', 'CreateStack', { StackName, TemplateBody: JSON.stringify(poolTemplate(pool)) });
  }
  world.advanceTo(startMs + 20 * 60_000);
  return { world, events };
}

export function readyNodes(world: World): string[] {
  const ready: string[] = [];
  for (const node of world.kube(clusterId).truth().nodes.values()) {
    const condition = node.status?.conditions?.find((each) => each.type === 'Ready');
    if (condition?.status === 'True') ready.push(node.metadata.name);
  }
  return ready;
}
