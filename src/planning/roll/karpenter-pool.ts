/** How far Karpenter is with replacing the nodes of a pool that drifted from what was applied. Pure; unknown is not done. */
import type { KubeObject } from '../../domain/kube-object.ts';

const poolLabel = 'karpenter.sh/nodepool';
const poolHash = 'karpenter.sh/nodepool-hash';
const classHash = 'karpenter.k8s.aws/ec2nodeclass-hash';

export interface KarpenterLook {
  /** NodePools of one pool of the registry, live; undefined for one that is not there. */
  nodePools: readonly { name: string; live: KubeObject | undefined }[];
  /** All EC2NodeClasses of the cluster. */
  nodeClasses: readonly KubeObject[];
  /** All NodeClaims of the cluster. */
  claims: readonly KubeObject[];
  /** What Karpenter said of nodes that it does not disrupt, newest last. */
  refusals: readonly string[];
}

export interface KarpenterProgress {
  /** NodeClaims of these pools. */
  total: number;
  /** Names of those that are not as applied, or on their way out. */
  outdated: string[];
  /** Replacements that are not usable yet. */
  joining: string[];
  /** Why it cannot be said that Karpenter has seen what was applied. */
  unseen: string | undefined;
  /** Why it may not go on. */
  held: string | undefined;
}

interface Condition {
  type?: string;
  status?: string;
  message?: string;
  reason?: string;
  observedGeneration?: number;
}

interface Budget {
  nodes?: string;
  reasons?: string[];
  schedule?: string;
}

const fields = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

export function judgeKarpenter(look: KarpenterLook): KarpenterProgress {
  const claims = look.claims.filter((claim) =>
    look.nodePools.some(({ name }) => claim.metadata.labels?.[poolLabel] === name),
  );
  const outdated = claims.filter((claim) => isOutdated(claim, look));
  const joining = claims.filter((claim) => !outdated.includes(claim) && conditionOf(claim, 'Ready')?.status !== 'True');
  const unseen = look.nodePools.flatMap((pool) => unseenBy(pool, look.nodeClasses) ?? [])[0];
  return {
    total: claims.length,
    outdated: outdated.map((claim) => claim.metadata.name).sort(),
    joining: joining.map((claim) => claim.metadata.name).sort(),
    unseen,
    held: outdated.length === 0 ? undefined : heldBy(look),
  };
}

function conditionOf(object: KubeObject, type: string): Condition | undefined {
  const { conditions } = fields(object['status']);
  return Array.isArray(conditions) ? (conditions as Condition[]).find((one) => one.type === type) : undefined;
}

function classOf(pool: KubeObject, classes: readonly KubeObject[]): KubeObject | undefined {
  const template = fields(fields(pool['spec'])['template']);
  const { name } = fields(fields(template['spec'])['nodeClassRef']);
  return classes.find((one) => one.metadata.name === name);
}

/** By Karpenter's own condition, by the hashes that it compares, and by the images that it would choose now. */
function isOutdated(claim: KubeObject, { nodePools, nodeClasses }: KarpenterLook): boolean {
  if (claim.metadata.deletionTimestamp !== undefined) return true;
  if (conditionOf(claim, 'Drifted')?.status === 'True') return true;
  const pool = nodePools.find(({ name }) => claim.metadata.labels?.[poolLabel] === name)?.live;
  if (pool === undefined) return true;
  const nodeClass = classOf(pool, nodeClasses);
  if (differs(claim, pool, poolHash) || (nodeClass !== undefined && differs(claim, nodeClass, classHash))) return true;
  const image = fields(claim['status'])['imageID'];
  const images = fields(nodeClass?.['status'])['amis'];
  if (typeof image !== 'string' || !Array.isArray(images) || images.length === 0) return false;
  return !images.some((one) => fields(one)['id'] === image);
}

/** Hashes of different versions of the hash are not compared: Karpenter writes them anew itself. */
function differs(claim: KubeObject, of: KubeObject, annotation: string): boolean {
  const [mine, theirs] = [claim.metadata.annotations ?? {}, of.metadata.annotations ?? {}];
  if (mine[`${annotation}-version`] !== theirs[`${annotation}-version`]) return false;
  return mine[annotation] !== undefined && theirs[annotation] !== undefined && mine[annotation] !== theirs[annotation];
}

function unseenBy(
  { name, live }: KarpenterLook['nodePools'][number],
  classes: readonly KubeObject[],
): string | undefined {
  if (live === undefined) return `NodePool ${name} is not there`;
  const nodeClass = classOf(live, classes);
  if (nodeClass === undefined) return `the node class of NodePool ${name} is not there`;
  for (const [object, annotation] of [
    [live, poolHash],
    [nodeClass, classHash],
  ] as const) {
    const what = `${object === live ? 'NodePool' : 'node class'} ${object.metadata.name}`;
    if (object.metadata.annotations?.[annotation] === undefined) return `Karpenter has not looked at ${what}`;
    const ready = conditionOf(object, 'Ready');
    const seen = ready?.observedGeneration;
    if (seen !== undefined && seen < (object.metadata.generation ?? 0))
      return `Karpenter has not seen the change of ${what}`;
    if (ready?.status !== 'True') {
      const why = [ready?.reason, ready?.message].filter((part) => part !== undefined && part !== '').join(': ');
      return `${what} is not ready${why === '' ? '' : `: ${why}`}`;
    }
  }
  return undefined;
}

function heldBy({ nodePools, refusals }: KarpenterLook): string | undefined {
  for (const { name, live } of nodePools) {
    const budgets = fields(fields(live?.['spec'])['disruption'])['budgets'];
    for (const budget of Array.isArray(budgets) ? (budgets as Budget[]) : []) {
      const covers = budget.reasons === undefined || budget.reasons.includes('Drifted');
      if (!covers || !/^0%?$/.test(budget.nodes ?? '')) continue;
      const when = budget.schedule === undefined ? '' : ` while its schedule ${budget.schedule} holds`;
      return `a disruption budget of NodePool ${name} lets no node go${when}`;
    }
  }
  return refusals.at(-1);
}
