import type { RenderedCluster } from '../domain/rendered.ts';
import type { ClusterContext } from './cluster-context.ts';
import { parseDeletions, parseStackDeletions } from './deletions.ts';
import { RenderingError } from './template-file.ts';
import { deletionsMemo, stackDeletionsMemo } from './unit-memos.ts';

/** What every source of the configuration wants gone, in their order. */
export function renderDeletions(context: ClusterContext): RenderedCluster['deletions'] {
  const deletions: RenderedCluster['deletions'] = {
    preApply: [],
    postApply: [],
    preApplyStacks: [],
    postApplyStacks: [],
  };
  const { inputs, run, tree } = context;
  for (const file of tree.deletions) {
    const listed = run.evaluate(deletionsMemo, file, inputs, (text) => {
      const result = parseDeletions(text);
      if (result.ok) return { ...result.deletions, ...context.noted(file, inputs, result.repeated) };
      throw new RenderingError(run.placed(file, inputs, result.problems));
    });
    context.heard(listed);
    deletions.preApply.push(...listed.preApply);
    deletions.postApply.push(...listed.postApply);
  }
  for (const file of tree.stackDeletions) {
    const listed = run.evaluate(stackDeletionsMemo, file, inputs, (text) => {
      const result = parseStackDeletions(text);
      if (result.ok) return { ...result.deletions, ...context.noted(file, inputs, result.repeated) };
      throw new RenderingError(run.placed(file, inputs, result.problems));
    });
    context.heard(listed);
    deletions.preApplyStacks.push(...listed.pre);
    deletions.postApplyStacks.push(...listed.post);
  }
  return deletions;
}
