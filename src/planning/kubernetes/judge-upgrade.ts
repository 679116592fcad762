/** Whether a cluster may go to the Kubernetes version that its configuration names (B14). Pure; every refusal says what to do. */
import type { PlanRefusal } from '../change/plan-document.ts';
import type { RemovedUse } from './removed-apis.ts';
import { type KubernetesVersion, minorName, minorsBetween, parseKubernetesVersion } from './version.ts';

/** kubelets may be this many minors older than the API servers, and never newer. */
const kubeletSkew = 3;

export interface UpgradeInput {
  /** As people know the cluster. */
  cluster: string;
  /** Of the control plane, as the configuration wants it. */
  target: string;
  /** What the configuration wants of pools that name another version than the control plane, by name. */
  poolTargets: Readonly<Record<string, string>>;
  /** What runs: API servers and the nodes that carry them. Several while an upgrade is under way. */
  controlPlane: readonly string[];
  /** kubelets of all other nodes, by node or pool. */
  kubelets: Readonly<Record<string, string>>;
  removed: { manifests: readonly RemovedUse[]; inUse: readonly RemovedUse[] };
}

export function judgeUpgrade(input: UpgradeInput): PlanRefusal[] {
  const target = parseKubernetesVersion(input.target);
  if (target === undefined) {
    const message = `${input.cluster}: kubernetes_version '${input.target}' is no version`;
    return [{ code: 'kubernetes-version-invalid', message, remedy: 'write it as v1.34.3' }];
  }
  const running = input.controlPlane
    .flatMap((text) => parseKubernetesVersion(text) ?? [])
    .sort((a, b) => minorsBetween(b, a));
  const refusals = [...poolRefusals(input, target)];
  const [oldest] = running;
  const newest = running.at(-1);
  if (oldest !== undefined && newest !== undefined) refusals.push(...planeRefusals(input, target, oldest, newest));
  refusals.push(...kubeletRefusals(input, target), ...removedRefusals(input, target));
  return refusals;
}

/** From the configuration alone: pools among themselves. */
function poolRefusals({ cluster, poolTargets }: UpgradeInput, target: KubernetesVersion): PlanRefusal[] {
  return Object.entries(poolTargets).flatMap(([pool, text]) => {
    const wanted = parseKubernetesVersion(text);
    if (wanted === undefined) {
      const message = `${cluster}: kubernetes_version '${text}' of pool ${pool} is no version`;
      return [{ code: 'kubernetes-version-invalid', message, remedy: 'write it as v1.34.3' }];
    }
    const behind = minorsBetween(wanted, target);
    if (behind >= 0 && behind <= kubeletSkew) return [];
    const message = `${cluster}: pool ${pool} is to run ${text}, the control plane ${minorName(target)}`;
    const lowest = minorName({ ...target, minor: target.minor - kubeletSkew });
    const remedy = `give the pool a version from ${lowest} to ${minorName(target)}`;
    return [{ code: 'kubernetes-skew', message, remedy }];
  });
}

function planeRefusals(
  { cluster, target: text }: UpgradeInput,
  target: KubernetesVersion,
  oldest: KubernetesVersion,
  newest: KubernetesVersion,
): PlanRefusal[] {
  const runs =
    minorsBetween(oldest, newest) === 0 ? minorName(oldest) : `${minorName(oldest)} and ${minorName(newest)}`;
  const refuse = (code: string, remedy: string): PlanRefusal[] => {
    return [{ code, message: `${cluster} runs Kubernetes ${runs}, and the configuration wants ${text}`, remedy }];
  };
  if (minorsBetween(newest, target) < 0) {
    return refuse(
      'kubernetes-downgrade',
      `a minor is never taken back: write kubernetes_version v${minorName(newest)}.x`,
    );
  }
  const steps = minorsBetween(oldest, target);
  if (steps <= 1) return [];
  if (minorsBetween(oldest, newest) > 0) {
    return refuse(
      'kubernetes-upgrade-unfinished',
      `finish the upgrade to ${minorName(newest)} first: write v${minorName(newest)}.x`,
    );
  }
  const next = minorName({ ...oldest, minor: oldest.minor + 1 });
  return refuse(
    'kubernetes-minor-skipped',
    `one minor at a time: write kubernetes_version v${next}.x, and v${minorName(target)} when it runs`,
  );
}

/** Nodes that run: control planes go first, so they must stand what stays behind meanwhile. */
function kubeletRefusals({ cluster, kubelets }: UpgradeInput, target: KubernetesVersion): PlanRefusal[] {
  const wrong = new Map<string, { version: KubernetesVersion; nodes: string[]; newer: boolean }>();
  for (const [node, text] of Object.entries(kubelets)) {
    const version = parseKubernetesVersion(text);
    if (version === undefined) continue;
    const behind = minorsBetween(version, target);
    if (behind >= 0 && behind <= kubeletSkew) continue;
    const known = wrong.get(minorName(version)) ?? { version, nodes: [], newer: behind < 0 };
    known.nodes.push(node);
    wrong.set(minorName(version), known);
  }
  return [...wrong.values()].map(({ version, nodes, newer }) => {
    const more = nodes.length === 1 ? '' : ` and ${nodes.length - 1} more`;
    const message = `${cluster}: the kubelet of ${nodes[0] ?? ''}${more} runs ${minorName(version)}, the control plane is to run ${minorName(target)}`;
    const highest = minorName({ ...version, minor: version.minor + kubeletSkew });
    const remedy = newer
      ? `a kubelet is never newer than its API server: bring the control plane to ${minorName(version)}`
      : `replace these nodes first; API servers up to ${highest} stand them`;
    return { code: 'kubernetes-skew', message, remedy };
  });
}

const named = 5;

function removedRefusals({ cluster, removed }: UpgradeInput, target: KubernetesVersion): PlanRefusal[] {
  const list = (uses: readonly RemovedUse[]): string => {
    const more = uses.length > named ? ` and ${uses.length - named} more` : '';
    const texts = uses.slice(0, named).map(({ what, removedIn, instead }) => {
      return `${what}, gone in ${removedIn}${instead === undefined ? '' : `, now ${instead}`}`;
    });
    return `${texts.join('; ')}${more}`;
  };
  const refusals: PlanRefusal[] = [];
  if (removed.manifests.length > 0) {
    const message = `${cluster}: Kubernetes ${minorName(target)} does not serve what manifests use: ${list(removed.manifests)}`;
    refusals.push({ code: 'removed-api', message, remedy: 'write these manifests in the API that replaces it' });
  }
  if (removed.inUse.length > 0) {
    const message = `${cluster}: clients ask for what Kubernetes ${minorName(target)} does not serve: ${list(removed.inUse)}`;
    const remedy =
      "the audit log of the API server names them; what is known to be harmless goes into the config item kubernetes_removed_apis_accepted, a line each: 'RESOURCE until YYYY-MM-DD by YOU: REASON'";
    refusals.push({ code: 'removed-api-in-use', message, remedy });
  }
  return refusals;
}
