/** The Render port on the configuration repository: trees and results are kept for as long as they are likely to be asked again. */
import type { Cluster, InfrastructureAccount } from '../domain/cluster.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { Render, RenderResult } from '../ports/renderer.ts';
import { createRenderer } from '../rendering/renderer.ts';
import { BoundedCache } from '../support/bounded-cache.ts';
import { yieldToEventLoop } from '../support/deadline.ts';
import { digestOf } from './digest.ts';

export interface RenderOptions {
  source: Pick<ChannelSource, 'readTree'>;
  /** Folder of the channel configuration in the repository. */
  path: string;
  accounts: () => InfrastructureAccount[];
}

/** Each channel may be at a version of its own while a newer one comes in. */
const keptTrees = 8;
/** Clusters in flight ask again for each of their phases. */
const keptResults = 128;

export function createRender(options: RenderOptions): Render {
  const renderer = createRenderer();
  const trees = new BoundedCache<string, Promise<ReadonlyMap<string, string>>>({ maxEntries: keptTrees });
  const results = new BoundedCache<string, RenderResult>({ maxEntries: keptResults });
  return async (cluster, commit) => {
    const account = options.accounts().find((one) => one.id === cluster.infrastructureAccount);
    const key = `${commit}\0${inputDigest(cluster, account)}`;
    const known = results.get(key);
    if (known !== undefined) return known;
    const tree = await treeOf(trees, options, commit);
    // Rendering holds the thread for some milliseconds a cluster; sockets and timers get their turn in between.
    await yieldToEventLoop();
    const result = renderer.render({ cluster, tree, commit, ...(account === undefined ? {} : { account }) });
    results.set(key, result);
    return result;
  };
}

function treeOf(
  trees: BoundedCache<string, Promise<ReadonlyMap<string, string>>>,
  options: RenderOptions,
  commit: string,
): Promise<ReadonlyMap<string, string>> {
  const known = trees.get(commit);
  if (known !== undefined) return known;
  const reading = options.source.readTree(commit, options.path);
  trees.set(commit, reading);
  // A failed read is not remembered.
  reading.catch(() => trees.delete(commit));
  return reading;
}

/** The status that the registry keeps of a cluster does not render. */
const digests = new WeakMap<Cluster, { account: InfrastructureAccount | undefined; digest: string }>();

function inputDigest(cluster: Cluster, account: InfrastructureAccount | undefined): string {
  const known = digests.get(cluster);
  if (known !== undefined && known.account === account) return known.digest;
  const digest = digestOf({ cluster, account });
  digests.set(cluster, { account, digest });
  return digest;
}
