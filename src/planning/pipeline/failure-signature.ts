/** The same trouble on several clusters is one trouble, and likely the version's. */

interface Failing {
  code?: string;
  message: string;
}

const idLike =
  /\b(?:[0-9a-f]{7,}|(?:i|vpc|subnet|sg|lt|ip|eni|ami)-[0-9a-z.-]+|\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{8}-[0-9a-f-]{27})\b/g;

/** Code and message without what differs from cluster to cluster: names of the clusters, ids, addresses, numbers. */
export function failureSignature(failure: Failing, clusterNames: readonly string[] = []): string {
  let text = failure.message;
  for (const name of [...clusterNames].sort((a, b) => b.length - a.length)) {
    if (name.length >= 3) text = text.replaceAll(name, '…');
  }
  text = text
    .replaceAll(/aws:\d+:[\w-]+:[\w.-]+/g, '…')
    .replaceAll(idLike, '…')
    .replaceAll(/\d+/g, '#');
  return `${failure.code ?? ''}|${text.slice(0, 200)}`;
}

export interface SameFailure {
  clusters: string[];
  message: string;
}

/** The first failure that `limit` clusters or more have in common; codes of known trouble do not count. */
export function sameFailure(
  failing: Record<string, Failing>,
  limit: number,
  knownCodes: readonly string[],
): SameFailure | undefined {
  const bySignature = new Map<string, SameFailure>();
  for (const cluster of Object.keys(failing).sort()) {
    const failure = failing[cluster] as Failing;
    if (failure.code !== undefined && knownCodes.includes(failure.code)) continue;
    const signature = failureSignature(failure, [cluster, cluster.slice(cluster.lastIndexOf(':') + 1)]);
    const same = bySignature.get(signature) ?? { clusters: [], message: failure.message };
    same.clusters.push(cluster);
    bySignature.set(signature, same);
    if (same.clusters.length >= limit) return same;
  }
  return undefined;
}
