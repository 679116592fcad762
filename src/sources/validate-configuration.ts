import { readFile } from 'node:fs/promises';
import type { Cluster, InfrastructureAccount } from '../domain/cluster.ts';
import type { Problem } from '../domain/problem.ts';
import { parsePipeline } from './pipeline/parse-pipeline.ts';
import { openDirectoryRegistry } from './registry/directory-registry.ts';

/** What a renderer answers, as far as validation needs it; `createRenderer().render` fits. */
type RenderForValidation = (input: {
  cluster: Cluster;
  tree: ReadonlyMap<string, string>;
  commit: string;
  account?: InfrastructureAccount;
}) => { ok: true } | { ok: false; problems: Problem[] };

export interface ValidationInput {
  /** Holds `clusters/` and `registry/infrastructure-accounts.yaml`. */
  registryDir: string;
  pipelineFile: string;
  /** The channel configuration, and how it is called in problems: `channels/cluster`. Not checked when absent. */
  configuration?: { tree: ReadonlyMap<string, string>; name: string; render: RenderForValidation };
}

/**
 * Everything that is wrong with pipeline, registry and channel configuration, at once. A problem of a template that many
 * clusters share is listed once, with how many clusters it stops. Empty when all is well.
 */
export async function validateConfiguration(input: ValidationInput): Promise<Problem[]> {
  const problems: Problem[] = [];
  const channels = await validatePipeline(input.pipelineFile, problems);
  const registry = openDirectoryRegistry({
    directory: input.registryDir,
    ...(channels === undefined ? {} : { channels }),
  });
  const view = await registry.read();
  problems.push(...view.problems);
  if (view.clusters.length === 0 && view.problems.length === 0) {
    problems.push({
      file: input.registryDir,
      message: 'the registry has no clusters',
      remedy: 'write one file a cluster below clusters/',
    });
  }
  if (input.configuration !== undefined)
    problems.push(...renderProblems(view.clusters, view.accounts, input.configuration));
  return problems;
}

async function validatePipeline(file: string, problems: Problem[]): Promise<string[] | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    problems.push({
      file,
      message: `${file} cannot be read (${code})`,
      remedy: 'create the file, or correct the path',
    });
    return undefined;
  }
  const result = parsePipeline(file, text);
  if (result.ok) return result.pipeline.channels.map((channel) => channel.name);
  problems.push(...result.problems);
  return undefined;
}

function renderProblems(
  clusters: Cluster[],
  accounts: InfrastructureAccount[],
  configuration: NonNullable<ValidationInput['configuration']>,
): Problem[] {
  const { tree, name, render } = configuration;
  const problems: Problem[] = [];
  for (const path of tree.keys()) {
    if (/^manifests\/[^/]+\.ya?ml$/.test(path) && path !== 'manifests/deletions.yaml') {
      const message = `${path} belongs to no component and is not applied`;
      problems.push({ file: `${name}/${path}`, message, remedy: 'move it into a directory below manifests/' });
    }
  }
  const byAccount = new Map(accounts.map((account) => [account.id, account]));
  const shared = new Map<string, { problem: Problem; aliases: string[] }>();
  for (const cluster of clusters) {
    const account = byAccount.get(cluster.infrastructureAccount);
    const outcome = render({ cluster, tree, commit: 'validation', ...(account === undefined ? {} : { account }) });
    if (outcome.ok) continue;
    for (const problem of outcome.problems) {
      const key = `${problem.file}:${problem.line ?? ''}:${problem.message}`;
      const known = shared.get(key);
      if (known === undefined) shared.set(key, { problem, aliases: [cluster.alias] });
      else known.aliases.push(cluster.alias);
    }
  }
  for (const { problem, aliases } of shared.values()) {
    const affected =
      aliases.length === clusters.length
        ? 'every cluster'
        : aliases.length === 1
          ? aliases[0]
          : `${aliases.length} clusters, ${aliases[0]} for one`;
    problems.push({ ...problem, file: `${name}/${problem.file}`, message: `${problem.message}; stops ${affected}` });
  }
  return problems;
}
