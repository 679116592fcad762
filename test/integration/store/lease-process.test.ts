import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';

const holder = fileURLToPath(new URL('../../support/lease-holder.ts', import.meta.url));

describe('the lease between processes', () => {
  let directory = '';
  let path = '';
  const children: ChildProcess[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'clm-lease-'));
    path = join(directory, 'clm.db');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    rmSync(directory, { recursive: true, force: true });
  });

  function start(): { child: ChildProcess; lines: Interface } {
    const child = spawn(process.execPath, ['--import', 'tsx', holder, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    return { child, lines: createInterface({ input: child.stdout }) };
  }

  async function nextLine(lines: Interface): Promise<string> {
    const [line] = (await once(lines, 'line')) as [string];
    return line;
  }

  it('passes on when its holder is killed with SIGKILL', async () => {
    const { child, lines } = start();
    expect(await nextLine(lines)).toBe('held');
    const store = await openSqliteStore({ path });
    let told: () => void = () => {};
    const waits = new Promise<void>((resolve) => {
      told = resolve;
    });
    const next = store.acquireLease({ holder: 'test', signal: new AbortController().signal, onWait: () => told() });
    await waits;
    child.kill('SIGKILL');
    const lease = await next;
    expect(lease.held()).toBe(true);
    await store.close();
  });

  it('is held by one of two processes, and the second takes over from the first', async () => {
    const first = start();
    expect(await nextLine(first.lines)).toBe('held');
    const second = start();
    expect(await nextLine(second.lines)).toBe('waiting');
    first.child.kill('SIGKILL');
    expect(await nextLine(second.lines)).toBe('held');
  });
});
