import type { RenderResult } from '../ports/renderer.ts';
import { ClusterRendering } from './cluster-rendering.ts';
import { type ConfigurationTree, configurationTree } from './configuration-tree.ts';
import type { RenderInput } from './render-input.ts';
import { RenderingError } from './template-file.ts';

export interface Renderer {
  /** Pure: the same input gives the same result, whatever was rendered before. Problems name files relative to the tree. */
  render: (input: RenderInput) => RenderResult;
}

/**
 * Renders the channel configuration for a cluster. Parsed templates, parsed YAML and compressed user data are kept between
 * calls within limits of entries and characters.
 */
export function createRenderer(): Renderer {
  // one tree is rendered for every cluster of a channel
  const trees = new WeakMap<ReadonlyMap<string, string>, ConfigurationTree>();
  return {
    render(input) {
      let tree = trees.get(input.tree);
      if (tree === undefined) {
        tree = configurationTree(input.tree);
        trees.set(input.tree, tree);
      }
      try {
        return { ok: true, rendered: new ClusterRendering(tree, input).run() };
      } catch (error) {
        if (error instanceof RenderingError) return { ok: false, problems: error.problems };
        throw error;
      }
    },
  };
}
