import { positionOf, TemplateError } from './template-error.ts';

export type TokenKind =
  | 'text'
  | 'open'
  | 'close'
  | 'space'
  | 'identifier'
  | 'keyword'
  | 'bool'
  | 'nil'
  | 'field'
  | 'variable'
  | 'dot'
  | 'number'
  | 'char'
  | 'string'
  | 'raw-string'
  | 'pipe'
  | 'declare'
  | 'assign'
  | 'left-paren'
  | 'right-paren'
  | 'comma'
  | 'eof';

export interface Token {
  kind: TokenKind;
  /** Offset of the first character in the source. */
  start: number;
  /** Offset behind the last character. */
  end: number;
  /** Source text; of a field without its dot. */
  text: string;
}

const keywords = new Set(['block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'template', 'with']);
const punctuation: Record<string, TokenKind> = {
  '|': 'pipe',
  '(': 'left-paren',
  ')': 'right-paren',
  ',': 'comma',
  '=': 'assign',
};
const openMark = '{{';
const closeMark = '}}';
const wordCharacter = /[\p{L}\p{Nd}_]/u;
const numberPattern =
  /[+-]?(?:0[xX][\da-fA-F_]*(?:\.[\da-fA-F_]*)?(?:[pP][+-]?[\d_]+)?|0[oO][0-7_]+|0[bB][01_]+|(?:[\d_]+\.?[\d_]*|\.[\d_]+)(?:[eE][+-]?[\d_]+)?)i?/y;

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\r' || character === '\n';
}

/** Splits a template into tokens. Throws TemplateError at the first character that fits nowhere. */
export function lexTemplate(name: string, source: string): Token[] {
  return new Lexer(name, source).run();
}

class Lexer {
  readonly #name: string;
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #parens: number[] = [];

  constructor(name: string, source: string) {
    this.#name = name;
    this.#source = source;
  }

  run(): Token[] {
    let trimNext = false;
    for (;;) {
      const open = this.#source.indexOf(openMark, this.#at);
      const textEnd = open === -1 ? this.#source.length : open;
      const trimsBefore = open !== -1 && this.#source[open + 2] === '-' && isSpace(this.#source[open + 3]);
      this.#emitText(this.#at, textEnd, trimNext, trimsBefore);
      if (open === -1) {
        this.#tokens.push({ kind: 'eof', start: textEnd, end: textEnd, text: '' });
        return this.#tokens;
      }
      this.#at = open + (trimsBefore ? 4 : 2);
      trimNext = this.#source.startsWith('/*', this.#at) ? this.#skipComment(open) : this.#lexAction(open);
    }
  }

  #emitText(start: number, end: number, trimStart: boolean, trimEnd: boolean): void {
    let from = start;
    let to = end;
    if (trimStart) while (from < to && isSpace(this.#source[from])) from += 1;
    if (trimEnd) while (to > from && isSpace(this.#source[to - 1])) to -= 1;
    if (to > from) this.#tokens.push({ kind: 'text', start: from, end: to, text: this.#source.slice(from, to) });
  }

  #skipComment(open: number): boolean {
    const end = this.#source.indexOf('*/', this.#at + 2);
    if (end === -1) this.#fail(open, 'comment is not closed: write */ before }}');
    const close = this.#closeAt(end + 2);
    if (close === undefined) this.#fail(end, 'a comment must end directly before the closing }} (or " -}}")');
    this.#at = close.end;
    return close.trims;
  }

  /** The closing delimiter at an offset, with the trim marker that may precede it. */
  #closeAt(offset: number): { end: number; trims: boolean } | undefined {
    if (this.#source.startsWith(closeMark, offset)) return { end: offset + 2, trims: false };
    if (isSpace(this.#source[offset]) && this.#source.startsWith(`-${closeMark}`, offset + 1)) {
      return { end: offset + 4, trims: true };
    }
    return undefined;
  }

  /** Returns whether the action's end trims the text behind it. */
  #lexAction(open: number): boolean {
    this.#push('open', open, this.#at);
    this.#parens = [];
    for (;;) {
      const close = this.#closeAt(this.#at);
      if (close !== undefined) {
        const unclosed = this.#parens.at(-1);
        if (unclosed !== undefined) this.#fail(unclosed, 'unclosed left parenthesis');
        this.#push('close', this.#at, close.end);
        this.#at = close.end;
        return close.trims;
      }
      if (this.#at >= this.#source.length) this.#fail(open, 'unclosed action: }} is missing');
      this.#lexInside();
    }
  }

  #lexInside(): void {
    const start = this.#at;
    const character = this.#source[start] as string;
    const digitNext = /\d/.test(this.#source[start + 1] ?? '');
    if (isSpace(character)) this.#lexSpace();
    else if (character === ':') this.#lexDeclare();
    else if (character === '"') this.#lexQuoted('"', 'string', 'unterminated quoted string');
    else if (character === "'") this.#lexQuoted("'", 'char', 'unterminated character constant');
    else if (character === '`') this.#lexRaw();
    else if (character === '$') this.#lexNamed('variable', start, start + 1);
    else if (character === '.' && !digitNext) this.#lexField(start);
    else if (/[\d.+-]/.test(character)) this.#lexNumber();
    else if (punctuation[character] !== undefined) this.#lexPunctuation(character);
    else if (wordCharacter.test(this.#characterAt(start))) this.#lexWord();
    else this.#fail(start, `unexpected character ${JSON.stringify(this.#characterAt(start))} in an action`);
  }

  #lexDeclare(): void {
    if (this.#source[this.#at + 1] !== '=') this.#fail(this.#at, "expected := after ':'");
    this.#take('declare', this.#at, this.#at + 2);
  }

  #lexPunctuation(character: string): void {
    const start = this.#at;
    if (character === '(') this.#parens.push(start);
    if (character === ')' && this.#parens.pop() === undefined) this.#fail(start, 'unexpected right parenthesis');
    this.#take(punctuation[character] as TokenKind, start, start + 1);
  }

  #lexSpace(): void {
    const start = this.#at;
    // stops before " -}}", whose space belongs to the trim marker
    while (isSpace(this.#source[this.#at]) && this.#closeAt(this.#at) === undefined) this.#at += 1;
    this.#push('space', start, this.#at);
  }

  #lexQuoted(quote: string, kind: TokenKind, message: string): void {
    const start = this.#at;
    let at = start + 1;
    for (; ; at += 1) {
      const character = this.#source[at];
      if (character === undefined || character === '\n') this.#fail(start, message);
      if (character === '\\') at += 1;
      else if (character === quote) break;
    }
    this.#take(kind, start, at + 1);
  }

  #lexRaw(): void {
    const end = this.#source.indexOf('`', this.#at + 1);
    if (end === -1) this.#fail(this.#at, 'unterminated raw string: ` is missing');
    this.#take('raw-string', this.#at, end + 1);
  }

  #lexField(start: number): void {
    if (wordCharacter.test(this.#characterAt(start + 1))) this.#lexNamed('field', start, start + 1);
    else {
      this.#requireTerminator(start + 1, start);
      this.#take('dot', start, start + 1);
    }
  }

  #lexNamed(kind: TokenKind, start: number, nameStart: number): void {
    const end = this.#wordEnd(nameStart);
    this.#requireTerminator(end, start);
    this.#tokens.push({ kind, start, end, text: this.#source.slice(kind === 'field' ? nameStart : start, end) });
    this.#at = end;
  }

  #lexWord(): void {
    const start = this.#at;
    const end = this.#wordEnd(start);
    this.#requireTerminator(end, start);
    const word = this.#source.slice(start, end);
    if (keywords.has(word)) this.#take('keyword', start, end);
    else if (word === 'true' || word === 'false') this.#take('bool', start, end);
    else if (word === 'nil') this.#take('nil', start, end);
    else this.#take('identifier', start, end);
  }

  #lexNumber(): void {
    const start = this.#at;
    numberPattern.lastIndex = start;
    let text = numberPattern.exec(this.#source)?.[0] ?? '';
    // two parts with a sign between them: the second ends in i
    if (text !== '' && !text.endsWith('i') && '+-'.includes(this.#source[start + text.length] ?? ' ')) {
      numberPattern.lastIndex = start + text.length;
      const imaginary = numberPattern.exec(this.#source)?.[0] ?? '';
      if (!imaginary.endsWith('i')) this.#fail(start, `bad number syntax: ${JSON.stringify(text + imaginary)}`);
      text += imaginary;
    }
    const after = this.#characterAt(start + text.length);
    if (!/\d/.test(text) || wordCharacter.test(after)) {
      const end = this.#wordEnd(start + Math.max(text.length, 1));
      this.#fail(start, `bad number syntax: ${JSON.stringify(this.#source.slice(start, end))}`);
    }
    this.#take('number', start, start + text.length);
  }

  #wordEnd(start: number): number {
    let at = start;
    for (;;) {
      const character = this.#characterAt(at);
      if (character === '' || !wordCharacter.test(character)) return at;
      at += character.length;
    }
  }

  /** A word or field must be followed by something that ends it: `.a+b` is an error, not two operands. */
  #requireTerminator(offset: number, start: number): void {
    const character = this.#source[offset];
    if (character === undefined || isSpace(character) || '.,|:=()'.includes(character)) return;
    if (this.#source.startsWith(closeMark, offset)) return;
    this.#fail(
      offset,
      `unexpected ${JSON.stringify(this.#characterAt(offset))} after ${this.#source.slice(start, offset)}`,
    );
  }

  #characterAt(offset: number): string {
    const code = this.#source.codePointAt(offset);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  #take(kind: TokenKind, start: number, end: number): void {
    this.#push(kind, start, end);
    this.#at = end;
  }

  #push(kind: TokenKind, start: number, end: number): void {
    this.#tokens.push({ kind, start, end, text: this.#source.slice(start, end) });
  }

  #fail(offset: number, reason: string): never {
    throw new TemplateError(this.#name, positionOf(this.#source, offset), reason);
  }
}
