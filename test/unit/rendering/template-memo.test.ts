import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pureFunctions } from '../../../src/rendering/functions/function-table.ts';
import { TemplateError } from '../../../src/rendering/gotemplate/template-error.ts';
import { GoMap, GoStruct, toGoValue } from '../../../src/rendering/gotemplate/value.ts';
import { LayeredItems } from '../../../src/rendering/layered-items.ts';
import { RenderingError, renderFile, templateFile } from '../../../src/rendering/template-file.ts';
import { RecordedReads, TemplateInputs } from '../../../src/rendering/template-inputs.ts';
import { TemplateMemo } from '../../../src/rendering/template-memo.ts';

interface Facts {
  alias: string;
  items: Record<string, string>;
  pools: { name: string; items: Record<string, string> }[];
  pool: number | null;
  values: Record<string, unknown>;
}

function dot(facts: Facts): GoStruct {
  const pools = facts.pools.map(
    (pool) =>
      new GoStruct('*Pool', { Name: pool.name, ConfigItems: new GoMap(new LayeredItems(pool.items, facts.items), '') }),
  );
  return new GoStruct('*Data', {
    Cluster: new GoStruct('*Cluster', {
      Alias: facts.alias,
      ConfigItems: new GoMap(new LayeredItems(facts.items), ''),
      NodePools: pools,
    }),
    Values: toGoValue(facts.values),
    NodePool: facts.pool === null ? null : (pools[facts.pool % Math.max(pools.length, 1)] ?? null),
  });
}

/** Every way in which a template can take something from its data. */
const templates = [
  '{{ .Cluster.Alias }}',
  '{{ .Cluster.ConfigItems.a }}',
  '{{ $.Cluster.ConfigItems.b }}{{ if eq .Cluster.ConfigItems.a "1" }}{{ .Cluster.ConfigItems.c }}{{ end }}',
  '{{ index .Cluster.ConfigItems "a" }}',
  '{{ if hasKey .Cluster.ConfigItems "c" }}has{{ else }}not{{ end }}',
  '{{ get .Cluster.ConfigItems "c" | default "none" }}',
  '{{ with .Cluster }}{{ .Alias }}{{ .ConfigItems.a }}{{ end }}',
  '{{ with .Cluster.ConfigItems }}{{ .a }}{{ else }}empty{{ end }}',
  '{{ $items := .Cluster.ConfigItems }}{{ $items.a }}{{ len $items }}',
  '{{ range $k, $v := .Cluster.ConfigItems }}{{ $k }}={{ $v }};{{ end }}',
  '{{ range .Cluster.NodePools }}{{ .Name }}:{{ .ConfigItems.a }},{{ end }}',
  '{{ len .Cluster.NodePools }}',
  '{{ with .NodePool }}{{ .Name }}{{ .ConfigItems.b }}{{ else }}none{{ end }}',
  '{{ if .NodePool }}{{ .NodePool.Name }}{{ end }}{{ range .Cluster.NodePools }}{{ .Name }}{{ end }}',
  '{{ .Values }}',
  '{{ .Values.x }}{{ .Values.deep.y }}',
  '{{ if .Values.deep }}deep{{ end }}{{ index .Values "deep" "y" }}',
  '{{ toJson .Values }}{{ .Cluster.ConfigItems.b }}',
  '{{ define "t" }}{{ .Alias }}{{ .ConfigItems.a }}{{ end }}{{ template "t" .Cluster }}',
  '{{ define "u" }}{{ .Cluster.ConfigItems.b }}{{ end }}{{ template "u" . }}',
  '{{ and .Cluster.ConfigItems .Cluster.Alias }}',
  '{{ or .Values.list .Cluster.Alias }}',
  '{{ (index .Cluster.NodePools 0).Name }}',
  '{{ dict "c" .Cluster | toJson }}',
  '{{ printf "%s-%s" .Cluster.Alias .Cluster.ConfigItems.a | sha256 }}',
  '{{ .Values.list }}{{ range .Values.list }}{{ . }}{{ end }}',
].map((text, i) => templateFile(`t${i}.yaml`, text));

