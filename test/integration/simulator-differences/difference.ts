/**
 * One known difference between the simulator and what it stands for. Its id stands in docs/simulator-differences.md, in the section
 * that the table of differences names.
 */
export interface Difference {
  id: string;
  /** Looks at the simulator: true while it still differs from the real thing. */
  differs(): boolean | Promise<boolean>;
}

/** What keeps a served endpoint as the real one is: a test, by file and title, or else a known difference. */
export type Coverage = { test: string; title: string } | { difference: string };

export interface ListedDifference {
  section: string;
  /** Undefined for a line that carries none. */
  id: string | undefined;
  text: string;
}

/** The lines of the document, by section: ``- `id` text``. */
export function listedDifferences(document: string): ListedDifference[] {
  const found: ListedDifference[] = [];
  let section = '';
  for (const line of document.split('\n')) {
    if (line.startsWith('## ')) section = line.slice(3).trim();
    else if (line.startsWith('- ')) {
      const id = /^- `([a-z0-9-]+)` /.exec(line)?.[1];
      found.push({ section, id, text: line });
    }
  }
  return found;
}
