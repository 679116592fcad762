/** A place in a template's source; both numbers are 1-based. */
export interface SourcePosition {
  line: number;
  column: number;
}

/** A template that does not parse, or that failed while it was executed, with the exact place in its source. */
export class TemplateError extends Error {
  readonly template: string;
  readonly position: SourcePosition;
  /** The sentence without the place. */
  readonly reason: string;
  /** Source text of the expression that failed, shortened; absent for syntax errors. */
  readonly excerpt: string | undefined;

  constructor(template: string, position: SourcePosition, reason: string, excerpt?: string) {
    const at = excerpt === undefined ? '' : ` at <${excerpt}>`;
    super(`template: ${template}:${position.line}:${position.column}:${at === '' ? '' : ` executing${at}:`} ${reason}`);
    this.name = 'TemplateError';
    this.template = template;
    this.position = position;
    this.reason = reason;
    this.excerpt = excerpt;
  }
}

/** Thrown by template functions for bad arguments; the evaluator adds the place. */
export class TemplateFunctionError extends Error {
  /** The message repeats nothing that the function was given. */
  readonly isPublic: boolean;

  constructor(message: string, options: { isPublic?: boolean } = {}) {
    super(message);
    this.name = 'TemplateFunctionError';
    this.isPublic = options.isPublic ?? false;
  }
}

/** Line and column of an offset, counted in UTF-16 code units. */
export function positionOf(source: string, offset: number): SourcePosition {
  let line = 1;
  let lineStart = 0;
  for (;;) {
    const newline = source.indexOf('\n', lineStart);
    if (newline === -1 || newline >= offset) break;
    line += 1;
    lineStart = newline + 1;
  }
  return { line, column: offset - lineStart + 1 };
}
