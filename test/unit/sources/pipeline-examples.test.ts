import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePipeline } from '../../../src/sources/pipeline/parse-pipeline.ts';

const guide = readFileSync(new URL('../../../docs/pipeline.md', import.meta.url), 'utf8');
const examples = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);

describe('the guide to the pipeline file', () => {
  it('has examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(5);
  });

  it.each(examples.map((text, index) => [index + 1, text] as const))('example %i is a good pipeline', (_, text) => {
    const result = parsePipeline('docs/pipeline.md', text);
    expect(result.ok ? [] : result.problems).toEqual([]);
  });
});

describe('windows and gates that make no sense', () => {
  const problemsOf = (lines: string): string[] => {
    const result = parsePipeline('p.yaml', `channels:\n  - name: dev\n${lines}`);
    return result.ok ? [] : result.problems.map((one) => `${one.line}:${one.path}: ${one.message} → ${one.remedy}`);
  };

  it.each([
    ['    windows: [{deny: weekends, allow: weekdays}]\n', /3:channels\[0\]\.windows\[0\]: .*either allows or denies/],
    ['    windows: [{deny: weekends, zone: Berlin}]\n', /zone: Berlin is no time zone → write an IANA name/],
    ["    windows: [{deny: {cron: '61 * * * *', for: 1h}}]\n", /windows\[0\]\.deny: this is no usable time/],
    ['    windows: [{deny: {days: [sat], from: 2026-01-01}}]\n', /with days, from and to are times of day/],
    ['    gates: [{name: g}]\n', /gate g asks for nothing → write one of approval/],
    ['    gates: [{name: g, approval: {roles: [sre]}}]\n', /there is no role sre → add it under roles/],
    ['    gates: [{name: checks, approval: {}}]\n', /gate checks is built in/],
    ['    siblings: [regoin]\n', /"regoin" is nothing that clusters differ in → write region/],
    ['    waves: [{name: a, size: 100%, gatesBefore: [x]}]\n', /channel dev has no gate x/],
  ])('%s', (lines, expected) => {
    expect(problemsOf(lines).join('\n')).toMatch(expected);
  });
});
