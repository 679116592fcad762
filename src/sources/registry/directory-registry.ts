import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { nearMatches } from '../../domain/near-matches.ts';
import type { Problem } from '../../domain/problem.ts';
import type { Registry, RegistryView } from '../../ports/channel-source.ts';
import { BoundedCache } from '../../support/bounded-cache.ts';
import { problemAt } from '../yaml-document.ts';
import { type PlacedAccount, type PlacedCluster, parseAccountsFile, parseClusterFile } from './registry-documents.ts';

const maxFiles = 5_000;
const maxFileBytes = 1024 * 1024;
const filesAtOnce = 32;

export interface DirectoryRegistryOptions {
  /** Holds `clusters/*.yaml` and `registry/infrastructure-accounts.yaml`. */
  directory: string;
  /** Where the cluster files are, when not in `clusters/` of the directory. */
  clustersDirectory?: string;
  /** The accounts file, when not `registry/infrastructure-accounts.yaml` of the directory. */
  accountsFile?: string;
  /** Names of the pipeline's channels; a cluster on another one is a problem. Not checked when absent. */
  channels?: readonly string[];
  /** How files are named in problems: relative to this; the working directory unless given. */
  relativeTo?: string;
}

interface FileText {
  file: string;
  text: string;
}

/**
 * The registry as a directory of files. A read lists every problem at once and gives what is well-formed; files that did not
 * change since the last read are not parsed again.
 */
export function openDirectoryRegistry(options: DirectoryRegistryOptions): Registry {
  const base = options.relativeTo ?? process.cwd();
  const clusterFiles = new BoundedCache<string, ReturnType<typeof parseClusterFile>>({ maxEntries: maxFiles });
  const accountFiles = new BoundedCache<string, ReturnType<typeof parseAccountsFile>>({ maxEntries: 8 });
  const nameOf = (path: string): string => {
    const name = relative(base, path);
    return name.startsWith('..') ? path : name;
  };
  return {
    async read() {
      const problems: Problem[] = [];
      const accountsPath = options.accountsFile ?? join(options.directory, 'registry', 'infrastructure-accounts.yaml');
      const accountsFile = await readOne(accountsPath, nameOf(accountsPath), problems);
      const files = await readClusterFiles(
        options.clustersDirectory ?? join(options.directory, 'clusters'),
        nameOf,
        problems,
      );
      const accounts =
        accountsFile === undefined ? [] : cached(accountFiles, accountsFile, parseAccountsFile, problems).accounts;
      const clusters = files.flatMap((file) => cached(clusterFiles, file, parseClusterFile, problems).clusters);
      return crossCheck(clusters, accounts, accountsFile !== undefined, options.channels, problems);
    },
  };
}

function cached<T extends { problems: Problem[] }>(
  cache: BoundedCache<string, T>,
  { file, text }: FileText,
  parse: (file: string, text: string) => T,
  problems: Problem[],
): T {
  const key = `${file}\0${text}`;
  let parsed = cache.get(key);
  if (parsed === undefined) {
    parsed = parse(file, text);
    cache.set(key, parsed);
  }
  problems.push(...parsed.problems);
  return parsed;
}

async function readClusterFiles(
  directory: string,
  nameOf: (path: string) => string,
  problems: Problem[],
): Promise<FileText[]> {
  let names: string[];
  try {
    names = (await readdir(directory)).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.')).sort();
  } catch (error) {
    problems.push(
      unreadable(nameOf(directory), error, 'create the directory with one file a cluster, or correct the path'),
    );
    return [];
  }
  if (names.length > maxFiles) {
    problems.push({
      file: nameOf(directory),
      message: `${names.length} files; at most ${maxFiles} are read`,
      remedy: 'split the registry',
    });
    names.length = maxFiles;
  }
  const texts: (FileText | undefined)[] = [];
  for (let i = 0; i < names.length; i += filesAtOnce) {
    const batch = names.slice(i, i + filesAtOnce).map((name) => join(directory, name));
    texts.push(...(await Promise.all(batch.map((path) => readOne(path, nameOf(path), problems)))));
  }
  return texts.filter((text) => text !== undefined);
}

async function readOne(path: string, file: string, problems: Problem[]): Promise<FileText | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxFileBytes) {
      problems.push({ file, message: `${size} bytes; at most ${maxFileBytes} are read`, remedy: 'split the file' });
      return undefined;
    }
    return { file, text: await readFile(path, 'utf8') };
  } catch (error) {
    problems.push(unreadable(file, error, 'create the file, or correct its permissions'));
    return undefined;
  }
}

function unreadable(file: string, error: unknown, remedy: string): Problem {
  const code = (error as NodeJS.ErrnoException).code;
  const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? String(error)})`;
  return { file, message: `${file} ${reason}`, remedy };
}

/** Problems that only the whole registry shows; clusters that have one are left out. */
function crossCheck(
  clusters: PlacedCluster[],
  accounts: PlacedAccount[],
  accountsKnown: boolean,
  channels: readonly string[] | undefined,
  problems: Problem[],
): RegistryView {
  const accountIds = new Set(accounts.map(({ account }) => account.id));
  const ids = new Map<string, PlacedCluster>();
  const aliases = new Map<string, PlacedCluster>();
  const kept: RegistryView['clusters'] = [];
  for (const placed of clusters) {
    const { cluster, places, path } = placed;
    const before = problems.length;
    const add = (field: string, message: string, remedy: string): void => {
      problems.push(problemAt(places, [...path, field], message, remedy));
    };
    const sameId = ids.get(cluster.id);
    if (sameId !== undefined)
      add('id', `cluster id ${cluster.id} is taken by ${sameId.places.file}`, 'give each cluster its own id');
    const sameAlias = aliases.get(cluster.alias);
    if (sameAlias !== undefined)
      add('alias', `alias ${cluster.alias} is taken by ${sameAlias.places.file}`, 'give each cluster its own alias');
    if (accountsKnown && !accountIds.has(cluster.infrastructureAccount)) {
      const message = `account ${cluster.infrastructureAccount} of cluster ${cluster.alias} is not in the registry`;
      add('infrastructure_account', message, 'add it to registry/infrastructure-accounts.yaml, or correct the number');
    }
    if (channels !== undefined && !channels.includes(cluster.channel)) {
      const near = nearMatches(cluster.channel, channels)[0];
      const remedy =
        near === undefined
          ? `write one of: ${channels.join(', ')}`
          : `write ${near}; channels are ${channels.join(', ')}`;
      add('channel', `channel ${cluster.channel} of cluster ${cluster.alias} is not in the pipeline`, remedy);
    }
    if (sameId === undefined) ids.set(cluster.id, placed);
    if (sameAlias === undefined) aliases.set(cluster.alias, placed);
    if (problems.length === before) kept.push(cluster);
  }
  return { clusters: kept, accounts: accounts.map(({ account }) => account), problems };
}
