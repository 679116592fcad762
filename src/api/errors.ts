/** What the API answers when it does not do what was asked. */
import type { z } from 'zod';
import type { Problem } from '../domain/problem.ts';

export interface ErrorBody {
  error: {
    /** Stable, kebab-case. */
    code: string;
    message: string;
    problems: Problem[];
    /** Names that look like the unknown one. */
    near: string[];
  };
}

export class ApiError extends Error {
  readonly status: number;
  readonly body: ErrorBody;

  constructor(status: number, code: string, message: string, more: { problems?: Problem[]; near?: string[] } = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.body = { error: { code, message, problems: more.problems ?? [], near: more.near ?? [] } };
  }
}

export function unknownSubject(kind: string, name: string, near: string[]): ApiError {
  const hint = near.length === 0 ? '' : ` Near: ${near.join(', ')}.`;
  return new ApiError(404, 'unknown-subject', `There is no ${kind} '${name}'.${hint}`, { near });
}

/** The library's words for a limit, as a person says them; messages of our own stay. */
function plainMessage(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_big' && issue.message.startsWith('Too big')) return `is more than ${issue.maximum}`;
  if (issue.code === 'too_small' && issue.message.startsWith('Too small')) return `is less than ${issue.minimum}`;
  if (issue.code === 'invalid_value' && issue.message.startsWith('Invalid')) return 'is none of what is possible';
  if (issue.code === 'invalid_union' && issue.message.startsWith('Invalid')) return 'is none of what is possible';
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid')) {
    return issue.message.endsWith('received undefined')
      ? 'is missing'
      : `is no ${typeNames[issue.expected] ?? issue.expected}`;
  }
  return issue.message;
}

const typeNames: Record<string, string> = {
  string: 'text',
  int: 'whole number',
  boolean: 'true or false',
  array: 'list',
};

function remedyFor(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return 'leave it out, or correct its spelling';
  if (issue.code === 'invalid_value') return `use one of: ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_union' && issue.inclusive !== false && issue.options !== undefined)
    return `use one of: ${issue.options.map(String).join(', ')}`;
  return 'see GET /v1/openapi.json';
}

/** Every issue of a refused body or query as a problem; `where` is `body` or `query`. */
export function inputProblems(where: string, error: z.ZodError): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    return paths.map((path) => ({
      file: '-',
      path: [where, ...path.map(String)].join('.'),
      message: issue.code === 'unrecognized_keys' ? 'is not a known field' : plainMessage(issue),
      remedy: remedyFor(issue),
    }));
  });
}
