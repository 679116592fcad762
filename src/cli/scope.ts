/** `fleet`, `channel:beta`, `wave:beta/canary`, `cluster:kube-12`, or a bare name that is looked up. */
import type { Scope } from '../api/schemas.ts';
import { nearMatches } from '../domain/near-matches.ts';
import type { StatusDocument } from '../planning/explain/status-document.ts';
import type { DaemonClient } from './daemon-client.ts';
import { badInput } from './exit.ts';

export async function scopeOf(text: string, client: Pick<DaemonClient, 'get'>): Promise<Scope> {
  if (text === 'fleet') return { kind: 'fleet' };
  const named = /^(channel|cluster|wave|commit)[:/](.+)$/.exec(text);
  if (named) return { kind: named[1] as 'channel' | 'cluster' | 'wave' | 'commit', name: named[2] as string };
  return lookUp(text, await client.get<StatusDocument>('/v1/status'));
}

/** A name that is both a channel and a cluster has to be told apart by whoever typed it. */
export function lookUp(name: string, status: StatusDocument): Scope {
  const channel = status.channels.some((one) => one.name === name);
  const clusters = status.clusters.filter((one) => one.id === name || one.alias === name);
  if (channel && clusters.length > 0) {
    throw badInput(`'${name}' is a channel and a cluster; write channel:${name} or cluster:${name}`);
  }
  if (channel) return { kind: 'channel', name };
  if (clusters.length === 1) return { kind: 'cluster', name: (clusters[0] as { id: string }).id };
  if (clusters.length > 1) {
    throw badInput(
      `'${name}' is the alias of ${clusters.length} clusters; write one id: ${clusters.map((one) => one.id).join(', ')}`,
    );
  }
  const names = [...status.channels.map((one) => one.name), ...status.clusters.flatMap((one) => [one.id, one.alias])];
  const near = nearMatches(name, names);
  throw badInput(`there is no channel or cluster '${name}'${near.length === 0 ? '' : `; near: ${near.join(', ')}`}`);
}
