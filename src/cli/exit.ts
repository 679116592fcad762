/** How a command ends: codes that scripts rely on, and the one error that carries them. */
import { describeProblem, type Problem } from '../domain/problem.ts';

export const exitCodes = {
  well: 0,
  failed: 1,
  badInput: 2,
  /** Blocked, or refused by a gate. */
  refused: 3,
  unreachable: 4,
} as const;

export class CliError extends Error {
  readonly exitCode: number;
  readonly problems: Problem[];

  constructor(exitCode: number, message: string, problems: Problem[] = []) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.problems = problems;
  }
}

export function badInput(message: string, problems: Problem[] = []): CliError {
  return new CliError(exitCodes.badInput, message, problems);
}

const shownProblems = 50;

/** The error as people read it: the sentence, then every problem with its place and remedy. */
export function errorText(error: CliError): string {
  const lines = [`clm: ${error.message}`];
  for (const problem of error.problems.slice(0, shownProblems)) lines.push(`  ${describeProblem(problem)}`);
  const omitted = error.problems.length - shownProblems;
  if (omitted > 0) lines.push(`  and ${omitted} more`);
  return `${lines.join('\n')}\n`;
}
