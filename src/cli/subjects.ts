/** Names that narrow a list (`--cluster`, `--channel`, `--commit`), as people write them. */
import { nearMatches } from '../domain/near-matches.ts';
import type { StatusDocument } from '../planning/explain/status-document.ts';
import { badInput } from './exit.ts';
import type { Reader } from './reader.ts';

/** As typed: absent and undefined mean the same. */
interface GivenSubjects {
  cluster?: string | undefined;
  channel?: string | undefined;
  commit?: string | undefined;
}

interface Subjects {
  cluster?: string;
  channel?: string;
  commit?: string;
}

/**
 * Writes an alias, and what stands for a commit, out in full. A name that nobody knows stays as it is: history outlives
 * clusters and channels, and imported runs have names of their own; see `requireKnown`.
 */
export async function fullSubjects(
  given: GivenSubjects,
  reader: Pick<Reader, 'status' | 'explain'>,
): Promise<Subjects> {
  const { cluster, channel, commit } = given;
  const full: Subjects = {};
  if (channel !== undefined) full.channel = channel;
  if (cluster !== undefined) full.cluster = clusterId(cluster, await reader.status());
  if (commit !== undefined) full.commit = await commitId(commit, reader);
  return full;
}

/** History outlives branches, too: a full id is believed. */
async function commitId(ref: string, reader: Pick<Reader, 'status' | 'explain'>): Promise<string> {
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(ref)) return ref.toLowerCase();
  const { kind, name } = (await reader.explain(ref)).subject;
  if (kind === 'commit') return name;
  const head = (await reader.status()).channels.find((one) => kind === 'channel' && one.name === name)?.head;
  if (head !== undefined) return head;
  const what = kind === 'channel' ? 'a channel that has no head yet' : 'a cluster';
  throw badInput(
    `'${ref}' is ${what}, no commit; write seven characters of its id or more, refs/heads/… or refs/tags/…`,
  );
}

/** Ends the command with exit code 2 when nothing was found because a name is nobody's. */
export async function requireKnown(given: GivenSubjects, reader: Pick<Reader, 'status'>): Promise<void> {
  if (given.cluster === undefined && given.channel === undefined) return;
  const { channels, clusters } = await reader.status();
  const unknown = (kind: string, name: string | undefined, names: string[]): void => {
    if (name === undefined || names.includes(name)) return;
    const near = nearMatches(name, names);
    throw badInput(`nothing is known of a ${kind} '${name}'${near.length === 0 ? '' : `; near: ${near.join(', ')}`}`);
  };
  const channelNames = channels.map((one) => one.name);
  unknown('channel', given.channel, channelNames);
  const clusterNames = clusters.flatMap((one) => [one.alias, one.id]);
  unknown('cluster', given.cluster, clusterNames);
}

function clusterId(name: string, { clusters }: StatusDocument): string {
  const named = clusters.filter((one) => one.id === name || one.alias === name);
  if (named.length > 1) {
    const ids = named.map((one) => one.id).join(', ');
    throw badInput(`'${name}' is the alias of ${named.length} clusters; write one id: ${ids}`);
  }
  return named[0]?.id ?? name;
}

/** What a cluster is shown as: its alias, where it has one that is nobody else's; who is not in the registry any more, and imports, by id. */
export function shownNames({ clusters }: Pick<StatusDocument, 'clusters'>): (id: string) => string {
  const byId = new Map(clusters.map(({ id, alias }) => [id, alias]));
  const times = new Map<string, number>();
  for (const { alias } of clusters) times.set(alias, (times.get(alias) ?? 0) + 1);
  return (id) => {
    const alias = byId.get(id) ?? '';
    return alias === '' || times.get(alias) !== 1 ? id : alias;
  };
}
