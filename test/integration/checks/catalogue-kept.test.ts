/** The catalogue, row by row: each has a check, each check a healthy world that it passes in and worlds that turn it red. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CheckDefinition } from '../../../src/checks/contract.ts';
import { catalogue, profiles } from '../../../src/checks/profiles.ts';
import { checksInNoProfile } from '../../../src/checks/selection.ts';
import { allCases } from './cases/all-cases.ts';
import { catalogueRows, knownTraps, ownChecks } from './catalogue-rows.ts';

const root = new URL('../../../', import.meta.url);
const rowOf = new Map(Object.entries(catalogueRows).flatMap(([row, ids]) => ids.map((id) => [id, row] as const)));

describe('the catalogue of checks', () => {
  it('has a check for each of its fifty rows, and no check without a row', () => {
    expect(Object.keys(catalogueRows)).toEqual(Array.from({ length: 50 }, (_, index) => String(index + 1)));
    const listed = [...Object.values(catalogueRows).flat(), ...ownChecks].sort();
    expect(listed).toEqual(catalogue.map((check) => check.id).sort());
  });

  it('has for each check a world that it passes in, and at least one that turns it red', () => {
    const once = allCases.map((one) => one.check).sort();
    expect(once).toEqual([...new Set(once)]);
    expect(once).toEqual(catalogue.map((check) => check.id).sort());
    expect(allCases.filter((one) => Object.keys(one.broken).length === 0).map((one) => one.check)).toEqual([]);
  });

  it('has no check that nobody runs: `full` does not count, it selects everything', () => {
    expect(checksInNoProfile(catalogue, profiles)).toEqual([]);
  });

  it('stands in the documentation as it is', async () => {
    await expect(page()).toMatchFileSnapshot('../../../docs/e2e-catalogue.md');
  });
});

describe('what has fooled other runners', () => {
  it('is kept by a test each, or says why not', () => {
    const missing = Object.entries(knownTraps).flatMap(([trap, kept]) => {
      if ('notYet' in kept) return [];
      const file = new URL(kept.file, root);
      return existsSync(file) && readFileSync(file, 'utf8').includes(kept.name) ? [] : [`${trap}: ${kept.name}`];
    });
    expect(missing).toEqual([]);
  });
});

/** Which mutation turns which check red: of the cases themselves. */
function page(): string {
  const rows = catalogue.map((check) => line(check)).join('\n');
  return `# The catalogue of checks

Every check passes on a healthy simulated cluster that has what it needs, and fails when one of these is broken. The table is written by
\`npx vitest run --project integration test/integration/checks/catalogue-kept.test.ts -u\` from the cases that are run.

| row | check | holds when | needs | turned red by |
|---|---|---|---|---|
${rows}
`;
}

function line(check: CheckDefinition): string {
  const { id, title, requires, minNodes, minZones, disruptive, serial } = check;
  const needs = [
    ...requires,
    ...(minNodes > 0 ? [`${minNodes} node${minNodes === 1 ? '' : 's'}`] : []),
    ...(minZones > 0 ? [`${minZones} zones`] : []),
    ...(disruptive ? ['disruption allowed'] : []),
    ...(serial ? ['the cluster for itself'] : []),
  ];
  const broken = Object.keys(allCases.find((one) => one.check === id)?.broken ?? {});
  const cells = [rowOf.get(id) ?? '', `\`${id}\``, title, needs.join(', '), broken.join(' · ')];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
