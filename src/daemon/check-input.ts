/** Everything that the daemon would read, checked at once, without touching what a daemon works on. */
import { existsSync } from 'node:fs';
import { profiles } from '../checks/profiles.ts';
import { CheckSettings, capabilities, unknownCapabilities } from '../checks/settings.ts';
import type { Cluster, InfrastructureAccount } from '../domain/cluster.ts';
import { FailureError } from '../domain/failure.ts';
import { nearMatches } from '../domain/near-matches.ts';
import type { ChannelPolicy, Pipeline } from '../domain/pipeline.ts';
import type { Problem } from '../domain/problem.ts';
import { parseSchedule } from '../planning/e2e/schedule-runs.ts';
import { applyItemProblems } from '../planning/pipeline/apply-policy.ts';
import { waveWarnings } from '../planning/pipeline/wave-warnings.ts';
import { policyProblems, surgeProblems } from '../planning/roll/cluster-policy.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { CloudLookups } from '../ports/cloud-lookups.ts';
import type { Store } from '../ports/store.ts';
import { createSshSigner } from '../sources/git/ssh-signature.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Logger } from '../support/logger.ts';
import type { DaemonConfig } from './config.ts';
import type { FurtherSource } from './further-sources.ts';
import { openRegistry, readPipeline } from './inputs.ts';
import { createLookupRecord, withEarlierAnswers } from './lookup-record.ts';
import { createRender } from './render.ts';
import { withScratchSource } from './source.ts';

export interface CheckedInput {
  problems: Problem[];
  pipeline: Pipeline | undefined;
  clusters: Cluster[];
  accounts: InfrastructureAccount[];
  /** Commit of each branch that could be read. */
  heads: Record<string, string>;
  /** Clusters that were rendered at their channel's head. */
  rendered: number;
  /** What is no problem, and somebody should know. */
  warnings: Problem[];
}

export interface CheckOptions {
  log: Logger;
  /** Render every cluster at the head of its channel as well. */
  render: boolean;
  /** Answers in the place of a cloud, for what no daemon has recorded: nothing is applied, and so they need not be right. */
  standIns?: CloudLookups;
  onProgress?: (message: string) => void;
}

/** Problems of one render that are told; one wrong template is wrong for every cluster. */
const renderProblemCap = 25;

export function checkInput(config: DaemonConfig, options: CheckOptions): Promise<CheckedInput> {
  return withScratchSource(config, options.log, async (source, further) => {
    const say = options.onProgress ?? (() => {});
    say('reading pipeline and registry');
    const { pipeline, problems } = await readPipeline(config, source);
    const opened = openRegistry(config, () => pipeline?.channels.map((channel) => channel.name));
    const registry = await opened.registry.read();
    const found: Problem[] = [
      ...problems,
      ...registry.problems,
      ...itemProblems(config, registry.clusters),
      ...profileProblems(config, pipeline?.channels ?? []),
      ...(await storeProblems(config)),
      ...(await signingProblems(config)),
    ];
    say('reading the configuration repository');
    const branches = pipeline === undefined ? [] : pipeline.channels;
    const repository = await readHeads(config, source, branches);
    found.push(...repository.problems);
    const { clusters, accounts } = registry;
    let rendered = 0;
    const named =
      'file' in config.pipeline ? config.pipeline.file : `${config.pipeline.branch}:${config.pipeline.repositoryFile}`;
    const warnings = pipeline === undefined ? [] : waveWarnings(named, pipeline, clusters);
    if (options.render && pipeline !== undefined && repository.problems.length === 0) {
      const result = await renderAll(
        config,
        { source, further, standIns: options.standIns },
        { pipeline, clusters, accounts, heads: repository.heads },
        say,
      );
      found.push(...result.problems);
      ({ rendered } = result);
      warnings.push(...result.warnings);
    }
    return { problems: found, pipeline, clusters, accounts, heads: repository.heads, rendered, warnings };
  });
}

/** Config items that the daemon itself reads; a template checks its own. */
function itemProblems(config: DaemonConfig, clusters: Cluster[]): Problem[] {
  return clusters.flatMap((cluster) => {
    const scopes = [
      {
        path: '',
        problems: [
          ...policyProblems(cluster.configItems),
          ...applyItemProblems(cluster.configItems),
          ...checkItemProblems(cluster),
        ],
      },
      ...cluster.nodePools.map((pool) => ({
        path: `node_pools.${pool.name}.`,
        problems: surgeProblems(pool.configItems),
      })),
    ];
    return scopes.flatMap(({ path, problems }) =>
      problems.map(({ item, message, remedy }) => ({
        file: config.registry.kind === 'http' ? config.registry.url : config.registry.path,
        path: `${path}config_items.${item}`,
        message: `${message} (cluster ${cluster.alias})`,
        remedy,
      })),
    );
  });
}

/** A typo here would silently weaken a gate: what checks read is held against what they know. */
function checkItemProblems(cluster: Cluster): { item: string; message: string; remedy: string }[] {
  const unknown = unknownCapabilities(new CheckSettings(cluster)).map((name) => {
    const near = nearMatches(name, capabilities);
    return {
      item: 'e2e_expects',
      message: `'${name}' is nothing that a cluster can be expected to offer`,
      remedy: near.length === 0 ? 'clm e2e list --capabilities names all' : `write ${near.join(' or ')}`,
    };
  });
  const schedule = parseSchedule(cluster.configItems['e2e_periodic'] ?? 'off');
  const unheardOf = schedule.profiles.filter(({ profile }) => profiles[profile] === undefined);
  return [
    ...unknown,
    ...schedule.problems.map((message) => ({
      item: 'e2e_periodic',
      message,
      remedy: "write 'off', or profiles with spans: periodic=5m core=6h",
    })),
    ...unheardOf.map(({ profile }) => profileProblem('e2e_periodic', profile)),
  ];
}

