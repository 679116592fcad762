/**
 * Makes the program of the sources: `npm run build`, and by itself before a checkout's `clm` runs from sources that have changed.
 * Each program lies in a folder named for its sources, so that one that runs keeps its own.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const home = join(root, 'dist');
const entry = 'cli/main';
/** Of those that are not the newest; programs of the last hour stay as well, since somebody may run them. */
const kept = 4;
const hourMs = 3_600_000;

/** The file of the program that the sources make as they are now; made when it is not there. */
export async function programOfSources() {
  const folder = join(home, stampOfSources());
  const file = join(folder, 'main.mjs');
  if (!existsSync(file)) await makeProgram(folder);
  return file;
}

/** Names what the program is made of: every source by its path, time and size. */
function stampOfSources() {
  const hash = createHash('sha256').update(`${process.version} ${statOf(fileURLToPath(import.meta.url))}`);
  const sources = join(root, 'src');
  for (const name of readdirSync(sources, { recursive: true }).sort()) {
    if (name.endsWith('.ts')) hash.update(`${name} ${statOf(join(sources, name))}`);
  }
  return hash.digest('hex').slice(0, 16);
}

function statOf(file) {
  const { mtimeMs, size } = statSync(file);
  return `${mtimeMs} ${size}\n`;
}

/** Made beside its place and moved there whole: two that make the same one do not meet. */
async function makeProgram(folder) {
  const making = makingFolder();
  try {
    const { build } = await import('esbuild');
    await build({
      entryPoints: { main: join(root, 'src', `${entry}.ts`) },
      outdir: making,
      bundle: true,
      splitting: true,
      platform: 'node',
      format: 'esm',
      target: `node${process.versions.node}`,
      packages: 'external',
      outExtension: { '.js': '.mjs' },
      chunkNames: 'chunks/[name]-[hash]',
      sourcemap: 'linked',
      sourcesContent: false,
      logLevel: 'error',
    });
    renameSync(making, folder);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    // somebody else has made it meanwhile
    if (!existsSync(join(folder, 'main.mjs'))) throw error;
  }
  dropOld();
}

function makingFolder() {
  try {
    mkdirSync(home, { recursive: true });
    return mkdtempSync(join(home, 'making-'));
  } catch (error) {
    throw new Error(
      `the sources have changed, and ${home} cannot be written (${error.code}): run \`npm run build\` as somebody who may`,
    );
  }
}

function dropOld() {
  const programs = readdirSync(home)
    .map((name) => ({
      path: join(home, name),
      madeMs: statSync(join(home, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
    }))
    .sort((a, b) => b.madeMs - a.madeMs);
  for (const { path, madeMs } of programs.slice(1 + kept)) {
    if (Date.now() - madeMs > hourMs) rmSync(path, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${await programOfSources()}\n`);
