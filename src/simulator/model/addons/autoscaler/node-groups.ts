import type { ClusterCore } from '../../kube/cluster-core.ts';
import { nodeResources } from '../../kube/instance-types.ts';
import type { Node, Taint } from '../../kube/kinds.ts';
import { type Fields, fieldsOf, listOf, shownText } from '../../kube/object.ts';
import type { CallCloud } from '../../seams.ts';

const enabledTag = 'k8s.io/cluster-autoscaler/enabled';
const templateTag = 'k8s.io/cluster-autoscaler/node-template/';
const agent = 'cluster-autoscaler';

export interface NodeGroup {
  name: string;
  min: number;
  max: number;
  desired: number;
  zones: string[];
  /** Ids of its instances, on their way in or in service. */
  instances: string[];
  tags: ReadonlyMap<string, string>;
  instanceType: string;
}

/** The groups that may be scaled: of this cluster, tagged for it. Undefined: the cloud did not say. */
export function nodeGroups(cloud: CallCloud, clusterId: string): NodeGroup[] | undefined {
  const groups: NodeGroup[] = [];
  let token: unknown;
  do {
    const params = token === undefined ? {} : { NextToken: token };
    const reply = cloud('autoscaling', 'DescribeAutoScalingGroups', params, agent);
    if (!reply.ok) return undefined;
    for (const view of listOf(reply.result['AutoScalingGroups']).map(fieldsOf)) {
      const group = groupOf(view);
      if (group.tags.has(`kubernetes.io/cluster/${clusterId}`) && group.tags.has(enabledTag)) groups.push(group);
    }
    token = reply.result['NextToken'];
  } while (token !== undefined && token !== '');
  return groups;
}

function groupOf(view: Fields): NodeGroup {
  const tags = listOf(view['Tags']).map(fieldsOf);
  const instances = listOf(view['Instances']).map(fieldsOf);
  const leaving = (state: unknown): boolean => shownText(state).startsWith('Terminat');
  return {
    name: shownText(view['AutoScalingGroupName']),
    min: Number(view['MinSize']),
    max: Number(view['MaxSize']),
    desired: Number(view['DesiredCapacity']),
    zones: listOf(view['AvailabilityZones']).map(shownText),
    instances: instances
      .filter((each) => !leaving(each['LifecycleState']))
      .map((each) => shownText(each['InstanceId'])),
    tags: new Map(tags.map((tag) => [shownText(tag['Key']), shownText(tag['Value'] ?? '')])),
    instanceType: shownText(instances[0]?.['InstanceType'] ?? 'm5.large'),
  };
}

export function instanceOf(node: Node): string {
  return (node.spec.providerID ?? '').split('/').at(-1) ?? '';
}

/** A node as the group would make it: like one that it has, else as its tags describe it. */
export function templateOf(core: ClusterCore, group: NodeGroup): { node: Node; real: boolean } {
  for (const node of core.store.typed<Node>('nodes').byKey.values())
    if (group.instances.includes(instanceOf(node))) {
      // A new one is called otherwise.
      const labels = { ...node.metadata.labels, 'kubernetes.io/hostname': `template-${group.name}` };
      return { node: { ...node, metadata: { ...node.metadata, labels } }, real: true };
    }
  const labels: Record<string, string> = { 'topology.kubernetes.io/zone': group.zones[0] ?? '' };
  const taints: Taint[] = [];
  for (const [key, value] of group.tags) {
    if (key.startsWith(`${templateTag}label/`)) labels[key.slice(templateTag.length + 6)] = value;
    if (!key.startsWith(`${templateTag}taint/`)) continue;
    const [text = '', effect = 'NoSchedule'] = value.split(':');
    taints.push({ key: key.slice(templateTag.length + 6), value: text, effect });
  }
  const node: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `template-${group.name}`, uid: '', resourceVersion: '', creationTimestamp: '', labels },
    spec: { taints },
    status: nodeResources(group.instanceType),
  };
  return { node, real: false };
}

/** False: the cloud refused. */
export function setDesired(cloud: CallCloud, group: NodeGroup, desired: number): string | undefined {
  const params = { AutoScalingGroupName: group.name, DesiredCapacity: desired, HonorCooldown: false };
  const reply = cloud('autoscaling', 'SetDesiredCapacity', params, agent);
  return reply.ok ? undefined : `${reply.code}: ${reply.message}`;
}

export function terminate(cloud: CallCloud, instanceId: string): string | undefined {
  const params = { InstanceId: instanceId, ShouldDecrementDesiredCapacity: true };
  const reply = cloud('autoscaling', 'TerminateInstanceInAutoScalingGroup', params, agent);
  return reply.ok ? undefined : `${reply.code}: ${reply.message}`;
}
