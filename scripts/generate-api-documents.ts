/**
 * Writes what programs read of the project's own formats: the OpenAPI documents of daemon and registry, and the JSON Schemas of the
 * status document and of clm.yaml.
 *
 *   npx tsx scripts/generate-api-documents.ts [directory]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openApiDocument } from '../src/api/open-api.ts';
import { apiRoutes } from '../src/api/routes.ts';
import { daemonConfigJsonSchema } from '../src/daemon/config.ts';
import { statusJsonSchema } from '../src/planning/explain/status-document.ts';
import { registryOpenApi } from '../src/sources/registry/server/registry-open-api.ts';
import { registryRoutes } from '../src/sources/registry/server/registry-routes.ts';
import { programVersion } from '../src/support/project.ts';

/** Text of each file, by its path in the repository. */
export function apiDocuments(): Map<string, string> {
  const version = programVersion();
  const documents: [string, unknown][] = [
    ['registry/openapi.json', openApiDocument(apiRoutes(), version)],
    ['registry/cluster-registry.openapi.json', registryOpenApi(registryRoutes(), version)],
    ['registry/schemas/status.schema.json', statusJsonSchema()],
    ['registry/schemas/clm.schema.json', daemonConfigJsonSchema()],
  ];
  return new Map(documents.map(([file, document]) => [file, `${JSON.stringify(document, null, 2)}\n`]));
}

if (process.argv[1]?.endsWith('generate-api-documents.ts')) {
  const directory = process.argv[2] ?? '.';
  for (const [file, text] of apiDocuments()) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
}
