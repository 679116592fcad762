/** Changes values of a YAML text and leaves the rest as people wrote it: comments, order, quotes. */
import { parseDocument } from 'yaml';

export interface YamlEdit {
  path: readonly PropertyKey[];
  /** undefined removes the key or item. */
  value: unknown;
}

export function editYaml(text: string, edits: readonly YamlEdit[]): string {
  const document = parseDocument(text);
  for (const { path, value } of edits) {
    if (value === undefined) document.deleteIn(path);
    else document.setIn(path, typeof value === 'object' ? document.createNode(value) : value);
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}
