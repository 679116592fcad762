/** Where the daemon's desired state comes from: the registry's files and the pipeline's. Reading changes nothing. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { FailureError } from '../domain/failure.ts';
import type { Pipeline } from '../domain/pipeline.ts';
import type { Problem } from '../domain/problem.ts';
import { remedies } from '../planning/remedies/remedies.ts';
import type { ChannelSource, Registry } from '../ports/channel-source.ts';
import type { RegistryStatusStore } from '../ports/registry-status.ts';
import { parsePipeline } from '../sources/pipeline/parse-pipeline.ts';
import { openDirectoryRegistry } from '../sources/registry/directory-registry.ts';
import { openHttpRegistry } from '../sources/registry/http/http-registry.ts';
import type { DaemonConfig } from './config.ts';

export interface PipelineRead {
  /** undefined exactly when there are problems. */
  pipeline: Pipeline | undefined;
  problems: Problem[];
}

/** `branchCommit` says where the branch of a pipeline in the repository is. */
export async function readPipeline(config: DaemonConfig, source: ChannelSource): Promise<PipelineRead> {
  const read =
    'file' in config.pipeline ? await readLocal(config.pipeline.file) : await readFromBranch(config.pipeline, source);
  if ('problem' in read) return { pipeline: undefined, problems: [read.problem] };
  const parsed = parsePipeline(read.name, read.text, { codes: new Set(remedies().keys()) });
  return parsed.ok ? { pipeline: parsed.pipeline, problems: [] } : { pipeline: undefined, problems: parsed.problems };
}

type TextRead = { name: string; text: string } | { problem: Problem };

async function readLocal(file: string): Promise<TextRead> {
  const name = shownPath(file);
  try {
    return { name, text: await readFile(file, 'utf8') };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const message = missing ? 'there is no such file' : `cannot be read: ${(error as Error).message}`;
    return { problem: { file: name, message, remedy: 'create it, or correct pipeline in clm.yaml' } };
  }
}

async function readFromBranch(
  place: { repositoryFile: string; branch: string },
  source: ChannelSource,
): Promise<TextRead> {
  const name = `${place.branch}:${place.repositoryFile}`;
  try {
    const { heads, problems } = await source.fetch([place.branch], {});
    const head = heads.find((one) => one.branch === place.branch);
    if (head === undefined) {
      const message = problems[0]?.message ?? `the repository has no branch ${place.branch}`;
      return { problem: { file: name, message, remedy: 'create the branch, or correct pipeline.branch in clm.yaml' } };
    }
    const folder = path.posix.dirname(place.repositoryFile);
    const files = await source.readTree(head.commit, folder === '.' ? '' : folder);
    const text = files.get(path.posix.basename(place.repositoryFile));
    if (text !== undefined) return { name, text };
    return {
      problem: {
        file: name,
        message: 'there is no such file on the branch',
        remedy: 'commit it there, or correct pipeline in clm.yaml',
      },
    };
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return { problem: { file: name, message: error.failure.message, remedy: `clm explain ${error.failure.code}` } };
  }
}

export interface OpenedRegistry {
  registry: Registry;
  /** Where the status of clusters is told to; undefined = this registry keeps none. */
  statuses: RegistryStatusStore | undefined;
}

/** The registry that the configuration names; clusters on channels that `channels` does not name are problems. */
export function openRegistry(config: DaemonConfig, channels: () => string[] | undefined): OpenedRegistry {
  const { registry } = config;
  if (registry.kind === 'http') {
    const { kind: _kind, ...connection } = registry;
    const opened = openHttpRegistry({ ...connection, channels });
    return { registry: opened, statuses: opened };
  }
  const opened = openDirectoryRegistry({
    directory: path.dirname(config.file),
    clusters: registry.path,
    accountsFile: registry.accounts,
    channels,
  });
  return { registry: opened, statuses: undefined };
}

function shownPath(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith('..') ? file : relative;
}
