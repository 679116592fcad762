import { hash } from 'node:crypto';
import type { Problem } from '../domain/problem.ts';
import { BoundedCache } from '../support/bounded-cache.ts';
import { type ExecutionOptions, executeTemplate } from './gotemplate/evaluator.ts';
import { parseTemplate } from './gotemplate/parser.ts';
import type { Template } from './gotemplate/syntax-tree.ts';
import { TemplateError } from './gotemplate/template-error.ts';
import type { GoFunction, GoValue } from './gotemplate/value.ts';

/** A file of the configuration; parsed at its first use, and then once for all commits that have it unchanged. */
export interface TemplateFile {
  path: string;
  text: string;
  /** Digest of path and text: templates with the same key are the same template, in whichever commit. */
  key: string;
}

/** A rendering stopped by problems of the configuration or of the registry's data. */
export class RenderingError extends Error {
  readonly problems: Problem[];

  constructor(problems: Problem[]) {
    super(problems.map((problem) => problem.message).join('; '));
    this.name = 'RenderingError';
    this.problems = problems;
  }
}

const parsed = new BoundedCache<string, Template | TemplateError>({ maxEntries: 4_000, maxWeight: 32 * 1024 * 1024 });

export function templateFile(path: string, text: string): TemplateFile {
  return { path, text, key: hash('sha256', `${path}\0${text}`, 'base64url') };
}

function parse(file: TemplateFile): Template {
  // templates name their file in errors, so the path belongs to the key
  let template = parsed.get(file.key);
  if (template === undefined) {
    try {
      template = parseTemplate(file.path, file.text);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      template = error;
    }
    parsed.set(file.key, template, file.text.length);
  }
  if (template instanceof TemplateError) throw template;
  return template;
}

/** Renders a file. Throws RenderingError with the file, line and what to do. */
export function renderFile(
  file: TemplateFile,
  data: GoValue,
  functions: ReadonlyMap<string, GoFunction>,
  options: ExecutionOptions,
): string {
  try {
    return executeTemplate(parse(file), data, functions, options);
  } catch (error) {
    if (error instanceof TemplateError) throw new RenderingError([templateProblem(error)]);
    throw error;
  }
}

/** The line of the source that a line of the rendered text comes from; renders the file again to find out. */
export function sourceLineOf(
  file: TemplateFile,
  data: GoValue,
  functions: ReadonlyMap<string, GoFunction>,
  renderedLine: number,
): number | undefined {
  const segments: { output: number; source: number; literal: boolean }[] = [];
  const trace = (output: number, source: number, literal: boolean): void => {
    segments.push({ output, source, literal });
  };
  const text = executeTemplate(parse(file), data, functions, { trace });
  let offset = 0;
  for (let line = 1; line < renderedLine; line += 1) {
    const newline = text.indexOf('\n', offset);
    if (newline === -1) break;
    offset = newline + 1;
  }
  // the first character of the line that is not indentation says where the line comes from
  while (text[offset] === ' ') offset += 1;
  const segment = segments.findLast((candidate) => candidate.output <= offset);
  if (segment === undefined) return undefined;
  const at = segment.literal ? segment.source + (offset - segment.output) : segment.source;
  return file.text.slice(0, at).split('\n').length;
}

function templateProblem(error: TemplateError): Problem {
  const at = error.excerpt === undefined ? '' : ` in {{ ${error.excerpt} }}`;
  return {
    file: error.template,
    line: error.position.line,
    message: `${error.reason}${at} (column ${error.position.column})`,
    remedy: templateRemedy(error.reason),
  };
}

function templateRemedy(reason: string): string {
  const key = /^map has no entry for key ("[^"]*")/.exec(reason)?.[1];
  if (key !== undefined)
    return `define ${key} in config-defaults.yaml, or as a config item of every cluster (and pool) that uses it`;
  const field = /^can't evaluate field (\S+) in type/.exec(reason)?.[1];
  if (field !== undefined)
    return `check the spelling of ${field}; fields are .Cluster, .Values, .NodePool and those below them`;
  if (/^function .* is not defined/.test(reason))
    return 'use a function that the template language has (docs: rendering functions)';
  if (reason.includes('is not closed') || reason.startsWith('unclosed'))
    return 'close it: each {{if}}, {{range}}, {{with}}, {{define}} needs its {{end}}';
  if (reason.startsWith('error calling')) return 'give the function what it expects, or guard the call with {{if}}';
  return 'correct the template at this place';
}
