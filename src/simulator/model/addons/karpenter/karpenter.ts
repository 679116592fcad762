import { conditionOf, isNodeReady, isTerminating, type Node, type Pod } from '../../kube/kinds.ts';
import { fieldsOf, isFields, type SimObject, sameJson } from '../../kube/object.ts';
import { Addon, type AddonContext } from '../addon.ts';
import { hasRoom, isDaemonPod, mayRunOn, nodesFor, roomOn, take } from '../autoscaler/room.ts';
import { fitElsewhere, movingPods } from '../autoscaler/scale-down.ts';
import { ClaimKeeper, isReady, nodeOf, poolOf } from './claim-keeper.ts';
import { allowedByBudgets, blockedBy } from './disruption.ts';
import { classNameOf, type Offer, offersOf, unmetRequirement } from './node-claims.ts';
import {
  classAnnotations,
  classHash,
  classStatus,
  conditionsOf,
  poolAnnotations,
  poolHash,
  withConditions,
} from './node-class.ts';

const scanMs = 10_000;
/** A replacement that does not come for so long is given up, and its old node is used again. */
const replacementLimitMs = 900_000;

/** A drifted claim on its way out, and what must be ready before it goes. */
interface Replacement {
  by: string | undefined;
  since: number;
}

/** Karpenter: nodes for pods that wait, without groups, and others in place of those that drifted from their NodePool or class. */
export class Karpenter extends Addon {
  readonly name = 'karpenter';
  readonly images = ['karpenter'];
  readonly #claims: ClaimKeeper;
  readonly #replacing = new Map<string, Replacement>();
  #turn = 0;

  constructor(ctx: AddonContext) {
    super(ctx, 'karpenter');
    this.#claims = new ClaimKeeper(ctx);
  }

  protected watch(): void {
    const soon = (): string[] => {
      this.enqueue('scan', 1_000);
      return [];
    };
    for (const kind of [
      'nodepools.karpenter.sh',
      'nodeclaims.karpenter.sh',
      'ec2nodeclasses.karpenter.k8s.aws',
      'nodes',
    ])
      this.onChange(kind, soon);
    this.onChange('pods', (object, type) => {
      const { nodeName } = (object as Pod).spec;
      const matters = type === 'DELETED' || nodeName === undefined;
      if (matters && this.all('nodepools.karpenter.sh').length > 0) soon();
      return [];
    });
  }

  protected resync(): void {
    this.enqueue('scan');
  }

  protected sync(): void {
    const definitions = this.#claims.definitions();
    if (definitions === undefined) return;
    const { now } = this.#at();
    for (const each of this.all('ec2nodeclasses.karpenter.k8s.aws')) {
      const hashed = this.#annotate(definitions.nodeClass, each, classAnnotations(each));
      this.ctx.writer.setStatus(definitions.nodeClass, hashed, classStatus(hashed, this.ctx.cloud, now));
    }
    for (const each of this.all('nodepools.karpenter.sh')) {
      const hashed = this.#annotate(definitions.pool, each, poolAnnotations(each));
      const ready = this.#classOf(hashed) !== undefined;
      const why = ready ? [] : ['NodeClassNotReady', `NodeClass ${classNameOf(each)} is not there or not ready`];
      const conditions = withConditions(hashed, now, [
        ['ValidationSucceeded', true],
        ['NodeClassReady', ready, why[0], why[1]],
        ['Ready', ready, why[0], why[1]],
      ]);
      this.ctx.writer.setStatus(definitions.pool, hashed, { ...fieldsOf(hashed['status']), conditions });
    }
    let busy = this.#claims.keep();
    busy = this.#markDrift() || busy;
    busy = this.#replace() || busy;
    busy = this.#provision() || busy;
    if (busy) this.enqueue('scan', scanMs);
  }