const word = fc.constantFrom('', '1', 'a', 'long'.repeat(40));
const record = fc.dictionary(fc.constantFrom('a', 'b', 'c'), word);
const factsArbitrary: fc.Arbitrary<Facts> = fc.record({
  alias: word,
  items: record,
  pools: fc.array(fc.record({ name: word, items: record }), { maxLength: 2 }),
  pool: fc.option(fc.nat(1)),
  values: fc.record(
    {
      x: fc.oneof(word, fc.integer(), fc.boolean(), fc.constant(null)),
      deep: fc.oneof(fc.record({ y: word }), fc.constant({}), word),
      list: fc.array(fc.oneof(word, fc.integer())),
    },
    { requiredKeys: [] },
  ),
});

type Outcome = { text: string } | { error: string };

function outcome(run: () => string): Outcome {
  try {
    return { text: run() };
  } catch (error) {
    if (error instanceof RenderingError || error instanceof TemplateError) return { error: error.message };
    throw error;
  }
}

describe('what is remembered of templates', () => {
  it('is what executing them would give, whatever was remembered before', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(factsArbitrary, { minLength: 2, maxLength: 12 }), (fleet) => {
        const memo = new TemplateMemo<string>({ maxTemplates: 100, maxResults: 10_000 });
        for (const facts of fleet) {
          const inputs = new TemplateInputs(dot(facts), () => '');
          for (const file of templates) {
            const remembered = outcome(() => {
              const known = memo.find(file, inputs);
              if (known !== undefined) return known;
              const reads = new RecordedReads(inputs);
              const text = renderFile(file, inputs.root, pureFunctions, { reads });
              memo.keep(file, inputs, reads, text);
              return text;
            });
            expect({ file: file.text, ...remembered }).toEqual({
              file: file.text,
              ...outcome(() => renderFile(file, dot(facts), pureFunctions, {})),
            });
          }
        }
      }),
      { numRuns: 80, seed: 7 },
    );
  });

  const facts: Facts = {
    alias: 'one',
    items: { a: '1', b: '2' },
    pools: [{ name: 'p', items: {} }],
    pool: null,
    values: {},
  };
  const hits = (text: string, change: Partial<Facts>): boolean => {
    const memo = new TemplateMemo<string>({ maxTemplates: 10, maxResults: 100 });
    const file = templateFile('x.yaml', text);
    const inputs = new TemplateInputs(dot(facts), () => '');
    const reads = new RecordedReads(inputs);
    memo.keep(file, inputs, reads, renderFile(file, inputs.root, pureFunctions, { reads }));
    return memo.find(file, new TemplateInputs(dot({ ...facts, ...change }), () => '')) !== undefined;
  };

  it.each([
    ['{{ .Cluster.ConfigItems.a }}', { alias: 'two', items: { a: '1', b: 'other', new: 'x' } }],
    ['{{ index .Cluster.ConfigItems "a" }}', { items: { a: '1' } }],
    ['{{ if .NodePool }}x{{ end }}', { alias: 'two' }],
    ['{{ range .Cluster.NodePools }}{{ .Name }}{{ end }}', { alias: 'two' }],
    ['plain text', { alias: 'two', items: {}, pools: [], values: { x: 1 } }],
  ])('%s is not executed again when nothing that it reads has changed', (text, change) => {
    expect(hits(text, change)).toBe(true);
  });

  it.each([
    ['{{ .Cluster.ConfigItems.a }}', { items: { a: '2', b: '2' } }],
    ['{{ hasKey .Cluster.ConfigItems "c" }}', { items: { a: '1', b: '2', c: '' } }],
    ['{{ .Cluster.ConfigItems }}', { items: { a: '1', b: '3' } }],
    ['{{ if .NodePool }}x{{ end }}', { pool: 0 }],
    ['{{ range .Cluster.NodePools }}{{ .Name }}{{ end }}', { items: { a: '2', b: '2' } }],
  ])('%s is executed again when what it reads has changed', (text, change) => {
    expect(hits(text, change)).toBe(false);
  });
});
