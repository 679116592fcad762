import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The channel configuration that the project ships, by path below its directory. */
export function shippedConfiguration(): Map<string, string> {
  return treeOf(join(import.meta.dirname, '../../channels/cluster'));
}

/** Files by path below the directory. */
export function treeOf(directory: string, prefix = ''): Map<string, string> {
  const tree = new Map<string, string>();
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) for (const [name, text] of treeOf(path, `${prefix}${entry.name}/`)) tree.set(name, text);
    else tree.set(prefix + entry.name, readFileSync(path, 'utf8'));
  }
  return tree;
}
