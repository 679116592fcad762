import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pureFunctions } from '../../../src/rendering/functions/function-table.ts';
import { executeTemplate } from '../../../src/rendering/gotemplate/evaluator.ts';
import { parseTemplate } from '../../../src/rendering/gotemplate/parser.ts';
import { TemplateError } from '../../../src/rendering/gotemplate/template-error.ts';
import { GoFunction, GoMap, GoStruct, type GoValue } from '../../../src/rendering/gotemplate/value.ts';
import { seededRandom } from '../../../src/support/random.ts';

const root = join(import.meta.dirname, '../../../channels/cluster');
const functions = new Map(pureFunctions).set('manifestHash', new GoFunction(['string'], () => 'hash'));

function templates(directory: string): { path: string; text: string }[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? templates(path) : [{ path, text: readFileSync(path, 'utf8') }];
  });
}

/** A map that has every key, so that mutated names reach deeper than their first lookup. */
const anything: GoValue = new GoStruct('*Data', {
  Cluster: new GoStruct('*Cluster', {
    ID: 'aws:123456789012:eu-central-1:kube-1',
    Alias: 'alias',
    LocalID: 'kube-1',
    Region: 'eu-central-1',
    InfrastructureAccount: 'aws:123456789012',
    ConfigItems: GoMap.ofStrings({
      subnets: 'a=b,c=d',
      kubernetes_version: 'v1',
      log_level: 'debug',
      node_image: 'ami',
    }),
    NodePools: [new GoStruct('*NodePool', { Name: 'one', Profile: 'worker' })],
  }),
  Values: new GoMap(new Map()),
  NodePool: null,
});

const pieces = [
  '{{',
  '}}',
  '{{-',
  '-}}',
  '{{end}}',
  '{{else}}',
  '"',
  '`',
  '|',
  '(',
  ')',
  '.',
  '$x',
  ':=',
  '{{if .}}',
  '{{range .}}',
  '{{/*',
  '*/',
  "'",
  '0x',
  '1e',
  '\\',
  '\n',
  '\u0000',
  'é',
  '😀',
  ' ',
  '{{define "a"}}',
  '{{template "a" .}}',
  '{{range 999999999}}',
];

const limits = { maxOutput: 100_000, maxSteps: 5_000, maxDepth: 20 };

it('ten thousand mutations of real templates give a text or an error with a place, and never anything else', {
  timeout: 60_000,
}, () => {
  const random = seededRandom('mutations');
  const sources = templates(root);
  expect(sources.length).toBeGreaterThan(15);
  let failed = 0;
  for (let i = 0; i < 10_000; i++) {
    const source = sources[random.int(sources.length)] as { path: string; text: string };
    // a window keeps one run short; it cuts templates apart, which is a mutation too
    const from = random.int(Math.max(1, source.text.length - 1_500));
    let text = random.int(3) === 0 ? source.text.slice(0, 4_000) : source.text.slice(from, from + 1_500);
    for (let change = 0; change <= random.int(4); change++) {
      const at = random.int(text.length + 1);
      const removed = random.int(2) === 0 ? random.int(12) : 0;
      const piece = random.int(4) === 0 ? '' : (pieces[random.int(pieces.length)] as string);
      text = text.slice(0, at) + piece + text.slice(at + removed);
    }
    try {
      const output = executeTemplate(parseTemplate('mutated', text), anything, functions, { limits });
      expect(typeof output).toBe('string');
    } catch (error) {
      if (!(error instanceof TemplateError))
        throw new Error(`mutation ${i} of ${source.path}: ${JSON.stringify(text)}`, { cause: error });
      failed += 1;
      const lines = text.split('\n');
      expect(error.position.line).toBeLessThanOrEqual(lines.length);
      expect(error.position.column).toBeLessThanOrEqual((lines[error.position.line - 1] as string).length + 1);
    }
  }
  // both outcomes are common, or the mutations test nothing
  expect(failed).toBeGreaterThan(1_000);
  expect(failed).toBeLessThan(9_900);
});
