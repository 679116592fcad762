import type { Token, TokenKind } from './lexer.ts';
import { parseNumber, unquote } from './literals.ts';
import type {
  BranchNode,
  CommandNode,
  FunctionNode,
  OperandNode,
  PipelineNode,
  StatementNode,
  Template,
  TemplateCallNode,
} from './syntax-tree.ts';
import { TokenCursor } from './token-cursor.ts';
import { charactersOf } from './value.ts';

/** Nesting of blocks and parentheses: deeper input is refused before it can exhaust the stack. */
const maxNesting = 200;

/**
 * Parses a template in the language of Go's text/template. Names of functions are recorded, and checked at execution.
 * Throws TemplateError with line and column.
 */
export function parseTemplate(name: string, text: string): Template {
  return new Parser(name, text).parse();
}

/** How a list of statements ended. */
type ListEnd = { kind: 'eof' } | { kind: 'end' | 'else'; token: Token };

class Parser {
  readonly #name: string;
  readonly #source: string;
  readonly #cursor: TokenCursor;
  readonly #definitions = new Map<string, StatementNode[]>();
  readonly #functions = new Map<string, FunctionNode>();
  #nesting = 0;
  #rangeDepth = 0;
  /** Variables in scope; what a block declares is dropped at its end. */
  #variables: string[] = ['$'];

  constructor(name: string, source: string) {
    this.#name = name;
    this.#source = source;
    this.#cursor = new TokenCursor(name, source);
  }

  parse(): Template {
    const body: StatementNode[] = [];
    const end = this.#parseList(body, true);
    if (end.kind !== 'eof') this.#cursor.unexpected(end.token, 'outside of any block');
    return {
      name: this.#name,
      source: this.#source,
      body,
      definitions: this.#definitions,
      functions: this.#functions,
    };
  }

  #parseList(into: StatementNode[], top = false): ListEnd {
    for (;;) {
      const token = this.#cursor.take();
      if (token.kind === 'eof') return { kind: 'eof' };
      if (token.kind === 'text') {
        into.push({ kind: 'text', start: token.start, end: token.end, text: token.text });
        continue;
      }
      this.#cursor.skipSpace();
      const word = this.#cursor.peek();
      if (word.kind !== 'keyword') {
        const pipeline = this.#parsePipeline('command', 'close');
        into.push({ kind: 'action', start: token.start, end: pipeline.end, pipeline });
        continue;
      }
      this.#cursor.take();
      if (word.text === 'end') {
        this.#cursor.close('end');
        return { kind: 'end', token: word };
      }
      if (word.text === 'else') return { kind: 'else', token: word };
      if (word.text === 'define') {
        if (!top) this.#cursor.fail(word, 'define is only allowed at the top level of a template');
        this.#parseDefinition(word);
      } else into.push(this.#parseKeyword(word));
    }
  }

  #parseKeyword(word: Token): StatementNode {
    switch (word.text) {
      case 'if':
      case 'with':
      case 'range':
        return this.#parseBranch(word.text, word);
      case 'template':
        return this.#parseTemplateCall(word);
      case 'block':
        return this.#parseBlock(word);
      default: {
        const kind = word.text === 'break' ? 'break' : 'continue';
        if (this.#rangeDepth === 0) this.#cursor.fail(word, `${kind} outside of range`);
        this.#cursor.close(kind);
        return { kind, start: word.start, end: word.end };
      }
    }
  }

