/** The ledger of standalone runs: one file a run, so that a run that was killed can be cleaned up by the next one. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import type { CheckLedger, LedgerEntry } from '../../ports/check-runner.ts';

interface Header {
  run: string;
  /** UID of the cluster's kube-system: the same whatever the kubeconfig calls it. */
  cluster: string;
  pid: number;
}

type Line = { header: Header } | { entry: LedgerEntry } | { closed: string };

/** `$XDG_STATE_HOME/clm/e2e`, by default below `~/.local/state`. */
export function ledgerFolder(environment: NodeJS.ProcessEnv): string {
  const state = environment['XDG_STATE_HOME'] ?? path.join(environment['HOME'] ?? '.', '.local', 'state');
  return path.join(state, 'clm', 'e2e');
}

export class FileLedger implements CheckLedger {
  readonly #folder: string;
  readonly #cluster: string;

  constructor(folder: string, cluster: string) {
    this.#folder = folder;
    this.#cluster = cluster;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  async write(entry: LedgerEntry): Promise<void> {
    if (!existsSync(this.#file(entry.run))) {
      this.#append(entry.run, { header: { run: entry.run, cluster: this.#cluster, pid: process.pid } });
    }
    this.#append(entry.run, { entry });
  }

  async close(run: string, check: string): Promise<void> {
    if (!existsSync(this.#file(run))) return;
    this.#append(run, { closed: check });
    if ((await this.open(run)).length === 0) rmSync(this.#file(run), { force: true });
  }

  async open(run: string): Promise<LedgerEntry[]> {
    let entries: LedgerEntry[] = [];
    for (const line of this.#read(this.#file(run))) {
      if ('entry' in line) entries.push(line.entry);
      else if ('closed' in line) entries = entries.filter((entry) => entry.check !== line.closed);
    }
    return entries;
  }

  /** Every run on this cluster, whatever the kubeconfig calls it. */
  async openRuns(_clusterId: string): Promise<string[]> {
    return this.#headers().map((header) => header.run);
  }

  /** Runs on this cluster whose process is gone and whose things may still be there. */
  abandoned(): string[] {
    return this.#headers().flatMap((header) => (isAlive(header.pid) ? [] : [header.run]));
  }

  #headers(): Header[] {
    const files = readdirSync(this.#folder).filter((name) => name.endsWith('.jsonl'));
    return files.sort().flatMap((name) => {
      const header = this.#read(path.join(this.#folder, name)).find((line) => 'header' in line)?.header;
      return header?.cluster === this.#cluster ? [header] : [];
    });
  }

  #file(run: string): string {
    return path.join(this.#folder, `${run.replace(/[^\w.-]/g, '_')}.jsonl`);
  }

  #append(run: string, line: Line): void {
    const file = openSync(this.#file(run), 'a', 0o600);
    try {
      writeSync(file, `${JSON.stringify(line)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** A line that a kill cut short names something that was never made. */
  #read(file: string): Line[] {
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((text) => {
        try {
          return text === '' ? [] : [JSON.parse(text) as Line];
        } catch {
          return [];
        }
      });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
