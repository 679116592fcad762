import { LineCounter, parseDocument, visit } from 'yaml';
import { BoundedCache } from '../support/bounded-cache.ts';
import { canonicalJson, digestText } from './digest.ts';
import type { TextProblem } from './manifest-documents.ts';
import { cloudFormationYaml } from './yaml-schema.ts';

export type StackText =
  | { ok: true; digest: string; tags: Readonly<Record<string, string>> }
  | { ok: false; problems: TextProblem[] };

const stacks = new BoundedCache<string, StackText>({ maxEntries: 5_000, maxWeight: 32 * 1024 * 1024 });

/**
 * Checks the text of a CloudFormation template (YAML or JSON) and gives the digest of what it says; `Metadata.Tags` are the
 * tags that the template asks for its stack.
 */
export function parseStackTemplate(text: string): StackText {
  const known = stacks.get(text);
  if (known !== undefined) return known;
  const result = parse(text);
  stacks.set(text, result, text.length);
  return result;
}

function parse(text: string): StackText {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...cloudFormationYaml, lineCounter: lines, prettyErrors: false });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    const problems = faults.map((fault) => ({
      line: lines.linePos(fault.pos[0]).line,
      message: fault.message,
      remedy: 'correct the YAML (see the rendered text with clm render)',
    }));
    return { ok: false, problems };
  }
  const aliases: TextProblem[] = [];
  visit(document, {
    Alias: (_, alias) => {
      const line = lines.linePos(alias.range?.[0] ?? 0).line;
      const message = `CloudFormation does not take YAML aliases (*${alias.source})`;
      aliases.push({ line, message, remedy: 'write the value out, or {{define}} it once and call {{template}}' });
    },
  });
  if (aliases.length > 0) return { ok: false, problems: aliases };
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  const resources = field(value, 'Resources');
  if (typeof resources !== 'object' || resources === null || Object.keys(resources).length === 0) {
    const message = 'a stack template needs at least one entry under Resources';
    return {
      ok: false,
      problems: [{ line: 1, path: 'Resources', message, remedy: 'declare the resources of the stack' }],
    };
  }
  const tags: Record<string, string> = {};
  for (const [key, tag] of Object.entries(field(field(value, 'Metadata'), 'Tags') ?? {})) tags[key] = String(tag);
  return { ok: true, digest: digestText(canonicalJson(value)), tags };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
