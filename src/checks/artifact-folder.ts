/** Files that checks keep: logs and reports of suites, below one folder a run. */
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactStore } from './run-check.ts';

/** A name that is one part of a path, whatever a run is called. */
const part = (name: string): string => name.replace(/[^\w.@-]+/g, '-').replace(/^\.+/, '') || '-';

export class ArtifactFolder implements ArtifactStore {
  readonly #root: string;
  /** Without a run of its own: everything of one run goes into the folder itself. */
  readonly #flat: boolean;

  constructor(root: string, options: { flat?: boolean } = {}) {
    this.#root = root;
    this.#flat = options.flat ?? false;
  }

  async write(run: string, check: string, name: string, content: string | Uint8Array): Promise<void> {
    const parts = [...(this.#flat ? [] : [part(run)]), part(check), ...name.split('/').map(part)];
    const file = path.join(this.#root, ...parts);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, content, { mode: 0o600 });
  }

  /** Deletes folders of runs that were last written to before `beforeMs` of wall time. Returns how many. */
  async prune(beforeMs: number): Promise<number> {
    let gone = 0;
    for (const name of await readdir(this.#root).catch(() => [])) {
      const folder = path.join(this.#root, name);
      if ((await newest(folder)) >= beforeMs) continue;
      await rm(folder, { recursive: true, force: true });
      gone += 1;
    }
    return gone;
  }
}

async function newest(place: string): Promise<number> {
  const found = await stat(place);
  if (!found.isDirectory()) return found.mtimeMs;
  const inside = await Promise.all((await readdir(place)).map((name) => newest(path.join(place, name))));
  return Math.max(found.mtimeMs, ...inside);
}
