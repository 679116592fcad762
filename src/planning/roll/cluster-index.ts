/** Look-ups over one view of a cluster, made once a plan. */
import type {
  BudgetView,
  ClusterView,
  DaemonSetView,
  NodeView,
  PodView,
  VolumeView,
} from '../../domain/cluster-view.ts';
import type { LoadBalancerHealth } from '../../ports/cloud-provider.ts';
import type { CloudView } from '../../ports/cluster-session.ts';
import { selectorMatches } from './label-selector.ts';

export interface ClusterIndex {
  view: ClusterView;
  /** Nodes by instance id; an id that several nodes claim maps to `ambiguous`. */
  nodeOf(instanceId: string): NodeView | 'ambiguous' | undefined;
  podsOn(node: string): PodView[];
  isDaemonPod(pod: PodView): boolean;
  /** Budgets that select the pod. */
  budgetsOf(pod: PodView): BudgetView[];
  balancer(kind: 'classic' | 'target-group', id: string): LoadBalancerHealth | undefined;
  /** DaemonSets with the nodes that have a pod of theirs, and those where it is ready. */
  daemons: {
    name: string;
    uid: string;
    placement: DaemonSetView['placement'];
    readyOn: Set<string>;
    anyOn: Set<string>;
  }[];
  readyNodes: number;
  /** Bound volumes of the pod's claims. */
  volumesOf(pod: PodView): VolumeView[];
  /** Names of volumes attached to the node. */
  attachedTo(node: string): string[];
  /** Pods that a budget selects. */
  podsOf(budget: BudgetView): PodView[];
}

const noPods: PodView[] = [];

export function indexCluster(view: ClusterView, cloud: CloudView): ClusterIndex {
  const byInstance = new Map<string, NodeView | 'ambiguous'>();
  for (const node of view.nodes) {
    if (node.instanceId === undefined) continue;
    byInstance.set(node.instanceId, byInstance.has(node.instanceId) ? 'ambiguous' : node);
  }
  const byNode = new Map<string, PodView[]>();
  for (const pod of view.pods) {
    if (pod.nodeName === undefined) continue;
    const list = byNode.get(pod.nodeName);
    if (list) list.push(pod);
    else byNode.set(pod.nodeName, [pod]);
  }
  const budgetsFor = budgetIndex(view.budgets);
  const daemonUids = new Set(view.daemonSets.map((daemon) => daemon.uid));
  const balancers = new Map(cloud.loadBalancers.map((one) => [`${one.kind} ${one.id}`, one]));
  const selected = new Map<string, BudgetView[]>();
  const volumes = new Map(view.volumes.flatMap((one) => (one.claim === undefined ? [] : [[one.claim, one] as const])));
  const attached = new Map<string, string[]>();
  for (const { node, volume } of view.attachments) attached.set(node, [...(attached.get(node) ?? []), volume]);
  return {
    view,
    nodeOf: (instanceId) => byInstance.get(instanceId),
    podsOn: (node) => byNode.get(node) ?? noPods,
    isDaemonPod: (pod) => pod.owner?.kind === 'DaemonSet' && daemonUids.has(pod.owner.uid),
    budgetsOf: (pod) => {
      let found = selected.get(pod.uid);
      if (!found) {
        found = budgetsFor(pod).filter((budget) => selectorMatches(budget.selector, pod.labels));
        selected.set(pod.uid, found);
      }
      return found;
    },
    balancer: (kind, id) => balancers.get(`${kind} ${id}`),
    daemons: daemonsOf(view),
    readyNodes: view.nodes.filter((node) => node.ready).length,
    volumesOf: (pod) => pod.claims.flatMap((claim) => volumes.get(`${pod.namespace}/${claim}`) ?? []),
    attachedTo: (node) => attached.get(node) ?? [],
    podsOf: (budget) =>
      view.pods.filter((pod) => pod.namespace === budget.namespace && selectorMatches(budget.selector, pod.labels)),
  };
}

/** Budgets that may select a pod, by one label that their selector demands: most budgets demand one. */
function budgetIndex(budgets: BudgetView[]): (pod: PodView) => BudgetView[] {
  const byLabel = new Map<string, BudgetView[]>();
  const byNamespace = new Map<string, BudgetView[]>();
  const put = (map: Map<string, BudgetView[]>, key: string, budget: BudgetView): void => {
    const list = map.get(key);
    if (list) list.push(budget);
    else map.set(key, [budget]);
  };
  for (const budget of budgets) {
    const [label] = Object.entries(budget.selector?.matchLabels ?? {});
    if (label) put(byLabel, `${budget.namespace} ${label[0]}=${label[1]}`, budget);
    else put(byNamespace, budget.namespace, budget);
  }
  return (pod) => {
    const found = [...(byNamespace.get(pod.namespace) ?? [])];
    for (const [key, value] of Object.entries(pod.labels)) {
      found.push(...(byLabel.get(`${pod.namespace} ${key}=${value}`) ?? []));
    }
    return found;
  };
}

function daemonsOf(view: ClusterView): ClusterIndex['daemons'] {
  const byUid = new Map<string, ClusterIndex['daemons'][number]>();
  for (const daemon of view.daemonSets) {
    const name = `${daemon.namespace}/${daemon.name}`;
    const { uid, placement } = daemon;
    byUid.set(uid, { name, uid, placement, readyOn: new Set(), anyOn: new Set() });
  }
  for (const pod of view.pods) {
    if (pod.owner?.kind !== 'DaemonSet' || pod.nodeName === undefined) continue;
    const daemon = byUid.get(pod.owner.uid);
    if (!daemon) continue;
    daemon.anyOn.add(pod.nodeName);
    if (pod.ready) daemon.readyOn.add(pod.nodeName);
  }
  return [...byUid.values()];
}

export function ownerOf(pod: PodView): string {
  return pod.owner === undefined ? 'no owner' : `${pod.owner.kind}/${pod.owner.name}`;
}

/** What makes pods of this kind again and again, whatever version of it: `shop/ReplicaSet/web`; undefined for a bare pod. */
export function workloadOf(pod: Pick<PodView, 'namespace' | 'owner' | 'labels'>): string | undefined {
  const { owner, labels, namespace } = pod;
  if (owner === undefined) return undefined;
  const hash = labels['pod-template-hash'];
  const versioned = hash !== undefined && owner.name.endsWith(`-${hash}`);
  // Jobs of a CronJob end in the minute that they are of.
  const name = versioned ? owner.name.slice(0, -hash.length - 1) : owner.name.replace(/-\d{8,10}$/, '');
  return `${namespace}/${owner.kind}/${name}`;
}

/** Nodes of the control plane, as kubelets and the conventions of channel configurations label them. */
export function isControlPlaneNode(node: NodeView): boolean {
  const { labels } = node;
  return (
    labels['node-role.kubernetes.io/control-plane'] !== undefined ||
    labels['node-role.kubernetes.io/master'] !== undefined ||
    labels['node.kubernetes.io/role'] === 'master' ||
    labels['node.kubernetes.io/role'] === 'control-plane'
  );
}
