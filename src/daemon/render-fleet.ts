/** Renders a commit, or each channel's head, for chosen clusters; touches nothing that a daemon works on. */
import type { Cluster } from '../domain/cluster.ts';
import type { Problem } from '../domain/problem.ts';
import type { RenderedCluster } from '../domain/rendered.ts';
import type { Logger } from '../support/logger.ts';
import type { DaemonConfig } from './config.ts';
import { FleetProblems, type FleetQuestion, lookAtFleet, noHead } from './fleet-look.ts';
import { createLookupRecord } from './lookup-record.ts';
import { createRender } from './render.ts';

export interface RenderQuestion extends FleetQuestion {
  /** Ask the cloud for what is not recorded, and decrypt. Otherwise only what a daemon recorded is known. */
  live: boolean;
}

export interface FleetMemberRendering {
  cluster: Cluster;
  commit: string;
  rendered: RenderedCluster;
  /** Replaces every secret of the cluster. */
  redact: (text: string) => string;
  /** Commits of further repositories that belong to the version. */
  sources: readonly { name: string; commit: string }[];
}

const allow = 'ask the cloud: --live';

const untouched = (text: string): string => text;

/** Calls `take` for each cluster that renders, one after the other: what a fleet renders to is not held at once. */
export async function renderFleet(
  config: DaemonConfig,
  question: RenderQuestion,
  options: { log: Logger; version: string; take: (rendering: FleetMemberRendering) => Promise<void> },
): Promise<{ problems: Problem[]; warnings: Problem[] }> {
  const result = await lookAtFleet(config, question, options, async (look) => {
    const render = createRender({
      source: look.source,
      path: config.configRepository.path,
      further: look.further,
      accounts: () => look.accounts,
      clusters: () => look.registered,
      record: createLookupRecord(look.store, undefined, () => 0),
      ...(question.live ? { cloud: (cluster: Cluster) => look.access.connectLookups(cluster) } : { allow }),
    });
    const problems = new FleetProblems();
    const warnings = new FleetProblems();
    for (const cluster of look.clusters) {
      const commit = look.commitOf(cluster);
      if (commit === undefined) {
        problems.add(noHead(config, cluster, 'render'), cluster);
        continue;
      }
      const rendering = await render(cluster, commit);
      if (rendering.ok) {
        const { rendered, redact, sources } = rendering;
        for (const warning of rendering.warnings ?? []) warnings.add(warning, cluster);
        await options.take({ cluster, commit, rendered, redact: redact ?? untouched, sources: sources ?? [] });
      } else for (const problem of rendering.problems) problems.add(problem, cluster);
    }
    return { problems: problems.list(), warnings: warnings.list() };
  });
  return 'answer' in result ? result.answer : { problems: result.problems, warnings: [] };
}
