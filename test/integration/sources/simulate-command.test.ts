/** `clm simulate --ref` on real repositories and registries: what policy tests of a configuration repository rely on. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WhatIfDocument } from '../../../src/cli/what-if/document.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { runCli } from '../../support/cli-io.ts';
import { clusterFile, type DaemonFolder, daemonFolder, removeTemplate } from '../../support/daemon-folder.ts';

const hour = 3_600_000;
/** A Friday, in UTC. */
const at = '2026-12-11T16:00Z';
const fleet = { dev: [1], alpha: [2], beta: [3, 4], stable: [5, 6] };

let folder: DaemonFolder;
let commit: string;
beforeEach(async () => {
  folder = await daemonFolder(0);
  for (const [channel, numbers] of Object.entries(fleet))
    for (const number of numbers) folder.write(`clusters/kube-${number}.yaml`, clusterFile(number, channel));
  commit = newImage();
});
afterEach(() => folder.remove());
afterAll(removeTemplate);

const id = (number: number): string => `aws:123456789012:eu-central-1:kube-${number}`;

/** A commit on a branch of its own, on top of dev, that replaces every node. */
function newImage(): string {
  const work = path.join(folder.path, 'work');
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: work, encoding: 'utf8' }).trim();
  execFileSync('git', ['clone', '-q', '-b', 'dev', path.join(folder.path, 'config.git'), work]);
  const file = path.join(work, 'cluster/config-defaults.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('ami-0c5f3a1d9b7e24680', 'ami-0c5f3a1d9b7e24999'));
  git('commit', '-qam', 'A newer image');
  git('push', '-q', 'origin', 'HEAD:refs/heads/newer');
  return git('rev-parse', 'HEAD');
}

const simulate = (...args: string[]) =>
  runCli(['simulate', '--config', folder.configFile, '--ref', 'newer', '--at', at, ...args]);

async function simulated(code: number, ...args: string[]): Promise<WhatIfDocument> {
  const run = await simulate('-o', 'json', ...args);
  expect([run.code, run.err.includes('clm:') ? run.err : '']).toEqual([code, '']);
  return JSON.parse(run.out) as WhatIfDocument;
}

