import { readFile } from 'node:fs/promises';
import type { Problem } from '../../domain/problem.ts';
import type { World } from '../../simulator/model/world.ts';
import { unknownPlace } from '../../simulator/scenarios/scenario-player.ts';
import { type Scenario, scenarioSchema } from '../../simulator/scenarios/scenario-schema.ts';
import { parseYamlWithSchema, problemAt, type YamlPlaces } from '../../sources/yaml-document.ts';
import { badInput } from '../exit.ts';

export interface ReadScenario {
  scenario: Scenario;
  places: YamlPlaces;
}

/** @throws CliError with every problem of the file */
export async function readScenario(file: string): Promise<ReadScenario> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message;
    throw badInput('the scenario cannot be read', [
      { file, message: why, remedy: 'give the path of a scenario file; docs/simulator.md shows one' },
    ]);
  }
  const parsed = parseYamlWithSchema(file, text, scenarioSchema);
  if (!parsed.ok) throw badInput('the scenario is not valid', parsed.problems);
  return { scenario: parsed.value, places: parsed.places };
}

/** @throws CliError when the scenario names clusters, accounts or regions that the world does not have */
export function placesAreKnown(file: string, read: ReadScenario, world: World): void {
  const problems: Problem[] = read.scenario.faults.flatMap((fault, i) => {
    const unknown = unknownPlace(world, fault);
    if (!unknown) return [];
    const some = world.clusters().slice(0, 3).join(', ');
    return [problemAt(read.places, ['faults', i, unknown.field], unknown.message, `simulated are ${some}, …`)];
  });
  if (problems.length > 0) throw badInput(`${file} does not fit this fleet`, problems);
}
