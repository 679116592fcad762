/** A fleet of any size on disk, made of copies of the sample clusters, that has long been at one commit. */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConfigRepository, createConfigRepository } from '../../src/cli/demo/config-repository.ts';
import { renderFleet } from '../../src/cli/demo/sample-fleet.ts';
import type { Cluster } from '../../src/domain/cluster.ts';
import type { Pipeline } from '../../src/domain/pipeline.ts';
import { clusterVersion } from '../../src/domain/rendered.ts';
import { type ClusterFact, evidenceKey } from '../../src/planning/pipeline/facts.ts';
import { allDigests } from '../../src/planning/pipeline/update-plan.ts';
import type { FactWrite } from '../../src/ports/store.ts';
import { parsePipeline } from '../../src/sources/pipeline/parse-pipeline.ts';
import { openDirectoryRegistry } from '../../src/sources/registry/directory-registry.ts';
import { projectRoot } from '../../src/support/project.ts';

const checksPassed = 5;

export interface LargeFleet {
  directory: string;
  registry: string;
  pipelineFile: string;
  pipeline: Pipeline;
  clusters: Cluster[];
  repository: ConfigRepository;
}

/** Copies of the sample fleet, `clusters` in all, with their proportions of channels. */
export async function writeLargeFleet(directory: string, clusters: number): Promise<LargeFleet> {
  const registry = join(directory, 'registry');
  await mkdir(join(registry, 'clusters'), { recursive: true });
  await mkdir(join(registry, 'registry'), { recursive: true });
  const accounts = join('registry', 'infrastructure-accounts.yaml');
  await cp(join(projectRoot, accounts), join(registry, accounts));
  const files = (await readdir(join(projectRoot, 'clusters'))).sort();
  for (let index = 0; index < clusters; index++) {
    const copy = Math.floor(index / files.length);
    const text = await readFile(join(projectRoot, 'clusters', files[index % files.length] as string), 'utf8');
    const renamed =
      copy === 0
        ? text
        : text
            .replace(/^id: "?([^"\n]+)"?$/m, `id: "$1-c${copy}"`)
            .replace(/^alias: (.+)$/m, `alias: $1-c${copy}`)
            .replace(/^local_id: (.+)$/m, `local_id: $1-c${copy}`);
    await writeFile(join(registry, 'clusters', `${index}.yaml`), renamed);
  }
  const pipelineFile = join(projectRoot, 'channels', 'pipeline.demo.yaml');
  const parsed = parsePipeline(pipelineFile, await readFile(pipelineFile, 'utf8'));
  if (!parsed.ok) throw new Error('the demo pipeline is not valid');
  const channels = parsed.pipeline.channels.map((channel) => channel.name);
  const read = await openDirectoryRegistry({ directory: registry, channels: () => channels }).read();
  if (read.problems.length > 0)
    throw new Error(`${read.problems.length} problems, the first: ${read.problems[0]?.message}`);
  const repository = await createConfigRepository({
    directory,
    channelConfiguration: join(projectRoot, 'channels', 'cluster'),
    branches: parsed.pipeline.channels.map((channel) => channel.branch),
  });
  return { directory, registry, pipelineFile, pipeline: parsed.pipeline, clusters: read.clusters, repository };
}

/** What a store knows of a fleet that was adopted and verified at the first commit. */
export async function verifiedFacts(fleet: LargeFleet, tree: string, now: number): Promise<FactWrite[]> {
  const commit = fleet.repository.initialCommit;
  const members = await renderFleet(join(projectRoot, 'channels', 'cluster'), fleet.clusters, commit);
  const profiles = new Map(fleet.pipeline.channels.map((channel) => [channel.name, channel.e2eProfile]));
  const facts: FactWrite[] = [];
  for (const { cluster, rendered } of members) {
    const key = evidenceKey(cluster.id, commit, 1);
    const version = clusterVersion(rendered);
    const value: ClusterFact = {
      adopted: true,
      currentVersion: version,
      commit,
      tree,
      digest: rendered.digest,
      digests: allDigests(rendered),
      pinned: { account: cluster.infrastructureAccount, region: cluster.region, kubeSystemUid: 'bench' },
      touched: false,
      evidence: { key, at: now, profile: profiles.get(cluster.channel) ?? '' },
      updatedAt: now,
    };
    facts.push({ kind: 'cluster', key: cluster.id, value: value });
    const evidence = {
      version,
      tree,
      result: 'passed',
      passed: checksPassed,
      failed: 0,
      failures: [],
      at: now,
      inheritedFrom: null,
    };
    facts.push({ kind: 'evidence', key, value: evidence });
  }
  const heads = Object.fromEntries(
    fleet.pipeline.channels.map((channel) => [channel.name, { commit, tree, matches: true }]),
  );
  facts.push({ kind: 'adoption', key: 'fleet', value: { actor: 'bench', at: now, heads } });
  return facts;
}
