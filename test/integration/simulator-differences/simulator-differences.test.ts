import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { awsCoverage, servedAwsActions } from './aws-coverage.ts';
import { awsDifferences } from './aws-differences.ts';
import { type Coverage, type Difference, listedDifferences } from './difference.ts';
import { kubeCoverage, servedKubeEndpoints } from './kube-coverage.ts';
import { kubeDifferences } from './kube-differences.ts';

const root = resolve(import.meta.dirname, '../../..');
const listed = listedDifferences(readFileSync(resolve(root, 'docs/simulator-differences.md'), 'utf8'));

/** By section of the document: add a table here, and its lines need ids and probes. */
const tables: ReadonlyMap<string, readonly Difference[]> = new Map([
  ['Kubernetes', kubeDifferences],
  ['AWS', awsDifferences],
]);

/** What is served, and what keeps it. */
const endpoints: readonly [string, () => string[], Readonly<Record<string, Coverage>>][] = [
  ['Kubernetes', servedKubeEndpoints, kubeCoverage],
  ['AWS', servedAwsActions, awsCoverage()],
];

describe.each([...tables])('differences of the %s side', (section, differences) => {
  it('stand in the document line by line, each with the id of its probe', () => {
    const lines = listed.filter((each) => each.section === section);
    expect(lines.filter((each) => each.id === undefined).map((each) => each.text)).toEqual([]);
    expect(lines.map((each) => each.id).sort()).toEqual(differences.map((each) => each.id).sort());
    expect(new Set(lines.map((each) => each.id)).size).toBe(lines.length);
  });

  it.each(differences)('$id is still there, or its line has to go', async ({ differs }) => {
    expect(await differs()).toBe(true);
  });
});

describe.each(endpoints)('what the %s side serves', (_side, served, coverage) => {
  it('is kept by a test, or listed as a difference, endpoint by endpoint', () => {
    expect(Object.keys(coverage).sort()).toEqual(served().sort());
  });

  it('is kept by tests that exist', () => {
    const known = new Set(listed.map((each) => each.id));
    const missing: string[] = [];
    for (const [endpoint, kept] of Object.entries(coverage)) {
      if ('difference' in kept) {
        if (!known.has(kept.difference)) missing.push(`${endpoint}: no difference ${kept.difference}`);
        continue;
      }
      const file = resolve(root, kept.test);
      if (!existsSync(file)) missing.push(`${endpoint}: no file ${kept.test}`);
      else if (!readFileSync(file, 'utf8').includes(kept.title)) missing.push(`${endpoint}: no test "${kept.title}"`);
    }
    expect(missing).toEqual([]);
  });
});
