/** How the registry's service answers: entries, refusals with every problem, and the shapes that routes share. */
import type { Problem } from '../../../domain/problem.ts';
import type { Changed, Entry, Fields, RegistryBook } from './registry-book.ts';

export interface RegistryCall {
  params: Record<string, string>;
  query: Record<string, string>;
  body: unknown;
  /** Etag of `If-Match`. */
  expected: string | undefined;
}

export interface RegistryReply {
  status: number;
  body?: unknown;
  etag?: string;
}

export type Handler = (book: RegistryBook, call: RegistryCall) => Promise<RegistryReply>;

export function reply(changed: Changed, status = 200): RegistryReply {
  switch (changed.kind) {
    case 'changed':
      return answer(changed.entry, status);
    case 'not-found':
      return notFound(changed.what);
    case 'exists':
      return { status: 409, body: problemBody(changed.message, []) };
    case 'stale':
      return {
        status: 412,
        body: problemBody('somebody else changed it: read it again', []),
        etag: changed.etag,
      };
    case 'invalid':
      return invalid(changed.problems);
  }
}

function answer({ fields, etag }: Entry, status: number): RegistryReply {
  return { status, body: fields, etag };
}

export const noObject = bodyProblem(
  'body',
  'is no object with the fields of the registry',
  'send one JSON object with an id',
);

export function notFound(what: string): RegistryReply {
  return { status: 404, body: problemBody(`the registry has no ${what}`, []) };
}

export function invalid(problems: Problem[]): RegistryReply {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return { status: 400, body: problemBody(`the request has ${count}; nothing was changed`, problems) };
}

export function problemBody(message: string, problems: Problem[]): { message: string; problems: Problem[] } {
  return { message, problems };
}

export function bodyProblem(path: string, message: string, remedy: string): Problem {
  return { file: '-', path, message, remedy };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
