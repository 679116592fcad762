import { type RenderingOutcome, renderCluster } from './cluster-rendering.ts';
import { type ConfigurationTree, configurationTree } from './configuration-tree.ts';
import type { RenderInput } from './render-input.ts';

export interface Renderer {
  /** Pure: the same input gives the same result, whatever was rendered before. Problems name files relative to the tree. */
  render: (input: RenderInput) => RenderingOutcome;
  /** The same, unit by unit: each `next()` holds the thread for some milliseconds. */
  begin: (input: RenderInput) => Generator<void, RenderingOutcome>;
}

/**
 * Renders the channel configuration for a cluster. Parsed templates and what they gave are kept between calls, within limits:
 * a template is executed again only when something that it read has changed.
 */
export function createRenderer(): Renderer {
  // one tree is rendered for every cluster of a channel
  const trees = new WeakMap<ReadonlyMap<string, string>, ConfigurationTree>();
  const begin = (input: RenderInput): Generator<void, RenderingOutcome> => {
    let tree = trees.get(input.tree);
    if (tree === undefined) {
      tree = configurationTree(input.tree);
      trees.set(input.tree, tree);
    }
    return renderCluster(tree, input);
  };
  return {
    begin,
    render(input) {
      const units = begin(input);
      for (;;) {
        const unit = units.next();
        if (unit.done === true) return unit.value;
      }
    },
  };
}
