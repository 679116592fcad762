import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../src/support/project.ts';

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** A checkout in small: the real start and build, and a program of one line. */
describe('the program of a checkout', () => {
  let root: string;
  const write = (text: string) => writeFileSync(join(root, 'src', 'cli', 'main.ts'), text);
  const says = (word: string) =>
    `export async function main(args: string[]): Promise<number> { console.log('${word}', args.join()); return 3; }`;
  const clm = (...args: string[]) =>
    new Promise<Ended>((resolve) => {
      execFile(process.execPath, [join(root, 'bin', 'clm.mjs'), ...args], (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
      );
    });
  const programs = () => readdirSync(join(root, 'dist')).sort();

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'clm-program-'));
    for (const file of ['bin/clm.mjs', 'scripts/build.mjs', 'package.json'])
      cpSync(join(projectRoot, file), join(root, file));
    mkdirSync(join(root, 'src', 'cli'), { recursive: true });
    symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
    write(says('first'));
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is made once for the sources that are there, and anew when they change', async () => {
    const once = await Promise.all([clm('a', 'b'), clm('c')]);
    expect(once).toEqual([
      { code: 3, out: 'first a,b\n', err: '' },
      { code: 3, out: 'first c\n', err: '' },
    ]);
    const [made, ...others] = programs();
    expect(others).toEqual([]);
    await clm('d');
    expect(programs()).toEqual([made]);
    write(says('second'));
    expect((await clm('e')).out).toBe('second e\n');
    // what runs from the first keeps it
    expect(programs()).toHaveLength(2);
    expect(programs()).toContain(made);
  });

  it('keeps the newest five, and what is younger than an hour', async () => {
    for (let age = 1; age <= 9; age += 1) {
      const old = join(root, 'dist', `old-${age}`);
      mkdirSync(old, { recursive: true });
      const at = Date.now() / 1_000 - age * 1_000;
      utimesSync(old, at, at);
    }
    await clm();
    expect(programs().filter((name) => name.startsWith('old-'))).toEqual(['old-1', 'old-2', 'old-3', 'old-4']);
  });

  it('says what is wrong when it cannot be made, and leaves nothing behind', async () => {
    write('export const main = ;');
    expect(await clm()).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/its program cannot be made; nothing was touched: .*\n.*main\.ts:1:20/) as string,
    });
    expect(programs()).toEqual([]);
    rmSync(join(root, 'dist'), { recursive: true });
    writeFileSync(join(root, 'dist'), 'in the way');
    expect((await clm()).err).toMatch(/dist cannot be written \(EEXIST\): run `npm run build` as somebody who may\n$/);
  });
});