function profileProblem(item: string, profile: string): { item: string; message: string; remedy: string } {
  return {
    item,
    message: `there is no profile of checks called '${profile}'`,
    remedy: `write one of ${Object.keys(profiles).join(', ')}`,
  };
}

/** Profiles that the pipeline names. */
function profileProblems(config: DaemonConfig, channels: ChannelPolicy[]): Problem[] {
  const file = 'file' in config.pipeline ? config.pipeline.file : config.pipeline.repositoryFile;
  return channels.flatMap((channel, index) => {
    const named = [
      { path: `channels[${index}].e2e`, profile: channel.e2eProfile },
      { path: `channels[${index}].e2e.midRoll`, profile: channel.e2eGate?.midRoll },
      ...(channel.periodic ?? []).map(({ profile }) => ({ path: `channels[${index}].periodic`, profile })),
    ];
    return named.flatMap(({ path, profile }) => {
      if (profile === undefined || profiles[profile] !== undefined) return [];
      const { message, remedy } = profileProblem(path, profile);
      return [{ file, path, message: `${message} (channel ${channel.name})`, remedy }];
    });
  });
}

async function storeProblems(config: DaemonConfig): Promise<Problem[]> {
  if (!existsSync(config.store.path)) return [];
  try {
    await (await openSqliteStore({ path: config.store.path, readonly: true })).close();
    return [];
  } catch (error) {
    // An older schema is what the daemon's own start migrates.
    if (error instanceof FailureError && error.failure.code === 'store-older') return [];
    return [failureProblem(config.store.path, error)];
  }
}

/** What a daemon recorded; undefined where there is nothing that can be read: `storeProblems` says why. */
async function recordedStore(config: DaemonConfig): Promise<Store | undefined> {
  if (!existsSync(config.store.path)) return undefined;
  try {
    return await openSqliteStore({ path: config.store.path, readonly: true });
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return undefined;
  }
}

/** A key that cannot sign would be noticed at the first move of a branch, which is too late. */
async function signingProblems({ file, configRepository }: DaemonConfig): Promise<Problem[]> {
  const { signingKey } = configRepository;
  if (signingKey === undefined) return [];
  try {
    await createSshSigner(signingKey).sign('can this key sign?');
    return [];
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const remedy = `name a private ssh key without passphrase, readable for this user alone; clm explain ${error.failure.code}`;
    return [{ file, path: 'configRepository.signingKey', message: error.failure.message, remedy }];
  }
}

async function readHeads(
  config: DaemonConfig,
  source: ChannelSource,
  channels: ChannelPolicy[],
): Promise<{ heads: Record<string, string>; problems: Problem[] }> {
  const { url } = config.configRepository;
  try {
    const { heads, problems } = await source.fetch(
      channels.map((channel) => channel.branch),
      {},
    );
    const found = problems.map((problem) => ({
      file: url,
      message: problem.message,
      remedy: `create it: git push ${url} <commit>:refs/heads/${problem.branch}`,
    }));
    for (const head of heads) {
      try {
        await source.commitInfo(head.commit);
      } catch (error) {
        found.push(failureProblem(`${url} (${head.branch})`, error));
      }
    }
    return { heads: Object.fromEntries(heads.map((head) => [head.branch, head.commit])), problems: found };
  } catch (error) {
    return { heads: {}, problems: [failureProblem(url, error)] };
  }
}

interface RenderedFrom {
  source: ChannelSource;
  further: readonly FurtherSource[];
  standIns: CloudLookups | undefined;
}

async function renderAll(
  config: DaemonConfig,
  { source, further, standIns }: RenderedFrom,
  input: { pipeline: Pipeline; clusters: Cluster[]; accounts: InfrastructureAccount[]; heads: Record<string, string> },
  say: (message: string) => void,
): Promise<{ problems: Problem[]; warnings: Problem[]; rendered: number }> {
  const store = await recordedStore(config);
  const record = createLookupRecord(store, undefined, () => 0);
  const render = createRender({
    source,
    further,
    path: config.configRepository.path,
    accounts: () => input.accounts,
    clusters: () => input.clusters,
    record: await withEarlierAnswers(record, store),
    ...(standIns === undefined ? {} : { cloud: () => standIns }),
  });
  const problems = new Map<string, Problem>();
  const warnings = new Map<string, Problem>();
  let rendered = 0;
  for (const channel of input.pipeline.channels) {
    const commit = input.heads[channel.branch];
    if (commit === undefined) continue;
    for (const cluster of input.clusters.filter((one) => one.channel === channel.name)) {
      say(`rendering ${cluster.alias} at ${channel.name}`);
      const result = await render(cluster, commit);
      rendered += 1;
      const told = result.ok ? warnings : problems;
      for (const problem of result.ok ? (result.warnings ?? []) : result.problems) {
        const { file: name } = problem;
        // a file of a further repository is on no branch of this one
        const file = name.startsWith('@') ? name : `${channel.branch}:${config.configRepository.path}/${name}`;
        const key = `${file}:${problem.line ?? ''}:${problem.message}`;
        if (told.size < renderProblemCap && !told.has(key)) {
          told.set(key, { ...problem, file, message: `${problem.message} (for cluster ${cluster.alias})` });
        }
      }
    }
  }
  await store?.close();
  return { problems: [...problems.values()], warnings: [...warnings.values()], rendered };
}

function failureProblem(file: string, error: unknown): Problem {
  if (!(error instanceof FailureError)) throw error;
  return { file, message: error.failure.message, remedy: `clm explain ${error.failure.code}` };
}
