import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type { TextProblem } from './manifest-documents.ts';
import type { ConfigItems } from './template-data.ts';

export type DefaultsText = { ok: true; items: ConfigItems } | { ok: false; problems: TextProblem[] };

/**
 * The rendered defaults: a flat map of texts. Numbers and booleans count as the text that they are written as. A name may be given
 * again further down, as configurations do for one environment: the last text counts.
 */
export function parseDefaults(text: string): DefaultsText {
  const lines = new LineCounter();
  const document = parseDocument(text, { schema: 'core', lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const problems: TextProblem[] = document.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    message: error.message,
    remedy: 'correct the YAML of the defaults',
  }));
  const items: Record<string, string> = {};
  if (isMap(document.contents)) {
    for (const { key, value } of document.contents.items) {
      if (!isScalar(key)) continue;
      const name = key.source;
      if (isScalar(value))
        items[name] = typeof value.value === 'string' ? value.value : value.value === null ? '' : value.source;
      else if (value === null) items[name] = '';
      else {
        const line = lines.linePos(key.range[0]).line;
        const remedy = 'write one text; for a structure, write it as a block text (|) and read it with fromYaml';
        problems.push({ line, path: name, message: `the default of ${name} is not a text`, remedy });
      }
    }
  } else if (document.contents !== null && problems.length === 0) {
    problems.push({
      line: 1,
      message: 'defaults must be a mapping of names to texts',
      remedy: 'write one `name: "value"` a line',
    });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, items };
}