  #at(): { now: number } {
    return { now: this.ctx.core.clock.now() };
  }

  #annotate(
    definition: Parameters<AddonContext['writer']['update']>[0],
    object: SimObject,
    news: Record<string, string>,
  ) {
    const annotations = { ...object.metadata.annotations, ...news };
    if (sameJson(annotations, object.metadata.annotations)) return object;
    return this.ctx.writer.update(definition, object, { ...object, metadata: { ...object.metadata, annotations } });
  }

  /** The class of a pool, while nodes can be made of it. */
  #classOf(pool: SimObject): SimObject | undefined {
    const found = this.ctx.core.store.table('ec2nodeclasses.karpenter.k8s.aws').get(undefined, classNameOf(pool));
    return found !== undefined && isReady(found) ? found : undefined;
  }

  #pools(): SimObject[] {
    const weight = (pool: SimObject): number => Number(fieldsOf(pool['spec'])['weight'] ?? 0);
    const all = this.all('nodepools.karpenter.sh').filter((pool) => !isTerminating(pool));
    return all.sort((a, b) => weight(b) - weight(a));
  }

  /** Why the claim is no longer as it would be made now. */
  #driftOf(claim: SimObject): string | undefined {
    const pool = this.#pools().find((each) => each.metadata.name === poolOf(claim));
    const nodeClass = pool && this.#classOf(pool);
    if (!pool || !nodeClass) return undefined;
    const differs = (from: SimObject, hash: string): boolean =>
      claim.metadata.annotations?.[hash] !== from.metadata.annotations?.[hash];
    if (differs(pool, poolHash)) return 'NodePoolDrifted';
    if (unmetRequirement(pool, claim.metadata.labels ?? {}) !== undefined) return 'RequirementsDrifted';
    if (differs(nodeClass, classHash)) return 'NodeClassDrifted';
    const { amis } = fieldsOf(nodeClass['status']);
    const image = fieldsOf(claim['status'])['imageID'];
    const known = Array.isArray(amis) && amis.some((one) => isFields(one) && one['id'] === image);
    return image === undefined || known ? undefined : 'AMIDrift';
  }

  #markDrift(): boolean {
    let busy = false;
    for (const claim of this.#claims.all()) {
      if (isTerminating(claim)) continue;
      const why = this.#driftOf(claim);
      const marked = conditionOf(conditionsOf(claim), 'Drifted')?.status === 'True';
      busy ||= why !== undefined;
      if (marked !== (why !== undefined)) this.#claims.setCondition(claim, 'Drifted', why !== undefined, why);
    }
    return busy;
  }

  /** Goes on with replacements, and begins those that the budgets of the pools let begin. */
  #replace(): boolean {
    const { now } = this.#at();
    for (const [name, { by, since }] of this.#replacing) {
      const claim = this.#claims.get(name);
      const fresh = by === undefined ? undefined : this.#claims.get(by);
      if (!claim || isTerminating(claim)) this.#replacing.delete(name);
      else if (by === undefined || (fresh && isReady(fresh))) {
        this.#claims.requestDeletion(claim);
        this.#replacing.delete(name);
      } else if (!fresh || now - since > replacementLimitMs) {
        this.#replacing.delete(name);
        this.#claims.taint(claim, false);
      }
    }
    for (const pool of this.#pools()) {
      const own = this.#claims.all().filter((claim) => poolOf(claim) === pool.metadata.name);
      for (const claim of own) {
        const drifted = conditionOf(conditionsOf(claim), 'Drifted')?.status === 'True';
        if (drifted && isReady(claim) && !isTerminating(claim) && !this.#replacing.has(claim.metadata.name))
          this.#tell(claim, this.#begin(pool, own, claim));
      }
    }
    return this.#replacing.size > 0;
  }

  /** Has the claim replaced, or says why not now. */
  #begin(pool: SimObject, own: readonly SimObject[], claim: SimObject): string | undefined {
    const node = nodeOf(this.ctx.core, claim);
    const nodeClass = this.#classOf(pool);
    if (!node || !nodeClass) return 'its node or its node class is not there';
    const blocked = this.#graceOf(claim) ? undefined : blockedBy(this.ctx.core, node);
    if (blocked !== undefined) return blocked;
    const away = own.filter(
      (each) => isTerminating(each) || this.#replacing.has(each.metadata.name) || this.#isUnready(each),
    );
    const whole = own.filter((each) => ![...this.#replacing.values()].some(({ by }) => by === each.metadata.name));
    if (away.length >= allowedByBudgets(pool, whole.length))
      return 'No allowed disruptions for disruption reason Drifted due to blocking budget';
    const moving = movingPods(this.ctx.core, node);
    let by: string | undefined;
    if (moving.length > 0 && !fitElsewhere(this.ctx.core, node, moving)) {
      const offers = offersOf(this.ctx.core, pool, nodeClass, this.#turn);
      const offer = offers.find((each) => nodesFor(moving, each.node, each.room, 1).taken.length === moving.length);
      if (!offer) return 'no new node would take all of its pods';
      by = this.#launch(offer);
      if (by === undefined) return 'the cloud has no machine for its replacement';
    }
    this.#claims.taint(claim, true);
    this.#replacing.set(claim.metadata.name, { by, since: this.#at().now });
    return undefined;
  }

  #graceOf(claim: SimObject): boolean {
    return fieldsOf(claim['spec'])['terminationGracePeriod'] !== undefined;
  }

  #isUnready(claim: SimObject): boolean {
    const node = nodeOf(this.ctx.core, claim);
    return node !== undefined && isReady(claim) && !isNodeReady(node);
  }

  #tell(claim: SimObject, message: string | undefined): void {
    if (message === undefined) return;
    this.ctx.core.events.record('karpenter', claim, { type: 'Normal', reason: 'DisruptionBlocked', message });
  }

  #launch(offer: Offer): string | undefined {
    this.#turn += 1;
    return this.#claims.launch(offer);
  }

  /** Makes nodes for pods that fit nowhere, neither now nor on what is on its way. True while pods wait. */
  #provision(): boolean {
    let left = this.#waiting();
    if (left.length === 0) return false;
    const nodes = [...this.ctx.core.store.typed<Node>('nodes').byKey.values()].filter(
      (node) => isNodeReady(node) && !node.spec.unschedulable,
    );
    const rooms = nodes.map((node) => ({ node, room: roomOn(this.ctx.core, node, false) }));
    left = left.filter((pod) => {
      const plain = !pod.spec.affinity?.podAntiAffinity && !pod.spec.topologySpreadConstraints;
      const here = rooms.find(({ node, room }) => plain && mayRunOn(pod, node) && hasRoom(room, pod));
      if (here) take(here.room, pod);
      return !here;
    });
    const coming = this.#claims.all().filter((claim) => !isTerminating(claim) && !isReady(claim));
    for (const pool of this.#pools()) {
      const nodeClass = this.#classOf(pool);
      for (const offer of nodeClass ? offersOf(this.ctx.core, pool, nodeClass, this.#turn) : []) {
        const upcoming = coming.filter(
          (claim) =>
            poolOf(claim) === pool.metadata.name &&
            claim.metadata.labels?.['node.kubernetes.io/instance-type'] === offer.instanceType,
        ).length;
        const expected = new Set(nodesFor(left, offer.node, offer.room, upcoming).taken);
        left = left.filter((pod) => !expected.has(pod));
        const plan = nodesFor(left, offer.node, offer.room, left.length);
        for (let i = 0; i < plan.nodes; i++) if (this.#launch(offer) === undefined) return true;
        left = left.filter((pod) => !plan.taken.includes(pod));
      }
    }
    return true;
  }

  #waiting(): Pod[] {
    return [...this.ctx.core.store.pods.byKey.values()].filter((pod) => {
      if (pod.spec.nodeName !== undefined || isTerminating(pod) || isDaemonPod(pod)) return false;
      const condition = conditionOf(pod.status.conditions, 'PodScheduled');
      return condition?.status === 'False' && condition.reason === 'Unschedulable';
    });
  }
}
