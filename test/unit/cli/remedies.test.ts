import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { remedies } from '../../../src/planning/remedies/remedies.ts';

const source = path.resolve(import.meta.dirname, '../../../src');
/** Folders whose codes reach people: the simulator imitates codes of others, schemas have codes of zod. */
const folders = [
  'api',
  'checks',
  'daemon',
  'engine',
  'machines',
  'planning',
  'providers',
  'rendering',
  'sources',
  'steps',
  'store',
];

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** Codes of failures: the first argument of terminal() and transient(), wherever the line breaks. */
function failureCodes(): Map<string, string> {
  const codes = new Map<string, string>();
  for (const file of folders.flatMap((folder) => filesBelow(path.join(source, folder)))) {
    const text = readFileSync(file, 'utf8');
    const place = path.relative(source, file);
    for (const match of text.matchAll(/\b(?:terminal|transient)\(\s*'([a-z0-9-]+)'/g))
      codes.set(match[1] as string, place);
    for (const match of text.matchAll(/'((?:aws|kube|git|store|socket)-[a-z-]+)'/g)) {
      if (/new FailureError|FailureKind|Failure\b/.test(text)) codes.set(match[1] as string, place);
    }
  }
  return codes;
}

/** Names that look like codes and are none: resources, user agents, kinds of journal entries. */
const notCodes = new Set(['kube-system', 'kube-dns', 'aws-eks', 'git-dir', 'kube-proxy', 'store-changed']);

describe('clm explain', () => {
  it('knows every failure code that the source can raise', () => {
    const known = remedies();
    const codes = failureCodes();
    const unknown = [...codes].filter(([code]) => !known.has(code) && !notCodes.has(code));
    expect(unknown).toEqual([]);
    expect(codes.size).toBeGreaterThan(40);
  });

  it('knows every code by which a node is kept from leaving', () => {
    const text = filesBelow(path.join(source, 'planning/roll'))
      .concat(filesBelow(path.join(source, 'providers/kube')))
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    const codes = [...text.matchAll(/\bcode: '([a-z0-9-]+)'/g)].map((match) => match[1] as string);
    const known = remedies();
    expect([...new Set(codes)].filter((code) => !known.has(code))).toEqual([]);
    expect(codes.length).toBeGreaterThan(5);
  });

  it('says for every code what it means and what to do', () => {
    for (const [code, remedy] of remedies()) {
      expect(remedy.meaning, code).toMatch(/\S.*\.$/);
      expect(remedy.actions.length, code).toBeGreaterThan(0);
    }
  });

  it('explains no code twice', () => {
    const text = filesBelow(path.join(source, 'planning/remedies'))
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    const keys = [...text.matchAll(/^ {2}'?([a-z0-9-]+)'?: \{/gm)].map((match) => match[1] as string);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    expect(new Set(keys).size).toBe(remedies().size);
  });
});
