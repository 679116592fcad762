/** One thing that is wrong with an input file, API body or git state: where it is and what to write instead. */
export interface Problem {
  /** File as the user knows it, `-` for none (an API body, say). */
  file: string;
  /** 1-based; absent when the problem is the whole file. */
  line?: number;
  /** Path inside the document: `clusters[3].node_pools[0].min_size`. */
  path?: string;
  message: string;
  /** What to write or do instead. */
  remedy: string;
}

export function describeProblem(problem: Problem): string {
  const place = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
  const path = problem.path ? ` ${problem.path}:` : '';
  return `${place}:${path} ${problem.message}\n    → ${problem.remedy}`;
}
