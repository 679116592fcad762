/**
 * Writes the golden rows and definition hashes that are missing. Existing ones are left alone: a released version does not
 * change. `--rewrite` replaces those of the current versions, for machines that were never released.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { machineDefinitionHash } from '../src/engine/definition-hash.ts';
import type { MachineModule } from '../src/machines/events.ts';
import { machineModules } from '../src/machines/registry.ts';
import { machineSamples } from '../test/compat/samples/samples.ts';
import {
  definedStates,
  definitionHashes,
  definitionsFile,
  exploreStates,
  goldenFile,
} from '../test/support/golden-rows.ts';

const rewrite = process.argv.includes('--rewrite');
let missing = 0;

function write(file: string, content: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  process.stdout.write(`wrote ${file}\n`);
}

function writeGoldens(module: MachineModule): void {
  const sample = machineSamples[module.name];
  if (!sample) {
    missing += 1;
    process.stderr.write(`${module.name}: no sample; add one to test/compat/samples/samples.ts\n`);
    return;
  }
  const found = exploreStates(module, sample);
  for (const state of definedStates(module)) {
    const snapshot = found.get(state);
    const file = goldenFile(module, state);
    if (!snapshot) {
      missing += 1;
      process.stderr.write(`${module.name}: the sample does not reach state ${state}\n`);
    } else if (rewrite || !existsSync(file)) {
      const { value, context } = snapshot;
      write(file, { machine: module.name, version: module.version, value, context });
    }
  }
  const hashes = definitionHashes(module.name);
  const version = String(module.version);
  if (rewrite || hashes[version] === undefined) {
    const hash = machineDefinitionHash(module);
    if (hashes[version] !== hash) write(definitionsFile(module.name), { ...hashes, [version]: hash });
  }
}

for (const module of machineModules) writeGoldens(module);
process.exitCode = missing === 0 ? 0 : 1;
