import type { ClusterCore } from '../../kube/cluster-core.ts';
import { conditionOf, isNodeReady, isTerminating, type Node, type Taint } from '../../kube/kinds.ts';
import { fieldsOf, listOf, type SimObject, shownText } from '../../kube/object.ts';
import type { ResourceDefinition } from '../../kube/resource-definition.ts';
import type { AddonContext } from '../addon.ts';
import { instanceOf } from '../autoscaler/node-groups.ts';
import { isDaemonPod } from '../autoscaler/room.ts';
import { isGone, launch, type Offer, poolLabel } from './node-claims.ts';
import { agent, classHash, conditionsOf, poolHash, withConditions } from './node-class.ts';

const finalizer = 'karpenter.sh/termination';
const disrupted: Taint = { key: 'karpenter.sh/disrupted', effect: 'NoSchedule' };
const registrationLimitMs = 900_000;

export interface Definitions {
  pool: ResourceDefinition;
  claim: ResourceDefinition;
  nodeClass: ResourceDefinition;
}

export const poolOf = (claim: SimObject): string => claim.metadata.labels?.[poolLabel] ?? '';

export const isReady = (object: SimObject): boolean => conditionOf(conditionsOf(object), 'Ready')?.status === 'True';

const instanceIdOf = (claim: SimObject): string => {
  const { providerID } = fieldsOf(claim['status']);
  return typeof providerID === 'string' ? (providerID.split('/').at(-1) ?? '') : '';
};

export function nodeOf(core: ClusterCore, claim: SimObject): Node | undefined {
  const id = instanceIdOf(claim);
  return [...core.store.typed<Node>('nodes').byKey.values()].find((node) => id !== '' && instanceOf(node) === id);
}

/** NodeClaims from launch to their end: registration, readiness, and the drain that their finalizer waits for. */
export class ClaimKeeper {
  readonly #ctx: AddonContext;

  constructor(ctx: AddonContext) {
    this.#ctx = ctx;
  }

  /** Undefined until Karpenter's definitions are installed. */
  definitions(): Definitions | undefined {
    const { resources } = this.#ctx.core;
    const pool = resources.find('karpenter.sh', 'v1', 'nodepools');
    const claim = resources.find('karpenter.sh', 'v1', 'nodeclaims');
    const nodeClass = resources.find('karpenter.k8s.aws', 'v1', 'ec2nodeclasses');
    return pool && claim && nodeClass ? { pool, claim, nodeClass } : undefined;
  }

  all(): SimObject[] {
    return this.#ctx.core.store.table('nodeclaims.karpenter.sh').sorted();
  }

  get(name: string): SimObject | undefined {
    return this.#ctx.core.store.table('nodeclaims.karpenter.sh').get(undefined, name);
  }

