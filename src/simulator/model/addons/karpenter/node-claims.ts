import type { ClusterCore } from '../../kube/cluster-core.ts';
import { nodeResources } from '../../kube/instance-types.ts';
import type { DaemonSet, Node, Pod, Taint } from '../../kube/kinds.ts';
import { type Fields, fieldsOf, listOf, type SimObject, shownText } from '../../kube/object.ts';
import type { CallCloud } from '../../seams.ts';
import { mayRunOn, type Room, roomOn, take } from '../autoscaler/room.ts';
import { agent } from './node-class.ts';

export const poolLabel = 'karpenter.sh/nodepool';
const typeLabel = 'node.kubernetes.io/instance-type';
const zoneLabel = 'topology.kubernetes.io/zone';

export interface Offer {
  pool: SimObject;
  nodeClass: SimObject;
  instanceType: string;
  subnet: string;
  imageId: string;
  /** A node as it would be. */
  node: Node;
  room: Room;
}

const templateOf = (pool: SimObject): Fields => fieldsOf(fieldsOf(pool['spec'])['template']);

export function classNameOf(pool: SimObject): string {
  return shownText(fieldsOf(fieldsOf(templateOf(pool)['spec'])['nodeClassRef'])['name']);
}

/** Values that a key may have (`In`), undefined for any. */
function allowed(pool: SimObject, key: string): string[] | undefined {
  const requirements = listOf(fieldsOf(templateOf(pool)['spec'])['requirements']).map(fieldsOf);
  const one = requirements.find((each) => each['key'] === key && each['operator'] === 'In');
  return one === undefined ? undefined : listOf(one['values']).map(shownText);
}

/** A key of the pool's requirements whose value the node does not have. */
export function unmetRequirement(pool: SimObject, labels: Record<string, string>): string | undefined {
  const requirements = listOf(fieldsOf(templateOf(pool)['spec'])['requirements']).map(fieldsOf);
  const unmet = requirements.find((each) => {
    const value = labels[shownText(each['key'])];
    const values = listOf(each['values']).map(shownText);
    if (each['operator'] === 'In') return value !== undefined && !values.includes(value);
    return each['operator'] === 'NotIn' && value !== undefined && values.includes(value);
  });
  return unmet === undefined ? undefined : shownText(unmet['key']);
}

/** Kinds of nodes that the pool can make now, in the order of its instance types; the zones take turns. */
export function offersOf(core: ClusterCore, pool: SimObject, nodeClass: SimObject, turn: number): Offer[] {
  const status = fieldsOf(nodeClass['status']);
  const zones = allowed(pool, zoneLabel);
  const subnets = listOf(status['subnets'])
    .map(fieldsOf)
    .filter((each) => zones === undefined || zones.includes(shownText(each['zone'])));
  const subnet = subnets[turn % Math.max(1, subnets.length)];
  const image = listOf(status['amis']).map(fieldsOf)[0];
  if (subnet === undefined || image === undefined) return [];
  const spec = fieldsOf(templateOf(pool)['spec']);
  return (allowed(pool, typeLabel) ?? ['m5.large']).map((instanceType) => {
    const labels: Record<string, string> = {
      ...(fieldsOf(fieldsOf(templateOf(pool)['metadata'])['labels']) as Record<string, string>),
      [poolLabel]: pool.metadata.name,
      [typeLabel]: instanceType,
      [zoneLabel]: shownText(subnet['zone']),
      'karpenter.sh/capacity-type': (allowed(pool, 'karpenter.sh/capacity-type') ?? ['on-demand'])[0] ?? 'on-demand',
    };
    const node: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: `of-${pool.metadata.name}`, uid: '', resourceVersion: '', creationTimestamp: '', labels },
      spec: { taints: listOf(spec['taints']) as Taint[] },
      status: nodeResources(instanceType),
    };
    const room = roomOn(core, node, true);
    for (const set of core.store.typed<DaemonSet>('daemonsets.apps').byKey.values()) {
      const pod = { ...set, spec: set.spec.template.spec } as unknown as Pod;
      if (mayRunOn(pod, node)) take(room, pod);
    }
    const found = { subnet: shownText(subnet['id']), imageId: shownText(image['id']) };
    return { pool, nodeClass, instanceType, ...found, node, room };
  });
}

/** Starts the machine of a claim. Its id, or why not. */
export function launch(
  cloud: CallCloud,
  clusterId: string,
  claim: string,
  offer: Offer,
): { id: string } | { why: string } {
  const spec = fieldsOf(offer.nodeClass['spec']);
  const tags = {
    ...fieldsOf(spec['tags']),
    [`kubernetes.io/cluster/${clusterId}`]: 'owned',
    [poolLabel]: offer.pool.metadata.name,
    'karpenter.sh/nodeclaim': claim,
  };
  const spot = offer.node.metadata.labels?.['karpenter.sh/capacity-type'] === 'spot';
  const reply = cloud(
    'ec2',
    'RunInstances',
    {
      MinCount: 1,
      MaxCount: 1,
      ClientToken: claim,
      ImageId: offer.imageId,
      InstanceType: offer.instanceType,
      SubnetId: offer.subnet,
      UserData: Buffer.from(typeof spec['userData'] === 'string' ? spec['userData'] : '').toString('base64'),
      TagSpecifications: [
        {
          ResourceType: 'instance',
          Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value: shownText(Value) })),
        },
      ],
      ...(spot ? { InstanceMarketOptions: { MarketType: 'spot' } } : {}),
    },
    agent,
  );
  if (!reply.ok) return { why: `${reply.code}: ${reply.message}` };
  return { id: shownText(fieldsOf(listOf(reply.result['Instances'])[0])['InstanceId']) };
}

/** False also while the cloud does not say. */
export function isGone(cloud: CallCloud, id: string): boolean {
  const reply = cloud('ec2', 'DescribeInstances', { InstanceIds: [id] }, agent);
  if (!reply.ok) return reply.code === 'InvalidInstanceID.NotFound';
  const instances = listOf(reply.result['Reservations']).flatMap((each) => listOf(fieldsOf(each)['Instances']));
  return instances.every((each) => fieldsOf(fieldsOf(each)['State'])['Name'] === 'terminated');
}
