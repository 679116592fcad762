import type { NodePool } from '../domain/cluster.ts';
import type { LookupQuestion } from '../domain/lookups.ts';
import { LookupNeeded } from '../domain/lookups.ts';
import type { Problem } from '../domain/problem.ts';
import type { RenderedCluster, RenderedComponent, RenderedStack } from '../domain/rendered.ts';
import { ClusterContext } from './cluster-context.ts';
import type { ConfigurationTree } from './configuration-tree.ts';
import { renderDeletions } from './deletion-units.ts';
import { renderComponent, renderKarpenterPool } from './manifest-units.ts';
import type { RenderInput } from './render-input.ts';
import { renderExtraStacks, renderMainStacks, renderPoolStack } from './stack-units.ts';
import { isKarpenterPool } from './template-data.ts';
import { RenderingError } from './template-file.ts';
import { maxProblems } from './template-run.ts';
import { clusterDigest } from './unit-digest.ts';

export type RenderingOutcome =
  | { ok: true; rendered: RenderedCluster; redact: (text: string) => string; warnings: Problem[] }
  | { ok: false; problems: Problem[]; needs: { lookups: LookupQuestion[]; secrets: string[] } };

/**
 * Renders one commit for one cluster, and collects every problem and every open question. It may be left off at each `yield`, behind
 * a unit, and be gone on with later: others may render meanwhile.
 */
export function* renderCluster(tree: ConfigurationTree, input: RenderInput): Generator<void, RenderingOutcome> {
  const problems: Problem[] = [];
  const asked: LookupQuestion[] = [];
  /** Goes on with the next unit after a failure: all problems at once. */
  const attempt = <Result>(render: () => Result, instead: Result): Result => {
    try {
      return render();
    } catch (error) {
      if (error instanceof LookupNeeded) {
        asked.push(error.question);
        return instead;
      }
      if (!(error instanceof RenderingError)) throw error;
      problems.push(...error.problems);
      return instead;
    }
  };
  const context = attempt(() => new ClusterContext(tree, input), undefined);
  // defaults may ask, too, and nothing can be told of the cluster before they are answered
  if (context === undefined) return failure(problems, undefined, asked);
  if (context.missingSecrets.length > 0) return failure([], context);
  yield;

  const { cluster } = input;
  const stacks: RenderedStack[] = [...attempt(() => renderMainStacks(context), [])];
  yield;
  stacks.push(...attempt(() => renderExtraStacks(context), []));
  yield;
  const pools: RenderedCluster['pools'] = [];
  const karpenterPools: RenderedCluster['karpenterPools'] = [];
  const poolComponents: RenderedComponent[] = [];
  const renderPool = (pool: NodePool): void => {
    if (isKarpenterPool(pool)) {
      const { component, rendered } = renderKarpenterPool(context, pool);
      poolComponents.push(component);
      karpenterPools.push(rendered);
      return;
    }
    const { stack, rendered } = renderPoolStack(context, pool);
    stacks.push(stack);
    pools.push(rendered);
  };
  for (const pool of cluster.nodePools) {
    attempt(() => renderPool(pool), undefined);
    yield;
  }
  const components: RenderedComponent[] = [];
  for (const component of tree.components) {
    const rendered = attempt(() => renderComponent(context, component), undefined);
    if (rendered !== undefined) components.push(rendered);
    yield;
  }
  const none = { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] };
  const deletions = attempt(() => renderDeletions(context), none);
  if (problems.length > 0 || context.run.lookups.needed.size > 0) return failure(problems, context);
  // Karpenter's own definitions are among the manifests, so its pools come behind them
  const units = { stacks, components: [...components, ...poolComponents], pools, karpenterPools, deletions };
  const { kubernetesVersion } = context;
  const rendered = {
    clusterId: cluster.id,
    commit: input.commit,
    digest: clusterDigest(units),
    ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
    ...units,
  };
  return {
    ok: true,
    rendered,
    redact: context.redact,
    warnings: context.warnings.map((one) => told(one, context.redact)),
  };
}

function failure(
  problems: readonly Problem[],
  context: ClusterContext | undefined,
  asked: readonly LookupQuestion[] = [],
): RenderingOutcome {
  const redact = context?.redact ?? ((text: string) => text);
  const first = distinct(problems)
    .slice(0, maxProblems)
    .map((problem) => told(problem, redact));
  const lookups = first.length > 0 ? [] : [...(context?.run.lookups.needed.values() ?? asked)];
  return { ok: false, problems: first, needs: { lookups, secrets: [...(context?.missingSecrets ?? [])] } };
}

function told(problem: Problem, redact: (text: string) => string): Problem {
  return { ...problem, message: redact(problem.message), remedy: redact(problem.remedy) };
}

/** A manifest that others hash fails once for each of them. */
function distinct(problems: readonly Problem[]): Problem[] {
  const seen = new Map<string, Problem>();
  for (const problem of problems) seen.set(`${problem.file}:${problem.line ?? ''}:${problem.message}`, problem);
  return [...seen.values()];
}