  get #now(): number {
    return this.#ctx.core.clock.now();
  }

  /** Makes a claim and starts its machine. Its name; undefined when the cloud has none. */
  launch(offer: Offer): string | undefined {
    const definitions = this.definitions();
    if (!definitions) return undefined;
    const { core, writer, cloud } = this.#ctx;
    const { name: pool, uid } = offer.pool.metadata;
    const name = `${pool}-${core.nameSuffix()}`;
    const machine = launch(cloud, core.clusterId, name, offer);
    if ('why' in machine) {
      const text = { type: 'Warning', reason: 'InsufficientCapacityError', message: machine.why } as const;
      core.events.record(agent, offer.pool, text);
      return undefined;
    }
    const template = fieldsOf(fieldsOf(offer.pool['spec'])['template']);
    const hashes = [poolHash, `${poolHash}-version`].map((key) => [key, offer.pool.metadata.annotations?.[key]]);
    const classHashes = [classHash, `${classHash}-version`].map((key) => [
      key,
      offer.nodeClass.metadata.annotations?.[key],
    ]);
    const claim: SimObject = {
      apiVersion: definitions.claim.apiVersion,
      kind: 'NodeClaim',
      metadata: writer.newMetadata(name, undefined, {
        generation: 1,
        labels: { ...offer.node.metadata.labels },
        annotations: Object.fromEntries([...hashes, ...classHashes]) as Record<string, string>,
        finalizers: [finalizer],
        ownerReferences: [
          { apiVersion: 'karpenter.sh/v1', kind: 'NodePool', name: pool, uid, blockOwnerDeletion: true },
        ],
      }),
      spec: { ...fieldsOf(template['spec']) },
    };
    const conditions = withConditions(claim, this.#now, [
      ['Launched', true],
      ['Registered', false, 'NodeNotFound', 'Node not registered with cluster'],
      ['Initialized', false, 'NodeNotFound', 'Node not registered with cluster'],
      ['Ready', false, 'NotReady', 'the node has not registered'],
    ]);
    const zone = offer.node.metadata.labels?.['topology.kubernetes.io/zone'] ?? '';
    const status = { conditions, imageID: offer.imageId, providerID: `aws:///${zone}/${machine.id}` };
    writer.create(definitions.claim, { ...claim, status });
    return name;
  }

  setCondition(claim: SimObject, type: string, holds: boolean, reason?: string): void {
    const definitions = this.definitions();
    if (!definitions) return;
    const status = fieldsOf(claim['status']);
    const conditions = withConditions(claim, this.#now, [[type, holds, reason]]);
    this.#ctx.writer.setStatus(definitions.claim, claim, { ...status, conditions });
  }

  requestDeletion(claim: SimObject): void {
    this.#ask('DELETE', `/apis/karpenter.sh/v1/nodeclaims/${claim.metadata.name}`);
  }

  /** Keeps new pods away from its node, or lets them come again. */
  taint(claim: SimObject, away: boolean): void {
    const node = nodeOf(this.#ctx.core, claim);
    const others = (node?.spec.taints ?? []).filter((each) => each.key !== disrupted.key);
    const has = others.length !== (node?.spec.taints ?? []).length;
    if (node && has !== away)
      this.#update(node, { spec: { ...node.spec, taints: away ? [...others, disrupted] : others } });
  }

  /** Looks after every claim. True while one of them is on its way in or out. */
  keep(): boolean {
    let busy = false;
    for (const claim of this.all()) {
      const node = nodeOf(this.#ctx.core, claim);
      if (isTerminating(claim)) this.#end(claim, node);
      else if (node && isTerminating(node)) this.requestDeletion(claim);
      else if (!node && isReady(claim)) this.requestDeletion(claim);
      else if (!isReady(claim)) this.#bringUp(claim, node);
      else continue;
      busy = true;
    }
    return busy;
  }

  #bringUp(claim: SimObject, node: Node | undefined): void {
    const definitions = this.definitions();
    if (!definitions) return;
    if (!node) {
      if (this.#now - Date.parse(claim.metadata.creationTimestamp) > registrationLimitMs) this.requestDeletion(claim);
      return;
    }
    if (node.metadata.labels?.['karpenter.sh/registered'] === undefined) {
      const taints = listOf(fieldsOf(claim['spec'])['taints']) as Taint[];
      const known = node.spec.taints ?? [];
      const more = taints.filter((taint) => !known.some((each) => each.key === taint.key));
      const labels = {
        ...node.metadata.labels,
        ...claim.metadata.labels,
        'karpenter.sh/registered': 'true',
      };
      const metadata = { ...node.metadata, labels, finalizers: [...(node.metadata.finalizers ?? []), finalizer] };
      this.#update(node, { metadata, spec: { ...node.spec, taints: [...known, ...more] } });
    }
    const up = isNodeReady(node);
    const conditions = withConditions(claim, this.#now, [
      ['Registered', true],
      ['Initialized', up, up ? 'Initialized' : 'NodeNotReady'],
      ['Ready', up, up ? 'Ready' : 'NodeNotReady'],
    ]);
    const status = { ...fieldsOf(claim['status']), nodeName: node.metadata.name, conditions };
    this.#ctx.writer.setStatus(definitions.claim, claim, status);
  }

  /** Evicts within budgets, by force only past the grace period of the claim; then the machine ends, and last the claim. */
  #end(claim: SimObject, node: Node | undefined): void {
    const id = instanceIdOf(claim);
    if (node) {
      this.taint(claim, true);
      const pods = [...this.#ctx.core.store.podsOn(node.metadata.name).values()].filter(
        (pod) => !isDaemonPod(pod) && pod.status.phase !== 'Succeeded' && pod.status.phase !== 'Failed',
      );
      const late = this.#now > this.#forceAt(claim);
      for (const pod of pods) {
        const { namespace = '', name, uid } = pod.metadata;
        const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
        const deleteOptions = { preconditions: { uid } };
        if (late) this.#ask('DELETE', path);
        else if (!isTerminating(pod))
          this.#ask('POST', `${path}/eviction`, {
            apiVersion: 'policy/v1',
            kind: 'Eviction',
            metadata: { name, namespace },
            deleteOptions,
          });
      }
      if (pods.length > 0) return;
    }
    this.#ctx.cloud('ec2', 'TerminateInstances', { InstanceIds: [id] }, agent);
    if (!isGone(this.#ctx.cloud, id)) return;
    const left = nodeOf(this.#ctx.core, claim);
    if (left) {
      this.#update(left, { metadata: { ...left.metadata, finalizers: this.#others(left) } });
      this.#ask('DELETE', `/api/v1/nodes/${left.metadata.name}`);
    }
    const definitions = this.definitions();
    const current = this.get(claim.metadata.name);
    if (definitions && current)
      this.#ctx.writer.update(definitions.claim, current, {
        ...current,
        metadata: { ...current.metadata, finalizers: this.#others(current) },
      });
  }

  #others(object: SimObject): string[] {
    return (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
  }

  #forceAt(claim: SimObject): number {
    const grace = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(
      shownText(fieldsOf(claim['spec'])['terminationGracePeriod'] ?? 'never'),
    );
    if (!grace) return Number.POSITIVE_INFINITY;
    const [hours = 0, minutes = 0, seconds = 0] = grace.slice(1).map((each) => Number(each ?? 0));
    return Date.parse(claim.metadata.deletionTimestamp ?? '') + ((hours * 60 + minutes) * 60 + seconds) * 1000;
  }

  #update(node: Node, news: Partial<Node>): void {
    const nodes = this.#ctx.core.resources.find('', 'v1', 'nodes') as ResourceDefinition;
    this.#ctx.writer.update(nodes, node, { ...node, metadata: { ...node.metadata }, ...news });
  }

  #ask(method: string, path: string, body?: object): void {
    const more = body === undefined ? {} : { contentType: 'application/json', body };
    this.#ctx.api({ method, path, query: new URLSearchParams(), userAgent: agent, ...more });
  }
}
