/** Names in waves that match no cluster of their channel. A warning, no problem: registries change, and pipelines are written before. Pure. */
import type { Cluster } from '../../domain/cluster.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import type { Pipeline } from '../../domain/pipeline.ts';
import type { Problem } from '../../domain/problem.ts';

export function waveWarnings(
  file: string,
  pipeline: Pick<Pipeline, 'channels'>,
  clusters: readonly Pick<Cluster, 'id' | 'alias' | 'channel'>[],
): Problem[] {
  return pipeline.channels.flatMap((channel, i) =>
    channel.waves.flatMap((wave, j) =>
      (wave.clusters ?? []).flatMap((name, k): Problem[] => {
        const named = clusters.filter((one) => one.id === name || one.alias === name);
        if (named.some((one) => one.channel === channel.name)) return [];
        const path = `channels.${i}.waves.${j}.clusters.${k}`;
        const [other] = named;
        if (other !== undefined) {
          const message = `${name} is a cluster of ${other.channel}: wave ${wave.name} of ${channel.name} never takes it`;
          return [{ file, path, message, remedy: `leave it out, or name it in a wave of ${other.channel}` }];
        }
        const own = clusters.filter((one) => one.channel === channel.name).flatMap((one) => [one.alias, one.id]);
        const near = nearMatches(name, own);
        const remedy =
          near.length === 0 ? 'leave it out, or add the cluster to the registry' : `write ${near.join(' or ')}`;
        const message = `the registry has no cluster '${name}': wave ${wave.name} of ${channel.name} goes without it`;
        return [{ file, path, message, remedy }];
      }),
    ),
  );
}
