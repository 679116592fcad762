/** Text that fits: widths as a terminal counts them, colours only where they are wanted. */
import picocolors from 'picocolors';

export interface Palette {
  enabled: boolean;
  bold: (text: string) => string;
  dim: (text: string) => string;
  red: (text: string) => string;
  green: (text: string) => string;
  yellow: (text: string) => string;
  blue: (text: string) => string;
  cyan: (text: string) => string;
  magenta: (text: string) => string;
}

export function palette(enabled: boolean): Palette {
  const colors = picocolors.createColors(enabled);
  return {
    enabled,
    bold: colors.bold,
    dim: colors.dim,
    red: colors.red,
    green: colors.green,
    yellow: colors.yellow,
    blue: colors.blue,
    cyan: colors.cyan,
    magenta: colors.magenta,
  };
}

/** Colours on a terminal only; NO_COLOR (any value) turns them off, FORCE_COLOR on. */
export function wantsColor(isTerminal: boolean, environment: NodeJS.ProcessEnv): boolean {
  if (environment['NO_COLOR'] !== undefined && environment['NO_COLOR'] !== '') return false;
  if (environment['FORCE_COLOR'] !== undefined && environment['FORCE_COLOR'] !== '0') return true;
  return isTerminal && environment['TERM'] !== 'dumb';
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences begin with ESC
const escapes = /\u001b\[[0-9;]*m/g;

export function stripEscapes(text: string): string {
  return text.replace(escapes, '');
}

/** Columns that the text takes; East Asian wide characters and emoji count two, combining marks none. */
export function visibleWidth(text: string): number {
  let width = 0;
  for (const character of stripEscapes(text)) width += characterWidth(character.codePointAt(0) as number);
  return width;
}

function characterWidth(code: number): number {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 0;
  if (code >= 0x300 && code <= 0x36f) return 0;
  if (code === 0x200b || code === 0x200d || (code >= 0xfe00 && code <= 0xfe0f)) return 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}

/** At most `columns` wide; what was cut ends in `…`. Colour sequences are kept and closed. */
export function truncate(text: string, columns: number): string {
  if (columns <= 0) return '';
  if (visibleWidth(text) <= columns) return text;
  let width = 0;
  let out = '';
  let colored = false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
  for (const token of text.match(/\u001b\[[0-9;]*m|[\s\S]/gu) ?? []) {
    if (token.startsWith('\u001b[')) {
      out += token;
      colored = true;
      continue;
    }
    const next = characterWidth(token.codePointAt(0) as number);
    if (width + next > columns - 1) break;
    out += token;
    width += next;
  }
  return `${out}…${colored ? '\u001b[0m' : ''}`;
}

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - visibleWidth(text)));
}

export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - visibleWidth(text))) + text;
}

/** Exactly `columns` wide. */
export function fit(text: string, columns: number): string {
  return padEnd(truncate(text, columns), columns);
}

/** Breaks at spaces; a word longer than a line is cut into pieces. */
export function wrap(text: string, columns: number): string[] {
  const width = Math.max(8, columns);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    let rest = word;
    if (line !== '' && visibleWidth(line) + 1 + visibleWidth(rest) > width) {
      lines.push(line);
      line = '';
    }
    while (visibleWidth(rest) > width) {
      lines.push(rest.slice(0, width));
      rest = rest.slice(width);
    }
    line = line === '' ? rest : `${line} ${rest}`;
  }
  if (line !== '') lines.push(line);
  return lines;
}

/** Control characters of foreign text (commit subjects, messages of servers) cannot move the cursor. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}
