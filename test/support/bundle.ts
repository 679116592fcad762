/** A program as one file of JavaScript, for processes that run long enough to care. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('../../.clm/', import.meta.url));

/**
 * Under tsx every function is given its name anew whenever it is made, which costs a quarter of the CPU of code that makes as many as
 * a simulation does. Packages are left where they are. `drop` deletes the file, once every process has loaded it.
 */
export async function bundle(entry: URL): Promise<{ file: string; drop: () => void }> {
  mkdirSync(folder, { recursive: true });
  const home = mkdtempSync(join(folder, 'bundle-'));
  const drop = (): void => rmSync(home, { recursive: true, force: true });
  const file = join(home, 'program.mjs');
  try {
    await build({
      entryPoints: [fileURLToPath(entry)],
      outfile: file,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: `node${process.versions.node}`,
      packages: 'external',
      logLevel: 'error',
    });
  } catch (error) {
    drop();
    throw error;
  }
  return { file, drop };
}
