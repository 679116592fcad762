import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of clm itself, with a `/` at its end: where its `package.json` is, whether its sources run or its compiled program. */
export const projectRoot: string = rootAbove(dirname(fileURLToPath(import.meta.url)));

function rootAbove(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return `${folder}/`;
  const above = dirname(folder);
  if (above === folder) throw new Error('clm is not whole: no package.json above its program');
  return rootAbove(above);
}

/** As `package.json` says it, such as `1.2.0`. */
export function programVersion(): string {
  return (JSON.parse(readFileSync(`${projectRoot}package.json`, 'utf8')) as { version: string }).version;
}
