/** Renders a commit, or each channel's head, for chosen clusters; touches nothing that a daemon works on. */
import { existsSync } from 'node:fs';
import type { Cluster } from '../domain/cluster.ts';
import { FailureError } from '../domain/failure.ts';
import type { Pipeline } from '../domain/pipeline.ts';
import type { Problem } from '../domain/problem.ts';
import type { RenderedCluster } from '../domain/rendered.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Logger } from '../support/logger.ts';
import { createClusterAccess } from './cluster-access.ts';
import type { DaemonConfig } from './config.ts';
import { openRegistry, readPipeline } from './inputs.ts';
import { createLookupRecord } from './lookup-record.ts';
import { createRender } from './render.ts';
import { withScratchSource } from './source.ts';

export interface RenderQuestion {
  /** Branch, channel or full commit; absent = every cluster at the head of its own channel. */
  ref?: string;
  /** Alias or id. */
  cluster?: string;
  channel?: string;
  /** Ask the cloud for what is not recorded, and decrypt. Otherwise only what a daemon recorded is known. */
  live: boolean;
}

export interface FleetMemberRendering {
  cluster: Cluster;
  commit: string;
  rendered: RenderedCluster;
  /** Replaces every secret of the cluster. */
  redact: (text: string) => string;
}

export interface FleetRendering {
  problems: Problem[];
  clusters: number;
}

const mostProblems = 50;
const untouched = (text: string): string => text;

/** Calls `take` for each cluster that renders, one after the other: what a fleet renders to is not held at once. */
export function renderFleet(
  config: DaemonConfig,
  question: RenderQuestion,
  options: { log: Logger; version: string; take: (rendering: FleetMemberRendering) => Promise<void> },
): Promise<FleetRendering> {
  return withScratchSource(config, options.log, async (source) => {
    const { pipeline, problems } = await readPipeline(config, source);
    const registry = await openRegistry(config, () => pipeline?.channels.map((one) => one.name)).registry.read();
    const found = [...problems, ...registry.problems];
    if (pipeline === undefined || found.length > 0) return { problems: found, clusters: 0 };
    const chosen = choose(registry.clusters, pipeline, question);
    if ('problem' in chosen) return { problems: [chosen.problem], clusters: 0 };
    const commits = await commitsOf(config, source, pipeline, question.ref);
    if ('problem' in commits) return { problems: [commits.problem], clusters: 0 };
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
      const render = createRender({
        source,
        path: config.configRepository.path,
        accounts: () => registry.accounts,
        record: createLookupRecord(store, undefined, () => 0),
        ...(question.live ? { cloud: (cluster: Cluster) => access.connectLookups(cluster) } : {}),
      });
      const kept = new Map<string, Problem>();
      for (const cluster of chosen.clusters) {
        const commit = commits.of(cluster);
        if (commit === undefined) {
          keep(kept, noHead(config, cluster), cluster);
          continue;
        }
        const result = await render(cluster, commit);
        if (result.ok)
          await options.take({ cluster, commit, rendered: result.rendered, redact: result.redact ?? untouched });
        else for (const problem of result.problems) keep(kept, problem, cluster);
      }
      return { problems: [...kept.values()], clusters: chosen.clusters.length };
    } finally {
      await store?.close();
      access.close();
    }
  });
}

function noHead(config: DaemonConfig, cluster: Cluster): Problem {
  return {
    file: config.configRepository.url,
    message: `the branch of channel ${cluster.channel} has no commit`,
    remedy: 'push the branch, or name what to render: clm render REF',
  };
}

/** One wrong template is wrong for every cluster: the first one that shows it is named. */
function keep(kept: Map<string, Problem>, problem: Problem, cluster: Cluster): void {
  const key = `${problem.file}:${problem.line ?? ''}:${problem.message}`;
  if (kept.size < mostProblems && !kept.has(key))
    kept.set(key, { ...problem, message: `${problem.message} (for cluster ${cluster.alias})` });
}

function choose(
  clusters: Cluster[],
  pipeline: Pipeline,
  { cluster: wanted, channel }: RenderQuestion,
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
  const branches = pipeline.channels.map((channel) => channel.branch);
  const asBranch = pipeline.channels.find((channel) => channel.name === ref)?.branch ?? ref;
  const isCommit = ref !== undefined && /^[0-9a-f]{40}$/.test(ref);
  try {
    const wanted = asBranch === undefined || isCommit ? branches : [...branches, asBranch];
    const { heads } = await source.fetch([...new Set(wanted)], {});
    const headOf = new Map(heads.map((head) => [head.branch, head.commit]));
    if (ref === undefined) {
      const branchOf = new Map(pipeline.channels.map((channel) => [channel.name, channel.branch]));
      return { of: (cluster) => headOf.get(branchOf.get(cluster.channel) ?? '') };
    }
    const commit = isCommit ? (await source.commitInfo(ref)).commit : headOf.get(asBranch ?? '');
    if (commit !== undefined) return { of: () => commit };
    const remedy = 'use a channel, a branch, or a full commit of 40 digits that has been pushed';
    return { problem: { file: config.configRepository.url, message: `there is no ${ref}`, remedy } };
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const remedy = `clm explain ${error.failure.code}`;
    return { problem: { file: config.configRepository.url, message: error.failure.message, remedy } };
  }
}
