import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { RenderedCluster } from '../../domain/rendered.ts';
import type { PlanRefusal } from '../../planning/change/plan-document.ts';
import { acceptedNow } from '../../planning/kubernetes/accepted-apis.ts';
import { judgeUpgrade } from '../../planning/kubernetes/judge-upgrade.ts';
import { type RemovedUse, removedInManifests, removedInUse } from '../../planning/kubernetes/removed-apis.ts';
import { minorsBetween, parseKubernetesVersion } from '../../planning/kubernetes/version.ts';
import { isControlPlaneNode } from '../../planning/roll/cluster-index.ts';
import type { ClusterSession } from '../../ports/cluster-session.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';

/**
 * Refuses a version of Kubernetes that the cluster cannot go to from where it is (B14), before anything is touched. Where several
 * versions run, because an upgrade was interrupted, the oldest and the newest count.
 */
export async function kubernetesRefusals(
  session: Pick<ClusterSession, 'kube' | 'view'>,
  cluster: { alias: string; configItems: Readonly<Record<string, string>> },
  rendered: RenderedCluster,
  now: number,
): Promise<PlanRefusal[]> {
  const { kubernetesVersion: target } = rendered;
  if (target === undefined) return [];
  const serving = await servingVersion(session.kube);
  const { nodes, stale } = await session.view();
  if (stale !== undefined) {
    throw new FailureError(transient('view-stale', `the nodes of ${cluster.alias} cannot be read: ${stale}`));
  }
  const planes = nodes.filter(isControlPlaneNode).map((node) => node.kubeletVersion);
  const workers = nodes.filter((node) => !isControlPlaneNode(node) && !node.deleting);
  const wanted = parseKubernetesVersion(target);
  const running = [serving, ...planes].flatMap((text) => parseKubernetesVersion(text) ?? []);
  const upgrades = wanted !== undefined && running.some((version) => minorsBetween(version, wanted) > 0);
  const accepted = acceptedNow(cluster.configItems, now);
  return judgeUpgrade({
    cluster: cluster.alias,
    target,
    poolTargets: poolTargetsOf(rendered),
    controlPlane: [serving, ...planes],
    kubelets: Object.fromEntries(workers.map((node) => [node.name, node.kubeletVersion])),
    removed: {
      manifests: wanted === undefined ? [] : manifestUses(rendered, target),
      inUse: upgrades
        ? (await usesOf(session.kube, cluster.alias, target)).filter(({ what }) => !accepted.has(what))
        : [],
    },
  });
}

/** Pools that name another version than the cluster does. */
export function poolTargetsOf(rendered: RenderedCluster): Record<string, string> {
  return Object.fromEntries(
    rendered.pools.flatMap(({ name, kubernetesVersion }) =>
      kubernetesVersion === undefined ? [] : [[name, kubernetesVersion]],
    ),
  );
}

/** What the manifests of a version use that its own Kubernetes does not serve. */
export function manifestUses(rendered: RenderedCluster, target: string): RemovedUse[] {
  const version = parseKubernetesVersion(target);
  if (version === undefined) return [];
  return rendered.components.flatMap((component) => removedInManifests(component.objects, version));
}

async function servingVersion(kube: KubeCluster): Promise<string> {
  const { status, body } = await kube.raw('/version');
  const version = status === 200 ? (JSON.parse(body) as { gitVersion?: string }).gitVersion : undefined;
  if (version === undefined) {
    throw new FailureError(transient('kubernetes-version-unknown', `the API server answers ${status} on /version`));
  }
  return version;
}

/** Unknown is not none: an API server that does not tell is not upgraded. */
async function usesOf(kube: KubeCluster, alias: string, target: string): Promise<RemovedUse[]> {
  const version = parseKubernetesVersion(target);
  if (version === undefined) return [];
  const { status, body } = await kube.raw('/metrics');
  if (status === 200) return removedInUse(body, version);
  const message = `the API server of ${alias} answers ${status} on /metrics, which says which removed APIs clients ask for`;
  throw new FailureError(transient('kubernetes-metrics-unreadable', message));
}

/** All of them in one failure; nothing has been touched. */
export function refused(refusals: readonly PlanRefusal[]): FailureError {
  const [first] = refusals as [PlanRefusal];
  const texts = refusals.map(
    ({ message, remedy }) => `${message}. ${remedy[0]?.toUpperCase() ?? ''}${remedy.slice(1)}.`,
  );
  return new FailureError(terminal(first.code, texts.join(' ')));
}
