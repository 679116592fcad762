/** Redraws a block of lines in place, in one write a frame, so that nothing flickers. */
import { truncate } from './terminal.ts';

export interface Terminal {
  write: (text: string) => void;
  columns: () => number;
  rows: () => number;
}

const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
/** Terminals that know it show the frame at once; the others ignore it. */
const beginFrame = '\u001b[?2026h';
const endFrame = '\u001b[?2026l';
const clearToLineEnd = '\u001b[K';
const clearBelow = '\u001b[J';

export class LiveScreen {
  readonly #terminal: Terminal;
  #drawn = 0;
  #drawnColumns = 0;
  #last = '';
  #started = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Draws over the frame before; a frame that looks the same writes nothing. */
  draw(lines: string[]): void {
    const columns = this.#terminal.columns();
    const shown = lines.slice(0, Math.max(1, this.#terminal.rows() - 1)).map((line) => truncate(line, columns));
    const body = shown.map((line) => `${line}${clearToLineEnd}\n`).join('');
    if (body === this.#last && columns === this.#drawnColumns) return;
    // After a resize the terminal may have re-wrapped what was drawn; clearing from the top is the only certain way.
    const resized = this.#drawn > 0 && columns !== this.#drawnColumns;
    const home = resized ? '\u001b[H\u001b[2J' : this.#drawn > 0 ? `\u001b[${this.#drawn}F` : '';
    this.#terminal.write(`${beginFrame}${this.#started ? '' : hideCursor}${home}${body}${clearBelow}${endFrame}`);
    this.#started = true;
    this.#drawn = shown.length;
    this.#drawnColumns = columns;
    this.#last = body;
  }

  /** Leaves the last frame on the screen and the cursor below it. */
  close(): void {
    if (this.#started) this.#terminal.write(showCursor);
    this.#started = false;
  }
}
