import { describeProblem, type Problem } from '../../domain/problem.ts';

/** What keeps nothing from going on, and somebody should know: each with its place and what to do. Nothing where there is none. */
export function warningLines(warnings: readonly Problem[]): string[] {
  return warnings.length === 0
    ? []
    : ['', ...warnings.flatMap((one) => `Warning: ${describeProblem(one)}`.split('\n'))];
}
