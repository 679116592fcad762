import { lexTemplate, type Token } from './lexer.ts';
import { positionOf, TemplateError } from './template-error.ts';

/** The parser's place among the tokens, and the errors at it. */
export class TokenCursor {
  readonly #name: string;
  readonly #source: string;
  readonly #tokens: readonly Token[];
  /** Index of the next token; may be set back to try another reading. */
  position = 0;

  constructor(name: string, source: string) {
    this.#name = name;
    this.#source = source;
    this.#tokens = lexTemplate(name, source);
  }

  peek(): Token {
    // the lexer ends every list with the end of the template
    return this.#tokens[Math.min(this.position, this.#tokens.length - 1)] as Token;
  }

  take(): Token {
    const token = this.peek();
    this.position += 1;
    return token;
  }

  previous(): Token {
    return this.#tokens[Math.min(this.position, this.#tokens.length) - 1] as Token;
  }

  skipSpace(): void {
    while (this.peek().kind === 'space') this.position += 1;
  }

  /** The end of an action that takes nothing more. */
  close(context: string): void {
    this.skipSpace();
    const token = this.take();
    if (token.kind !== 'close') this.unexpected(token, `in ${context}: }} is needed`);
  }

  unexpected(token: Token, where: string): never {
    const what =
      token.kind === 'eof' ? 'end of the template' : token.kind === 'close' ? '}}' : JSON.stringify(token.text);
    this.fail(token, `unexpected ${what} ${where}`);
  }

  fail(token: Token, reason: string): never {
    this.failAt(token.start, reason);
  }

  failAt(offset: number, reason: string): never {
    throw new TemplateError(this.#name, positionOf(this.#source, offset), reason);
  }
}