const channelOf = (document: WhatIfDocument, name: string) => {
  const found = document.channels.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no channel ${name}`);
  return found;
};

describe('clm simulate --ref', { timeout: 60_000 }, () => {
  it('brings a commit through the shipped pipeline, channel by channel, and changes nothing', async () => {
    const before = folder.git('for-each-ref');
    const document = await simulated(0);
    expect(document).toMatchObject({ commit, outcome: 'promoted', why: null, draws: { run: 1, promoted: 1 } });
    const arrivals = document.channels.map((channel) => Date.parse(channel.arrivedAt ?? ''));
    expect(arrivals).toEqual([...arrivals].sort((a, b) => a - b));
    // alpha soaks for 4 hours, beta for a day
    expect((arrivals[2] ?? 0) - (arrivals[1] ?? 0)).toBeGreaterThan(4 * hour);
    expect((arrivals[3] ?? 0) - (arrivals[2] ?? 0)).toBeGreaterThan(24 * hour);
    expect(document.channels.map(({ updated, failed }) => [updated, failed])).toEqual([
      [1, 0],
      [1, 0],
      [2, 0],
      [2, 0],
    ]);
    expect(channelOf(document, 'dev').nodesReplaced).toBeGreaterThanOrEqual(3);
    expect(channelOf(document, 'beta').waves.map((wave) => wave.name)).toEqual(['canary', 'tenth']);
    expect(document.waits.filter((wait) => wait.code === 'soak').map((wait) => wait.channel)).toEqual([
      'dev',
      'alpha',
      'beta',
      'stable',
    ]);
    expect(folder.git('for-each-ref')).toBe(before);
    expect(existsSync(path.join(folder.path, '.clm'))).toBe(false);
  });

  it('stops where more clusters fail than the policy allows, and says why', async () => {
    const document = await simulated(3, '--faults', 'fail 2 at beta; block kube-9 at beta'.replace('kube-9', id(1)));
    expect(document.outcome).toBe('not-promoted');
    expect(channelOf(document, 'beta')).toMatchObject({ failed: 2, provenAt: null });
    expect(channelOf(document, 'stable').arrivedAt).toBeNull();
    expect(document.timeline.map((entry) => entry.kind)).toContain('rollout-halted');
    expect(JSON.stringify(document.why)).toContain('fail 2 at beta');
    // dev's cluster is none of beta's
    expect(document.unseenFaults).toEqual([`block ${id(1)} at beta`]);
    expect((await simulate('--faults', `fail ${id(3)}`)).code).toBe(0);
  });

  it('waits for budgets that block as long as they do', async () => {
    const free = await simulated(0);
    const blocked = await simulated(0, '--faults', `block ${id(2)} for 10h`);
    const later = (blocked.totalSeconds?.p50 ?? 0) - (free.totalSeconds?.p50 ?? 0);
    expect(later).toBeGreaterThan(9.5 * 3600);
    expect(later).toBeLessThan(10.5 * 3600);
    expect((await simulated(3, '--faults', `stall ${id(2)}`)).why).not.toBeNull();
  });

  it('says who keeps it waiting, and goes on when they say yes; branches stay where they are on weekends', async () => {
    const policy = path.join(folder.path, 'other.yaml');
    folder.write(
      'other.yaml',
      `roles: {sre: [ada, bob]}
windows:
  - {deny: weekends, work: [promotions]}
channels:
  - {name: dev, soak: 1h, gates: [{name: release, approval: {quorum: 2, roles: [sre]}}]}
  - {name: alpha, soak: 1h}
  - {name: beta, soak: 1h, maxParallel: 2}
  - {name: stable, soak: 1h, maxParallel: 2}
`,
    );
    const waits = await simulated(3, '--policy', policy);
    expect(waits.waits.at(-1)).toMatchObject({ channel: 'dev', code: 'gate-closed', until: null });
    expect(waits.waits.at(-1)?.openedBy).toContain('sre (ada, bob)');
    const through = await simulated(0, '--policy', policy, '--approve', 'release@dev=12h');
    expect(through.timeline.filter((entry) => entry.kind === 'approved').map((entry) => entry.channel)).toEqual([
      'dev',
      'dev',
    ]);
    // approved in the night to Saturday
    expect(channelOf(through, 'alpha').arrivedAt?.slice(0, 13)).toBe('2026-12-14T00');
    const text = await simulate('--policy', policy);
    expect(text.out).toContain('can open it: release: sre (ada, bob): clm approve');
  });

  it('begins with what a daemon has recorded: overrides and durations', async () => {
    const { path: file } = folder.config().store;
    mkdirSync(path.dirname(file), { recursive: true });
    const store = await openSqliteStore({ path: file });
    const now = Date.parse(at);
    const head = folder.git('rev-parse', 'dev');
    const tree = folder.git('rev-parse', 'dev:cluster');
    const heads = Object.fromEntries(Object.keys(fleet).map((name) => [name, { commit: head, tree, matches: true }]));
    const frozen = { kind: 'freeze', scope: 'channel:dev', actor: 'ada', reason: 'fair', expiresAt: now + 5 * hour };
    await store.post({
      now,
      facts: [
        { kind: 'adoption', key: 'fleet', value: { actor: 'ada', at: now, heads } },
        { kind: 'override', key: 'freeze/channel:dev', value: frozen },
        ...[1, 2, 3, 4, 5, 6].map((number) => ({
          kind: 'duration',
          key: id(number),
          value: { updates: [3 * hour] },
        })),
      ],
    });
    await store.close();
    const document = await simulated(0);
    const arrivedOnAlpha = Date.parse(channelOf(document, 'alpha').arrivedAt ?? '') - now;
    // frozen for five hours, three of work, one of soak
    expect(arrivedOnAlpha).toBeGreaterThan(8.5 * hour);
    expect(arrivedOnAlpha).toBeLessThan(9.8 * hour);
  });

  it('refuses what it cannot simulate, with everything that is wrong', async () => {
    const run = await simulate('--faults', 'fial x; fail nobody', '--approve', 'release', '--approve', 'all=soon');
    expect(run.code).toBe(2);
    expect(run.err).toContain("'fial x' is no fault");
    expect(run.err).toContain('there is no cluster nobody');
    expect(run.err).toContain('no gate of people is called release');
    expect(run.err).toContain('soon is no duration');
    expect((await runCli(['simulate'])).err).toContain('clm simulate --ref COMMIT');
    folder.git('branch', '-f', 'other', 'newer');
    folder.git('branch', '-f', 'dev', 'newer');
    const other = await runCli([
      'simulate',
      '--config',
      folder.configFile,
      '--ref',
      folder.git('rev-parse', 'other~1'),
    ]);
    expect([other.code, other.err]).toEqual([2, expect.stringContaining('is on dev already')]);
  });
});
