/** Looks at a configuration, a registry and what a daemon recorded, without touching what a daemon works on. */
import { existsSync } from 'node:fs';
import type { Cluster, InfrastructureAccount } from '../domain/cluster.ts';
import { FailureError } from '../domain/failure.ts';
import type { Pipeline } from '../domain/pipeline.ts';
import type { Problem } from '../domain/problem.ts';
import { withLifecycle } from '../planning/lifecycle/cluster-lifecycle.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { Store } from '../ports/store.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Logger } from '../support/logger.ts';
import { type ClusterAccess, createClusterAccess } from './cluster-access.ts';
import type { DaemonConfig } from './config.ts';
import { findCommit } from './control/commits.ts';
import type { FurtherSource } from './further-sources.ts';
import { openRegistry, readPipeline } from './inputs.ts';
import { readLifecycles } from './lifecycles.ts';
import { withScratchSource } from './source.ts';

export interface FleetQuestion {
  /** Channel, branch, tag or commit; absent = every cluster at the head of its own channel. */
  ref?: string;
  /** Alias or id. */
  cluster?: string;
  channel?: string;
}

export interface FleetLook {
  source: ChannelSource;
  /** Repositories that its commits may pin. */
  further: readonly FurtherSource[];
  pipeline: Pipeline;
  accounts: InfrastructureAccount[];
  /** All of the registry. */
  registered: Cluster[];
  /** Those that were asked for. */
  clusters: Cluster[];
  commitOf: (cluster: Cluster) => string | undefined;
  access: ClusterAccess;
  /** What a daemon recorded, read-only; undefined before the first one ran. */
  store: Store | undefined;
}

/** Calls `work` unless the question or the files have problems, which are the answer then. */
export function lookAtFleet<Answer>(
  config: DaemonConfig,
  question: FleetQuestion,
  options: { log: Logger; version: string },
  work: (look: FleetLook) => Promise<Answer>,
): Promise<{ problems: Problem[] } | { problems: []; answer: Answer }> {
  return withScratchSource(config, options.log, async (source, further) => {
    const { pipeline, problems } = await readPipeline(config, source);
    const registry = await openRegistry(config, () => pipeline?.channels.map((one) => one.name)).registry.read();
    const found = [...problems, ...registry.problems];
    if (pipeline === undefined || found.length > 0) return { problems: found };
    const commits = await commitsOf(config, source, pipeline, question.ref);
    if ('problem' in commits) return { problems: [commits.problem] };
    const access = createClusterAccess({
      providers: config.providers,
      version: options.version,
      accounts: () => registry.accounts,
      rolloutOf: () => undefined,
      report: { aws: () => undefined, kube: () => undefined },
    });
    const store = existsSync(config.store.path)
      ? await openSqliteStore({ path: config.store.path, readonly: true })
      : undefined;
    try {
      const registered =
        store === undefined ? registry.clusters : withLifecycle(registry.clusters, await readLifecycles(store));
      const chosen = choose(registered, pipeline, question);
      if ('problem' in chosen) return { problems: [chosen.problem] };
      const answer = await work({
        source,
        further,
        pipeline,
        accounts: registry.accounts,
        registered,
        clusters: chosen.clusters,
        commitOf: commits.of,
        access,
        store,
      });
      return { problems: [], answer };
    } finally {
      await store?.close();
      access.close();
    }
  });
}

const mostProblems = 50;

/** Problems of many clusters, each once: one wrong template is wrong for every cluster, and the first that shows it is named. */
export class FleetProblems {
  readonly #kept = new Map<string, Problem>();

  add(problem: Problem, cluster: Cluster): void {
    const key = `${problem.file}:${problem.line ?? ''}:${problem.message}`;
    if (this.#kept.size < mostProblems && !this.#kept.has(key))
      this.#kept.set(key, { ...problem, message: `${problem.message} (for cluster ${cluster.alias})` });
  }

  list(): Problem[] {
    return [...this.#kept.values()];
  }
}

export function noHead(config: DaemonConfig, cluster: Cluster, command: string): Problem {
  return {
    file: config.configRepository.url,
    message: `the branch of channel ${cluster.channel} has no commit`,
    remedy: `push the branch, or name what to render: clm ${command} REF`,
  };
}

function choose(
  clusters: Cluster[],
  pipeline: Pipeline,
  { cluster: wanted, channel }: FleetQuestion,
): { clusters: Cluster[] } | { problem: Problem } {
  if (channel !== undefined && !pipeline.channels.some((one) => one.name === channel)) {
    const known = pipeline.channels.map((one) => one.name).join(', ');
    return {
      problem: { file: '-', message: `there is no channel ${channel}`, remedy: `use one of: ${known}` },
    };
  }
  const chosen = clusters.filter(
    (one) =>
      (wanted === undefined || one.alias === wanted || one.id === wanted) &&
      (channel === undefined || one.channel === channel),
  );
  if (wanted !== undefined && chosen.length === 0) {
    const remedy = 'use the alias or the id of a cluster of the registry: clm clusters lists them';
    const where = channel === undefined ? '' : ` on channel ${channel}`;
    return { problem: { file: '-', message: `there is no cluster ${wanted}${where}`, remedy } };
  }
  return { clusters: chosen };
}

type Commits = { of: (cluster: Cluster) => string | undefined };

async function commitsOf(
  config: DaemonConfig,
  source: ChannelSource,
  pipeline: Pipeline,
  ref: string | undefined,
): Promise<Commits | { problem: Problem }> {
  const { url: file } = config.configRepository;
  try {
    if (ref === undefined) {
      const { heads } = await source.fetch([...new Set(pipeline.channels.map((channel) => channel.branch))], {});
      const headOf = new Map(heads.map((head) => [head.branch, head.commit]));
      const branchOf = new Map(pipeline.channels.map((channel) => [channel.name, channel.branch]));
      return { of: (cluster) => headOf.get(branchOf.get(cluster.channel) ?? '') };
    }
    const found = await findCommit(source, pipeline, ref);
    if (found.kind === 'found') return { of: () => found.commit };
    if (found.kind === 'ambiguous') {
      const message = `'${ref}' may be any of: ${found.meanings.join(', ')}`;
      return { problem: { file, message, remedy: found.remedy } };
    }
    const remedy =
      'use a channel, a branch, a tag, or a commit that has been pushed (seven digits do for one of a channel, 40 for any other)';
    return { problem: { file, message: `there is no ${ref}`, remedy } };
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const remedy = `clm explain ${error.failure.code}`;
    return { problem: { file, message: error.failure.message, remedy } };
  }
}
