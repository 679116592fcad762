/** What people and other programs do on a simulated cluster, over the same APIs as everybody else. */

import { accountNumber } from '../../../src/domain/cluster.ts';
import type { AwsService } from '../../../src/simulator/model/aws/aws-request.ts';
import type { RollWorld } from '../roll-world.ts';

/** User agents of those that the checkers do not hold to the limits of a roll. */
export const others: ReadonlySet<string> = new Set(['kubectl', 'aws-cli', 'cluster-autoscaler', 'scenario']);

/** A cluster of a simulated world, whatever made it. */
export type Place = Pick<RollWorld, 'world' | 'kube' | 'cluster'>;

interface NodeObject {
  metadata: { name: string; annotations?: Record<string, string>; labels?: Record<string, string> };
  spec: { unschedulable?: boolean; providerID?: string };
}

export function nodesOf(roll: Place): NodeObject[] {
  return [...roll.kube.truth().nodes.values()] as NodeObject[];
}

export function instanceOf(node: NodeObject): string {
  const id = node.spec.providerID ?? '';
  return id.slice(id.lastIndexOf('/') + 1);
}

export function kubectl(roll: Place, method: string, path: string, body?: object): number {
  return roll.kube.handle({
    method,
    path,
    query: new URLSearchParams(),
    userAgent: 'kubectl/v1.31.0',
    contentType: method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
    ...(body === undefined ? {} : { body }),
  }).status;
}

const againMs = 10_000;

/** What people take back is tried again while there is no API server to take it. */
export function insist(roll: Place, method: string, path: string, body?: object): void {
  if (kubectl(roll, method, path, body) < 500) return;
  const { clock } = roll.world;
  clock.at(clock.now() + againMs, () => insist(roll, method, path, body));
}

export function cordon(roll: Place, node: string, unschedulable: boolean): void {
  kubectl(roll, 'PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: unschedulable ? true : null } });
}

/** A call of the cloud by `agent`; refusals are the caller's to expect. */
export function cloud(
  roll: Place,
  agent: string,
  service: AwsService,
  action: string,
  params: Record<string, unknown>,
): boolean {
  const userAgent = agent.includes('/') ? agent : `${agent}/1`;
  const account = accountNumber(roll.cluster.infrastructureAccount);
  const { region } = roll.cluster;
  return roll.world.aws.handle({ account, region, service, action, params, userAgent }).ok;
}

/** The pods of a node that are workloads. */
export function workloadsOn(roll: Place, node: string): string[] {
  const names: string[] = [];
  for (const [name, pod] of roll.kube.truth().podsOn(node)) {
    const owner = pod.metadata.ownerReferences?.[0]?.kind;
    if (owner !== 'DaemonSet' && pod.metadata.annotations?.['kubernetes.io/config.mirror'] === undefined)
      names.push(name);
  }
  return names;
}
