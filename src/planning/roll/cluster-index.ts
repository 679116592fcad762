/** Look-ups over one view of a cluster, made once a plan. */
import type {
  AttachmentView,
  BudgetView,
  ClusterView,
  DaemonSetView,
  NodeView,
  PodView,
  VolumeView,
} from '../../domain/cluster-view.ts';
import type { LoadBalancerHealth } from '../../ports/cloud-provider.ts';
import type { CloudView } from '../../ports/cluster-session.ts';
import { memoised } from '../../support/memoise.ts';
import { selectorMatches } from './label-selector.ts';
import { isCordonedByUs } from './node-marks.ts';
import { indexPods, type PodIndex } from './pod-index.ts';

export interface ClusterIndex {
  view: ClusterView;
  pods: PodIndex;
  /** Nodes that a roll has cordoned. */
  cordonedByUs: readonly NodeView[];
  /** Ids of all instances of the cluster's groups. */
  inCloud: ReadonlySet<string>;
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
    readyOn: ReadonlySet<string>;
    anyOn: ReadonlySet<string>;
  }[];
  readyNodes: number;
  /** Bound volumes of the pod's claims. */
  volumesOf(pod: PodView): VolumeView[];
  /** Names of volumes attached to the node. */
  attachedTo(node: string): string[];
  /** Pods that a budget selects. */
  podsOf(budget: BudgetView): PodView[];
  /** A pod that counts as running on a node that is not there (any more). */
  strayPod(): PodView | undefined;
}

const noPods: PodView[] = [];
const nothingAttached: string[] = [];

/** Nodes with what every plan asks of them. */
interface NodeIndex {
  byInstance: ReadonlyMap<string, NodeView | 'ambiguous'>;
  cordonedByUs: readonly NodeView[];
  notReady: readonly NodeView[];
}

export const indexNodes = memoised((nodes: readonly NodeView[]): NodeIndex => {
  const byInstance = new Map<string, NodeView | 'ambiguous'>();
  for (const node of nodes) {
    if (node.instanceId === undefined) continue;
    byInstance.set(node.instanceId, byInstance.has(node.instanceId) ? 'ambiguous' : node);
  }
  return { byInstance, cordonedByUs: nodes.filter(isCordonedByUs), notReady: nodes.filter((node) => !node.ready) };
});

/** The functions of one array stay the same, so that what is worked out with them can be kept by them. */
const daemonPods = memoised((daemonSets: readonly DaemonSetView[]) => {
  const uids = new Set(daemonSets.map((daemon) => daemon.uid));
  return (pod: PodView): boolean => pod.owner?.kind === 'DaemonSet' && uids.has(pod.owner.uid);
});

const volumesFor = memoised((all: readonly VolumeView[]) => {
  const byClaim = new Map(all.flatMap((one) => (one.claim === undefined ? [] : [[one.claim, one] as const])));
  return (pod: PodView): VolumeView[] => pod.claims.flatMap((claim) => byClaim.get(`${pod.namespace}/${claim}`) ?? []);
});

const attachedFor = memoised((attachments: readonly AttachmentView[]) => {
  const byNode = new Map<string, string[]>();
  for (const { node, volume } of attachments) {
    const list = byNode.get(node);
    if (list) list.push(volume);
    else byNode.set(node, [volume]);
  }
  return (node: string): string[] => byNode.get(node) ?? nothingAttached;
});

const budgetsFor = memoised((budgets: readonly BudgetView[]) => {
  const candidates = budgetIndex(budgets);
  return memoised((pod: PodView): BudgetView[] =>
    candidates(pod).filter((budget) => selectorMatches(budget.selector, pod.labels)),
  );
});

const instancesIn = memoised(
  (groups: CloudView['groups']): ReadonlySet<string> =>
    new Set(groups.flatMap((group) => group.instances.map((instance) => instance.id))),
);

/** What was worked out for an array of the view is kept with it: most looks find most of a cluster as it was. */
export function indexCluster(view: ClusterView, cloud: CloudView): ClusterIndex {
  const nodes = indexNodes(view.nodes);
  const pods = indexPods(view.pods);
  const balancers = new Map(cloud.loadBalancers.map((one) => [`${one.kind} ${one.id}`, one]));
  return {
    view,
    pods,
    cordonedByUs: nodes.cordonedByUs,
    inCloud: instancesIn(cloud.groups),
    nodeOf: (instanceId) => nodes.byInstance.get(instanceId),
    podsOn: (node) => pods.byNode.get(node) ?? noPods,
    isDaemonPod: daemonPods(view.daemonSets),
    budgetsOf: budgetsFor(view.budgets),
    balancer: (kind, id) => balancers.get(`${kind} ${id}`),
    daemons: daemonsOf(view, pods),
    readyNodes: view.nodes.length - nodes.notReady.length,
    volumesOf: volumesFor(view.volumes),
    attachedTo: attachedFor(view.attachments),
    podsOf: (budget) =>
      view.pods.filter((pod) => pod.namespace === budget.namespace && selectorMatches(budget.selector, pod.labels)),
    strayPod: () => strayAmong(view, pods),
  };
}

/** Budgets that may select a pod, by one label that their selector demands: most budgets demand one. */
function budgetIndex(budgets: readonly BudgetView[]): (pod: PodView) => BudgetView[] {
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

function strayAmong(view: ClusterView, { byNode }: PodIndex): PodView | undefined {
  const names = new Set(view.nodes.map((node) => node.name));
  for (const [name, pods] of byNode) {
    if (names.has(name)) continue;
    const counted = pods.find((pod) => pod.deletingAt === undefined && !finished.has(pod.phase));
    if (counted !== undefined) return counted;
  }
  return undefined;
}

const finished: ReadonlySet<string> = new Set(['Succeeded', 'Failed']);

const noNodes: ReadonlySet<string> = new Set();

function daemonsOf(view: ClusterView, pods: PodIndex): ClusterIndex['daemons'] {
  return view.daemonSets.map(({ namespace, name, uid, placement }) => {
    const { readyOn, anyOn } = pods.daemons.get(uid) ?? { readyOn: noNodes, anyOn: noNodes };
    return { name: `${namespace}/${name}`, uid, placement, readyOn, anyOn };
  });
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