  #parseBranch(kind: BranchNode['kind'], word: Token): BranchNode {
    return this.#nested(word, () => {
      const scope = this.#variables.length;
      const pipeline = this.#parsePipeline(kind, 'close');
      const body: StatementNode[] = [];
      if (kind === 'range') this.#rangeDepth += 1;
      const end = this.#parseList(body);
      if (kind === 'range') this.#rangeDepth -= 1;
      const otherwise = this.#parseOtherwise(kind, word, end);
      this.#variables.length = scope;
      return { kind, start: word.start, end: pipeline.end, pipeline, body, otherwise };
    });
  }

  #parseOtherwise(kind: BranchNode['kind'], word: Token, end: ListEnd): StatementNode[] | undefined {
    if (end.kind === 'eof') this.#cursor.fail(word, `${kind} is not closed: {{end}} is missing`);
    if (end.kind === 'end') return undefined;
    this.#cursor.skipSpace();
    const next = this.#cursor.peek();
    if (kind !== 'range' && next.kind === 'keyword' && next.text === kind) {
      // `else if` shares the {{end}} of the outer branch
      this.#cursor.take();
      return [this.#parseBranch(kind, next)];
    }
    this.#cursor.close('else');
    const otherwise: StatementNode[] = [];
    const last = this.#parseList(otherwise);
    if (last.kind === 'eof') this.#cursor.fail(word, `${kind} is not closed: {{end}} is missing`);
    if (last.kind === 'else') this.#cursor.fail(last.token, `unexpected second else of one ${kind}`);
    return otherwise;
  }

  #parseDefinition(word: Token): void {
    const name = this.#parseName('define');
    this.#cursor.close('define');
    this.#addDefinition(word, name, this.#parseDefinitionBody(word));
  }

  #parseBlock(word: Token): TemplateCallNode {
    const name = this.#parseName('block');
    const pipeline = this.#parsePipeline('block', 'close');
    this.#addDefinition(word, name, this.#parseDefinitionBody(word));
    return { kind: 'template', start: word.start, end: pipeline.end, name, pipeline };
  }

  /** A definition has its own variables and is inside no range. */
  #parseDefinitionBody(word: Token): StatementNode[] {
    return this.#nested(word, () => {
      const [variables, rangeDepth] = [this.#variables, this.#rangeDepth];
      this.#variables = ['$'];
      this.#rangeDepth = 0;
      const body: StatementNode[] = [];
      const end = this.#parseList(body);
      if (end.kind === 'eof') this.#cursor.fail(word, `${word.text} is not closed: {{end}} is missing`);
      if (end.kind === 'else') this.#cursor.fail(end.token, `unexpected else in ${word.text}`);
      this.#variables = variables;
      this.#rangeDepth = rangeDepth;
      return body;
    });
  }

  #addDefinition(word: Token, name: string, body: StatementNode[]): void {
    const earlier = this.#definitions.get(name);
    const isEmpty = (list: StatementNode[]): boolean => list.every((s) => s.kind === 'text' && s.text.trim() === '');
    if (earlier !== undefined && !isEmpty(earlier)) {
      if (isEmpty(body)) return;
      this.#cursor.fail(word, `template ${JSON.stringify(name)} is defined twice`);
    }
    this.#definitions.set(name, body);
  }

  #parseTemplateCall(word: Token): TemplateCallNode {
    const name = this.#parseName('template');
    if (this.#cursor.peek().kind === 'close') {
      const close = this.#cursor.take();
      return { kind: 'template', start: word.start, end: close.start, name, pipeline: undefined };
    }
    const pipeline = this.#parsePipeline('template', 'close');
    return { kind: 'template', start: word.start, end: pipeline.end, name, pipeline };
  }

  #parseName(context: string): string {
    this.#cursor.skipSpace();
    const token = this.#cursor.take();
    if (token.kind !== 'string' && token.kind !== 'raw-string')
      this.#cursor.unexpected(token, `in ${context}: a quoted name is needed`);
    const name = this.#stringValue(token);
    this.#cursor.skipSpace();
    return name;
  }

  #parsePipeline(context: string, until: TokenKind): PipelineNode {
    this.#cursor.skipSpace();
    const start = this.#cursor.peek();
    const { variables, assigns } = this.#parseVariables(context);
    const commands: CommandNode[] = [];
    for (;;) {
      this.#cursor.skipSpace();
      const token = this.#cursor.peek();
      if (token.kind === until) {
        const end = commands.at(-1)?.end ?? token.start;
        if (commands.length === 0) this.#cursor.fail(token, `missing value for ${context}`);
        this.#cursor.take();
        // a variable is in scope behind its own declaration only
        if (!assigns) this.#variables.push(...variables);
        return { kind: 'pipeline', start: start.start, end, variables, assigns, commands };
      }
      commands.push(this.#parseCommand(context, commands.length));
    }
  }

  #parseVariables(context: string): { variables: string[]; assigns: boolean } {
    const begin = this.#cursor.position;
    const variables: string[] = [];
    while (this.#cursor.peek().kind === 'variable') {
      const variable = this.#cursor.take();
      this.#cursor.skipSpace();
      const next = this.#cursor.peek();
      if (next.kind === 'comma' && context === 'range' && variables.length === 0) {
        variables.push(variable.text);
        this.#cursor.take();
        this.#cursor.skipSpace();
        if (this.#cursor.peek().kind !== 'variable')
          this.#cursor.unexpected(this.#cursor.peek(), 'in range: a variable is needed');
        continue;
      }
      if (next.kind === 'declare' || next.kind === 'assign') {
        this.#cursor.take();
        variables.push(variable.text);
        if (next.kind === 'assign') this.#requireVariables(variables, variable);
        return { variables, assigns: next.kind === 'assign' };
      }
      if (next.kind === 'comma') this.#cursor.fail(next, `too many variables in ${context}`);
      break;
    }
    if (variables.length > 0) this.#cursor.unexpected(this.#cursor.peek(), 'in range: := or = is needed');
    this.#cursor.position = begin;
    return { variables: [], assigns: false };
  }

  #requireVariables(names: string[], token: Token): void {
    for (const name of names) {
      if (!this.#variables.includes(name)) this.#cursor.fail(token, `undefined variable ${name}`);
    }
  }

  #parseCommand(context: string, stage: number): CommandNode {
    const operands: OperandNode[] = [];
    for (;;) {
      this.#cursor.skipSpace();
      const token = this.#cursor.peek();
      if (token.kind === 'close' || token.kind === 'right-paren') break;
      if (token.kind === 'pipe') {
        this.#cursor.take();
        this.#cursor.skipSpace();
        const next = this.#cursor.peek();
        if (next.kind === 'close' || next.kind === 'right-paren')
          this.#cursor.fail(next, `missing value for ${context}: nothing follows |`);
        break;
      }
      operands.push(this.#parseOperand(context));
      const after = this.#cursor.peek();
      if (!['space', 'close', 'right-paren', 'pipe'].includes(after.kind))
        this.#cursor.unexpected(after, 'behind an operand');
    }
    const [first, last] = [operands[0], operands.at(-1)];
    if (first === undefined || last === undefined)
      this.#cursor.fail(this.#cursor.peek(), `empty command in ${context}`);
    if (stage > 0 && ['bool', 'dot', 'nil', 'number', 'string'].includes(first.kind)) {
      this.#cursor.failAt(
        first.start,
        `stage ${stage + 1} of the pipeline is not a command: ${this.#source.slice(first.start, first.end)}`,
      );
    }
    return { kind: 'command', start: first.start, end: last.end, operands };
  }

  #parseOperand(context: string): OperandNode {
    const token = this.#cursor.take();
    const operand = this.#parseTerm(token, context);
    const fields: string[] = [];
    let end = operand.end;
    while (this.#cursor.peek().kind === 'field') {
      const field = this.#cursor.take();
      fields.push(field.text);
      end = field.end;
    }
    if (fields.length === 0) return operand;
    switch (operand.kind) {
      case 'field':
      case 'variable':
        return { ...operand, end, fields: [...operand.fields, ...fields] };
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot':
        return this.#cursor.failAt(operand.end, `unexpected . after ${this.#source.slice(operand.start, operand.end)}`);
      default:
        return { kind: 'chain', start: operand.start, end, operand, fields };
    }
  }

  #parseTerm(token: Token, context: string): OperandNode {
    const { start, end } = token;
    switch (token.kind) {
      case 'dot':
        return { kind: 'dot', start, end };
      case 'nil':
        return { kind: 'nil', start, end };
      case 'bool':
        return { kind: 'bool', start, end, value: token.text === 'true' };
      case 'field':
        return { kind: 'field', start, end, fields: [token.text] };
      case 'variable':
        if (!this.#variables.includes(token.text)) this.#cursor.fail(token, `undefined variable ${token.text}`);
        return { kind: 'variable', start, end, name: token.text, fields: [] };
      case 'identifier': {
        const node: FunctionNode = { kind: 'function', start, end, name: token.text };
        if (!this.#functions.has(token.text)) this.#functions.set(token.text, node);
        return node;
      }
      case 'string':
      case 'raw-string':
        return { kind: 'string', start, end, value: this.#stringValue(token) };
      case 'number': {
        const value = parseNumber(token.text);
        if (typeof value === 'string') this.#cursor.fail(token, value);
        return { kind: 'number', start, end, text: token.text, ...value };
      }
      case 'char': {
        const value = unquote(token.text);
        if (value === undefined || charactersOf(value).length !== 1)
          this.#cursor.fail(token, `malformed character constant: ${token.text}`);
        const code = BigInt(value.codePointAt(0) as number);
        return { kind: 'number', start, end, text: token.text, integer: code, float: Number(code), ideal: code };
      }
      case 'left-paren':
        return this.#nested(token, () => {
          const pipeline = this.#parsePipeline('parenthesized pipeline', 'right-paren');
          return { ...pipeline, start, end: this.#cursor.previous().end };
        });
      default:
        return this.#cursor.unexpected(token, `in ${context}`);
    }
  }

  #stringValue(token: Token): string {
    if (token.kind === 'raw-string') return token.text.slice(1, -1).replaceAll('\r', '');
    const value = unquote(token.text);
    if (value === undefined) this.#cursor.fail(token, `invalid escape in string ${token.text}`);
    return value;
  }

  #nested<T>(token: Token, parse: () => T): T {
    if (this.#nesting >= maxNesting) this.#cursor.fail(token, `nested deeper than ${maxNesting} levels`);
    this.#nesting += 1;
    const result = parse();
    this.#nesting -= 1;
    return result;
  }
}
