/** Reads the registry's files as text, with every problem of reading them. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Problem } from '../../domain/problem.ts';

export const maxRegistryFiles = 5_000;
const maxFileBytes = 1024 * 1024;
/** One file with all clusters may be this large. */
const maxListBytes = 16 * 1024 * 1024;
const filesAtOnce = 32;

export interface RegistryPlaces {
  /** Holds `clusters/*.yaml` and `registry/infrastructure-accounts.yaml`. */
  directory: string;
  /** Folder of the cluster files, or the one file with all of them, when not `clusters/` of the directory. */
  clusters?: string;
  /** The accounts file, when not `registry/infrastructure-accounts.yaml` of the directory. */
  accountsFile?: string;
  /** How files are named in problems: relative to this; the working directory unless given. */
  relativeTo?: string;
}

export interface FileText {
  /** As problems name it. */
  file: string;
  path: string;
  text: string;
}

export interface RegistryTexts {
  /** undefined = it cannot be read. */
  accounts: FileText | undefined;
  clusters: FileText[];
}

export function clustersPlace(places: RegistryPlaces): string {
  return places.clusters ?? join(places.directory, 'clusters');
}

export async function readRegistryTexts(places: RegistryPlaces, problems: Problem[]): Promise<RegistryTexts> {
  const base = places.relativeTo ?? process.cwd();
  const nameOf = (path: string): string => {
    const name = relative(base, path);
    return name.startsWith('..') ? path : name;
  };
  const accountsPath = places.accountsFile ?? join(places.directory, 'registry', 'infrastructure-accounts.yaml');
  const accounts = await readOne(accountsPath, nameOf(accountsPath), problems);
  return { accounts, clusters: await readClusterFiles(clustersPlace(places), nameOf, problems) };
}

async function readClusterFiles(
  directory: string,
  nameOf: (path: string) => string,
  problems: Problem[],
): Promise<FileText[]> {
  if (await isFile(directory)) {
    const text = await readOne(directory, nameOf(directory), problems, maxListBytes);
    return text === undefined ? [] : [text];
  }
  let names: string[];
  try {
    names = (await readdir(directory)).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.')).sort();
  } catch (error) {
    problems.push(
      unreadable(nameOf(directory), error, 'create the directory with one file a cluster, or correct the path'),
    );
    return [];
  }
  if (names.length > maxRegistryFiles) {
    problems.push({
      file: nameOf(directory),
      message: `${names.length} files; at most ${maxRegistryFiles} are read`,
      remedy: 'split the registry',
    });
    names.length = maxRegistryFiles;
  }
  const texts: (FileText | undefined)[] = [];
  for (let i = 0; i < names.length; i += filesAtOnce) {
    const batch = names.slice(i, i + filesAtOnce).map((name) => join(directory, name));
    texts.push(...(await Promise.all(batch.map((path) => readOne(path, nameOf(path), problems)))));
  }
  return texts.filter((text) => text !== undefined);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function readOne(
  path: string,
  file: string,
  problems: Problem[],
  maxBytes = maxFileBytes,
): Promise<FileText | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) {
      problems.push({ file, message: `${size} bytes; at most ${maxBytes} are read`, remedy: 'split the file' });
      return undefined;
    }
    return { file, path, text: await readFile(path, 'utf8') };
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
