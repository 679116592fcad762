import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';

/** Whether there is a kubectl to test with; says so when there is none. */
export function kubectlIsThere(): boolean {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write('There is no kubectl on this machine: its suite is skipped.\n');
    return false;
  }
}

/**
 * Versions that the servers say they have. A kubectl that chooses its client by the server's version takes an older one for the
 * first, and one that sends protobuf for the second.
 */
export const serverVersions = ['v1.31.4', 'v1.34.3'];

/** A home directory of its own for kubectl, with a kubeconfig for one server. */
export class KubectlHome {
  readonly #path = mkdtempSync(join(tmpdir(), 'kubectl-'));

  constructor(server: string) {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server } }],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'c',
    };
    writeFileSync(join(this.#path, 'config'), JSON.stringify(config));
  }

  /** Writes objects into a file, and returns its path. */
  file(name: string, ...objects: object[]): string {
    const path = join(this.#path, `${name}.yaml`);
    writeFileSync(path, objects.map((each) => stringify(each)).join('---\n'));
    return path;
  }

  /** Runs kubectl; what it printed on both streams, and its exit code. */
  async run(...args: string[]): Promise<{ out: string; code: number }> {
    try {
      const env = { ...process.env, HOME: this.#path, KUBECONFIG: join(this.#path, 'config') };
      const { stdout, stderr } = await promisify(execFile)('kubectl', args, { env, timeout: 60_000 });
      return { out: stdout + stderr, code: 0 };
    } catch (error) {
      const failed = error as { stdout?: string; stderr?: string; code?: number };
      return { out: `${failed.stdout ?? ''}${failed.stderr ?? ''}`, code: failed.code ?? -1 };
    }
  }

  remove(): void {
    rmSync(this.#path, { recursive: true, force: true });
  }
}
