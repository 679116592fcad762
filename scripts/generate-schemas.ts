/**
 * Writes the JSON Schemas of the files that people write, out of the schemas that read them: registry/schemas/*.schema.json.
 * Editors check and complete with them (`# yaml-language-server: $schema=…`).
 *
 *   npx tsx scripts/generate-schemas.ts [directory]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { scenarioSchema } from '../src/simulator/scenarios/scenario-schema.ts';
import { pipelineSchema } from '../src/sources/pipeline/pipeline-schema.ts';
import { clusterSchema, infrastructureAccountsSchema } from '../src/sources/registry/registry-schema.ts';

const sources: Record<string, z.ZodType> = {
  cluster: clusterSchema,
  'infrastructure-accounts': infrastructureAccountsSchema,
  pipeline: pipelineSchema,
  scenario: scenarioSchema,
};

/** Text of each schema file, by its name. */
export function schemaTexts(): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [name, schema] of Object.entries(sources)) {
    const json = z.toJSONSchema(schema, {
      io: 'input',
      override: ({ jsonSchema }) => {
        // for our own messages; editors have no use for it
        delete (jsonSchema as Record<string, unknown>)['remedy'];
      },
    });
    texts.set(`${name}.schema.json`, `${JSON.stringify(json, null, 2)}\n`);
  }
  return texts;
}

if (process.argv[1]?.endsWith('generate-schemas.ts')) {
  const directory = join(process.argv[2] ?? '.', 'registry', 'schemas');
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of schemaTexts()) writeFileSync(join(directory, name), text);
}
