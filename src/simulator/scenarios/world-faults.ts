/** Faults of the world itself, as opposed to faults of single calls: each begins, and can be taken back. */
import type { World } from '../model/world.ts';
import { breakNetwork, setPublicRecord } from './network-faults.ts';
import type { CallFault, Fault } from './scenario-schema.ts';

type WorldFault = Exclude<Fault, CallFault>;
type Of<K extends WorldFault['kind']> = Extract<WorldFault, { kind: K }>;

const nothing = (): void => undefined;

/** Begins the fault now; gives the way to end it. */
export function beginWorldFault(world: World, fault: WorldFault): () => void {
  switch (fault.kind) {
    case 'no-capacity':
      return noCapacity(world, fault);
    case 'bad-image':
      world.faults.badImages.add(fault.image);
      return () => world.faults.badImages.delete(fault.image);
    case 'stack-failure':
      return stackFailure(world, fault);
    case 'rate-limit':
      return rateLimit(world, fault);
    case 'spot-interruption':
      world.aws.interruptSpot(fault);
      return nothing;
    case 'flapping-kubelet':
      return flappingKubelet(world, fault);
    case 'registry-overload':
      return registryOverload(world, fault);
    case 'budget-never-allows':
      return budgetNeverAllows(world, fault);
    case 'network':
      return breakNetwork(world, fault);
    case 'public-record':
      return setPublicRecord(world, fault);
    case 'clock-skew':
      world.aws.clockSkewMs = fault.behind === true ? -fault.skew : fault.skew;
      return () => {
        world.aws.clockSkewMs = 0;
      };
    default:
      return clusterFault(world, fault);
  }
}

function noCapacity(world: World, fault: Of<'no-capacity'>): () => void {
  const id = world.faults.addCapacity({
    zone: fault.zone,
    ...(fault.account === undefined ? {} : { account: fault.account }),
    ...(fault.instanceType === undefined ? {} : { instanceType: fault.instanceType }),
    ...(fault.remaining === undefined ? {} : { remaining: fault.remaining }),
  });
  return () => world.faults.remove(id);
}

/** One bucket for the service, in every account and region by itself. */
function rateLimit(world: World, fault: Of<'rate-limit'>): () => void {
  const { limits } = world.aws.buckets;
  const before = limits[fault.service];
  limits[fault.service] = { perSecond: fault.perSecond, burst: fault.burst };
  return () => {
    if (before) limits[fault.service] = before;
    else delete limits[fault.service];
  };
}

function stackFailure(world: World, fault: Of<'stack-failure'>): () => void {
  const { account, region, stack, resource, phase, reason, times } = fault;
  const id = world.faults.addStack({
    stack,
    phase,
    ...(account === undefined ? {} : { account }),
    ...(region === undefined ? {} : { region }),
    ...(resource === undefined ? {} : { logicalId: resource }),
    ...(reason === undefined ? {} : { reason }),
    ...(times === undefined ? {} : { times }),
  });
  return () => world.faults.remove(id);
}

/** Ready nodes in the order of their names; the same ones in every run. */
function flappingKubelet(world: World, fault: Of<'flapping-kubelet'>): () => void {
  const kube = world.kube(fault.cluster);
  const wanted = (node: string): boolean =>
    fault.name === undefined ||
    (fault.name.endsWith('*') ? node.startsWith(fault.name.slice(0, -1)) : node === fault.name);
  const ill: string[] = [];
  for (const node of [...kube.truth().nodes.keys()].sort()) {
    if (ill.length >= (fault.most ?? (fault.name === undefined ? 1 : Infinity))) break;
    if (wanted(node) && kube.kubelets.fallIll(node)) ill.push(node);
  }
  return () => {
    for (const node of ill) kube.kubelets.recover(node);
  };
}

/** One registry serves all clusters: it is slow for everybody, or cut off from one of them. */
function registryOverload(world: World, fault: Of<'registry-overload'>): () => void {
  if (fault.cluster !== undefined) {
    const { faults } = world.kube(fault.cluster);
    faults.imagePull = 'broken';
    return () => {
      faults.imagePull = 'ok';
    };
  }
  const before = world.registry.limits;
  world.registry.configure({
    mostPulls: fault.mostPulls ?? 20,
    bytesPerSecond: (fault.mebibytesPerSecond ?? 50) * 2 ** 20,
  });
  return () => world.registry.configure(before);
}

const budgetName = 'never-allows';

/** A budget over every pod of the namespace that lets none go. */
function budgetNeverAllows(world: World, fault: Of<'budget-never-allows'>): () => void {
  const kube = world.kube(fault.cluster);
  const namespace = fault.namespace ?? 'default';
  const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/${budgetName}`;
  const budget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: budgetName, namespace },
    spec: { maxUnavailable: 0, selector: {} },
  };
  kube.seed([budget], 'scenario');
  return () => {
    kube.handle({ method: 'DELETE', path, query: new URLSearchParams(), userAgent: 'scenario' });
  };
}

const brokenParts = {
  'audit-log': 'auditLog',
  'endpoint-slices': 'endpointSlices',
  scheduler: 'scheduler',
  workloads: 'workloads',
} as const;

type ClusterFault = Of<'api-needs-master' | 'api-down' | 'broken-component' | 'budget-lag' | 'budget-conflicts'>;

function clusterFault(world: World, fault: ClusterFault): () => void {
  const kube = world.kube(fault.cluster);
  const { faults } = kube;
  switch (fault.kind) {
    case 'api-needs-master':
      faults.apiNeedsMaster = true;
      return () => {
        faults.apiNeedsMaster = false;
      };
    case 'api-down':
      faults.apiDown = fault.how ?? 'refused';
      kube.closeWatches();
      return () => {
        faults.apiDown = 'no';
      };
    case 'budget-lag':
      faults.disruptionLagMs = fault.lag;
      return () => {
        faults.disruptionLagMs = 0;
      };
    case 'budget-conflicts':
      faults.budgetConflicts = true;
      return () => {
        faults.budgetConflicts = false;
      };
    case 'broken-component': {
      const field = brokenParts[fault.component];
      faults[field] = 'broken';
      return () => {
        faults[field] = 'ok';
      };
    }
  }
}
