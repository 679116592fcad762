import { invalid } from './api-error.ts';
import type { ClusterCore } from './cluster-core.ts';
import type { Service } from './kinds.ts';
import type { SimObject } from './object.ts';

interface Allocations {
  nextAddress: number;
  usedAddresses: Set<string>;
  nextNodePort: number;
  usedNodePorts: Set<number>;
}

const byCluster = new WeakMap<ClusterCore, Allocations>();

function allocationsOf(core: ClusterCore): Allocations {
  let found = byCluster.get(core);
  if (!found) {
    const made: Allocations = {
      nextAddress: 10,
      usedAddresses: new Set(),
      nextNodePort: 30_000,
      usedNodePorts: new Set(),
    };
    found = made;
    byCluster.set(core, made);
    // A restored cluster has services before anybody asks.
    for (const service of core.store.typed<Service>('services').byKey.values()) take(made, service);
    core.store.onChange('services', (change) => {
      if (change.type !== 'DELETED') {
        take(made, change.object as Service);
        return;
      }
      const { clusterIP, ports } = (change.old as Service).spec;
      if (clusterIP) made.usedAddresses.delete(clusterIP);
      for (const { nodePort } of ports ?? []) if (nodePort !== undefined) made.usedNodePorts.delete(nodePort);
    });
  }
  return found;
}

function take(allocations: Allocations, { spec }: Service): void {
  const { clusterIP, ports } = spec;
  if (clusterIP && clusterIP !== 'None') allocations.usedAddresses.add(clusterIP);
  for (const { nodePort } of ports ?? []) if (nodePort !== undefined) allocations.usedNodePorts.add(nodePort);
}

/** Gives a service its cluster address and node ports; 422 for an address that another one has. */
export function allocateAddresses(core: ClusterCore, object: SimObject, old: SimObject | undefined): void {
  const allocations = allocationsOf(core);
  const service = object as Service;
  const spec: Service['spec'] = { ...service.spec };
  service.spec = spec;
  if (spec.type === 'ExternalName') return;
  const before = (old as Service | undefined)?.spec.clusterIP;
  if (before !== undefined && !spec.clusterIP) spec.clusterIP = before;
  if (!spec.clusterIP) {
    let address: string;
    do {
      const n = allocations.nextAddress++;
      address = `172.20.${(n >> 8) & 255}.${n & 255}`;
    } while (allocations.usedAddresses.has(address));
    spec.clusterIP = address;
  } else if (spec.clusterIP !== 'None' && spec.clusterIP !== before && allocations.usedAddresses.has(spec.clusterIP)) {
    const message = `Invalid value: "${spec.clusterIP}": failed to allocate IP ${spec.clusterIP}: provided IP is already allocated`;
    const field = 'spec.clusterIPs';
    throw invalid({ kind: 'Service', group: '' }, service.metadata.name, [
      { field, reason: 'FieldValueInvalid', message },
    ]);
  }
  spec['clusterIPs'] = [spec.clusterIP];
  if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return;
  const oldPorts = (old as Service | undefined)?.spec.ports ?? [];
  spec.ports = (spec.ports ?? []).map((port) => {
    if (port.nodePort) return port;
    const same = oldPorts.find((each) => each.port === port.port && each.nodePort !== undefined);
    if (same?.nodePort) return { ...port, nodePort: same.nodePort };
    while (allocations.usedNodePorts.has(allocations.nextNodePort)) allocations.nextNodePort += 1;
    return { ...port, nodePort: allocations.nextNodePort++ };
  });
}
