import { describe, expect, it } from 'vitest';
import { machineDefinitionHash } from '../../src/engine/definition-hash.ts';
import { hydrate } from '../../src/engine/hydrate.ts';
import { machineModules } from '../../src/machines/registry.ts';
import { definedStates, definitionHashes, goldenRows } from '../support/golden-rows.ts';
import { aRow } from '../support/store-contract.ts';

const modules = new Map(machineModules.map((module) => [module.name, module]));

describe('the machines', () => {
  it('have names of their own', () => {
    expect(modules.size).toBe(machineModules.length);
    expect(machineModules.length).toBeGreaterThan(0);
  });

  describe.each(machineModules.map((module) => [module.name, module] as const))('%s', (name, module) => {
    it('has a golden row for each state of its current version (npx tsx scripts/golden.ts writes them)', () => {
      const current = goldenRows(name).filter(({ row }) => row.version === module.version);
      const states = current.map(({ file }) => file.replace(/^v\d+-(.+)\.json$/, '$1'));
      expect(states.sort()).toEqual(definedStates(module));
    });

    it('reads every row that any released version has stored', () => {
      for (const { file, row } of goldenRows(name)) {
        const stored = aRow(file, { machine: name, version: row.version, value: row.value, context: row.context });
        const hydrated = hydrate(stored, modules, () => true);
        expect(hydrated, file).toMatchObject({ ok: true });
        if (!hydrated.ok || row.version !== module.version) continue;
        expect(hydrated.process.state.value, file).toEqual(row.value);
        expect(JSON.parse(JSON.stringify(hydrated.process.state.context)), file).toEqual(row.context);
      }
    });

    it('has a migration from every earlier version to the next', () => {
      const versions = Array.from({ length: module.version - 1 }, (_, index) => String(index + 1));
      expect(Object.keys(module.migrations).sort()).toEqual(versions);
    });

    it('changes its definition only together with its version', () => {
      const hashes = definitionHashes(name);
      expect(hashes[String(module.version)], 'raise the version, write the migration, then run scripts/golden.ts').toBe(
        machineDefinitionHash(module),
      );
    });
  });
});
