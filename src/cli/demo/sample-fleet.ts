import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Cluster } from '../../domain/cluster.ts';
import type { Pipeline } from '../../domain/pipeline.ts';
import { describeProblem } from '../../domain/problem.ts';
import { createRenderer } from '../../rendering/renderer.ts';
import { parsePipeline } from '../../sources/pipeline/parse-pipeline.ts';
import { openDirectoryRegistry } from '../../sources/registry/directory-registry.ts';
import { CliError, exitCodes } from '../exit.ts';
import type { FleetMember } from './build-world.ts';
import { selectClusters } from './options.ts';

export interface SelectedFleet {
  clusters: Cluster[];
  pipeline: Pipeline;
  /** Directory in the registry's layout that holds just the selected clusters. */
  registryDirectory: string;
}

/** Copies the chosen part of the sample fleet, and its accounts, into a registry directory of the demo's own. */
export async function writeSelectedFleet(input: {
  projectRoot: string;
  directory: string;
  clusters: number;
}): Promise<SelectedFleet> {
  const { projectRoot, directory } = input;
  const pipelineFile = join(projectRoot, 'channels', 'pipeline.demo.yaml');
  const parsed = parsePipeline('channels/pipeline.demo.yaml', await readFile(pipelineFile, 'utf8'));
  if (!parsed.ok) throw new CliError(exitCodes.badInput, 'the demo pipeline is not valid', parsed.problems);
  const channels = parsed.pipeline.channels.map((channel) => channel.name);
  const all = await openDirectoryRegistry({ directory: projectRoot, channels: () => channels }).read();
  if (all.problems.length > 0) throw new CliError(exitCodes.badInput, 'the sample fleet is not valid', all.problems);
  const chosen = new Set(selectClusters(all.clusters, input.clusters).map((cluster) => cluster.id));
  const registryDirectory = join(directory, 'registry');
  await mkdir(join(registryDirectory, 'clusters'), { recursive: true });
  await mkdir(join(registryDirectory, 'registry'), { recursive: true });
  await cp(
    join(projectRoot, 'registry', 'infrastructure-accounts.yaml'),
    join(registryDirectory, 'registry', 'infrastructure-accounts.yaml'),
  );
  for (const file of await readdir(join(projectRoot, 'clusters'))) {
    const text = await readFile(join(projectRoot, 'clusters', file), 'utf8');
    const id = /^id: *"?([^"\n]+)"?$/m.exec(text)?.[1];
    if (id !== undefined && chosen.has(id))
      await cp(join(projectRoot, 'clusters', file), join(registryDirectory, 'clusters', file));
  }
  const clusters = all.clusters.filter((cluster) => chosen.has(cluster.id));
  return { clusters, pipeline: parsed.pipeline, registryDirectory };
}

/** Renders the channel configuration in a directory for each cluster. */
export async function renderFleet(configuration: string, clusters: Cluster[], commit: string): Promise<FleetMember[]> {
  const tree = await readTree(configuration);
  const renderer = createRenderer();
  return clusters.map((cluster) => {
    const outcome = renderer.render({ cluster, tree, commit });
    if (outcome.ok) return { cluster, rendered: outcome.rendered };
    throw new CliError(exitCodes.badInput, outcome.problems.map(describeProblem).join('\n'), outcome.problems);
  });
}

async function readTree(directory: string): Promise<Map<string, string>> {
  const tree = new Map<string, string>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    tree.set(relative(directory, path), await readFile(path, 'utf8'));
  }
  return tree;
}
