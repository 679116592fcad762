import { StringDecoder } from 'node:string_decoder';

/** Cuts a stream of bytes into lines of text, wherever the bytes were cut. */
export interface LineSplitter {
  /** The lines that this chunk completes; blank ones are left out. */
  push(chunk: Buffer): string[];
  /** Characters held of a line that has not ended yet. */
  held(): number;
}

export function createLineSplitter(): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return {
    push(chunk) {
      rest += decoder.write(chunk);
      const lines: string[] = [];
      let start = 0;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
        const line = rest.slice(start, end).trim();
        if (line !== '') lines.push(line);
        start = end + 1;
      }
      if (start > 0) rest = rest.slice(start);
      return lines;
    },
    held: () => rest.length,
  };
}
