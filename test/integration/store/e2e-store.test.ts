import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resultRecords, runRecord } from '../../../src/planning/e2e/run-record.ts';
import type { CheckOutcome, CheckResult, LedgerEntry } from '../../../src/ports/check-runner.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { runCli } from '../../support/cli-io.ts';

const day = 24 * 3_600_000;
const now = Date.UTC(2026, 0, 10);

async function keep(
  store: Store,
  id: string,
  clusterId: string,
  startedAt: number,
  outcome: CheckOutcome,
): Promise<void> {
  const result: CheckResult = {
    check: 'dns.cluster',
    gate: 'blocking',
    outcome,
    message: outcome === 'pass' ? 'well' : 'no answer from 10.0.0.7',
    startedAt,
    durationMs: 2_000,
    attempts: 1,
    leaked: [],
  };
  const run = runRecord(
    {
      id,
      kind: 'cluster-update',
      profile: 'smoke',
      trigger: id,
      channel: 'dev',
      commit: 'c0ffee0c0ffee',
      clusterId,
      provider: 'aws',
      region: 'eu-central-1',
      environment: 'test',
      kubernetesVersion: 'v1.31.4',
      startedAt,
      now: startedAt + 60_000,
      runnerVersion: '0.1.0',
      contact: '',
      headers: {},
    },
    [result],
  );
  const tests = [{ key: 'dns.cluster', title: 'Names resolve', area: 'dns', gate: 'blocking' as const }];
  await store.e2e.record(run, tests, resultRecords(id, [result]));
}

const entry = (run: string, seq: number, check: string): LedgerEntry => ({
  run,
  cluster: 'kube-1',
  check,
  seq,
  at: now,
  what: {
    kind: 'object',
    resource: { group: '', version: 'v1', resource: 'services', kind: 'Service', namespaced: true },
    namespace: 'n',
    name: `s${seq}`,
  },
});

describe('history and ledger of end-to-end runs', () => {
  let folder: string;
  let file: string;
  let store: Store;

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'clm-e2e-store-'));
    file = path.join(folder, 'clm.db');
    store = await openSqliteStore({ path: file });
  });

  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps a run once, however often it is recorded', async () => {
    await keep(store, 'r1', 'kube-1', now, 'fail');
    await keep(store, 'r1', 'kube-1', now, 'pass');
    const runs = await store.e2e.runs({ limit: 10 });
    expect(runs.map((run) => [run.id, run.verdict])).toEqual([['r1', 'pass']]);
    expect((await store.e2e.run('r1'))?.results).toMatchObject([
      { test: 'dns.cluster', outcome: 'pass', signature: '' },
    ]);
    expect(await store.e2e.run('r2')).toBeUndefined();
  });

  it('answers by cluster, time and limit: the newest runs, their results oldest first', async () => {
    for (let index = 0; index < 5; index++)
      await keep(store, `r${index}`, `kube-${index % 2}`, now + index * day, 'pass');
    const ids = async (filter: object): Promise<string[]> =>
      (await store.e2e.runs({ limit: 10, ...filter })).map((run) => run.id);
    expect(await ids({})).toEqual(['r4', 'r3', 'r2', 'r1', 'r0']);
    expect(await ids({ clusterId: 'kube-1' })).toEqual(['r3', 'r1']);
    expect(await ids({ since: now + 3 * day })).toEqual(['r4', 'r3']);
    expect(await ids({ commit: 'other' })).toEqual([]);
    const results = await store.e2e.results({ limit: 2 });
    expect(results.map((one) => [one.runId, one.clusterId])).toEqual([
      ['r3', 'kube-1'],
      ['r4', 'kube-0'],
    ]);
  });

  it('knows when a test was first and last seen', async () => {
    await keep(store, 'r2', 'kube-1', now + day, 'pass');
    await keep(store, 'r1', 'kube-1', now, 'pass');
    await keep(store, 'r3', 'kube-1', now + 2 * day, 'pass');
    expect(await store.e2e.tests()).toMatchObject([{ key: 'dns.cluster', firstSeen: now, lastSeen: now + 2 * day }]);
  });

  it('forgets old runs with their results', async () => {
    await keep(store, 'r1', 'kube-1', now, 'pass');
    await keep(store, 'r2', 'kube-1', now + day, 'pass');
    expect(await store.e2e.pruneHistory(now + 1)).toBe(1);
    expect(await store.e2e.results({ limit: 10 })).toHaveLength(1);
  });

  it('keeps the last pass and the first failure after it of clusters that are still checked, however old', async () => {
    const story: [string, string, CheckOutcome][] = [
      ['well-before', 'kube-1', 'pass'],
      ['last-green', 'kube-1', 'pass'],
      ['first-failure', 'kube-1', 'fail'],
      ['second-failure', 'kube-1', 'fail'],
      ['well-again', 'kube-2', 'pass'],
      ['gone', 'kube-3', 'fail'],
    ];
    for (const [at, [id, cluster, outcome]] of story.entries()) await keep(store, id, cluster, now + at, outcome);
    await keep(store, 'now-failing', 'kube-1', now + day, 'fail');
    await keep(store, 'now-well', 'kube-2', now + day, 'pass');
    expect(await store.e2e.pruneHistory(now + day)).toBe(4);
    expect((await store.e2e.runs({ limit: 10 })).map((run) => run.id)).toEqual([
      'now-well',
      'now-failing',
      'first-failure',
      'last-green',
    ]);
    // nobody looks any more: nothing of it stays
    expect(await store.e2e.pruneHistory(now + 2 * day)).toBe(4);
  });

  it('keeps the ledger over a restart until a check is closed', async () => {
    await store.e2e.write(entry('r1', 0, 'a'));
    await store.e2e.write(entry('r1', 1, 'b'));
    await store.e2e.write(entry('r2', 0, 'a'));
    await store.close();
    store = await openSqliteStore({ path: file });
    expect(await store.e2e.openRuns('kube-1')).toEqual(['r1', 'r2']);
    await store.e2e.close('r1', 'a');
    expect(await store.e2e.open('r1')).toEqual([entry('r1', 1, 'b')]);
  });

  it('is shown by the command line without a daemon, and exported as Prow writes it', async () => {
    await keep(store, 'r1', 'kube-1', now, 'pass');
    await keep(store, 'r2', 'kube-1', now + 60_000, 'fail');
    await keep(store, 'r3', 'kube-2', now + 120_000, 'fail');
    const config = path.join(folder, 'clm.yaml');
    writeFileSync(
      config,
      `stateDir: ${folder}\nconfigRepository: {url: ${folder}}\nregistry: {kind: directory, path: ${folder}}\naccounts: a.yaml\npipeline: p.yaml\nstore: sqlite:${file}\nproviders: {aws: {}, kubernetes: {}}\n`,
    );
    const clm = (...args: string[]) =>
      runCli([...args, '--config', config], { environment: { CLM_CLOCK: `${now + 200_000}@1` } });
    const history = await clm('e2e', 'history', '--since', '20000d');
    expect(history.err).toContain('daemon not running');
    expect(history.out).toMatch(/2026-01-10 00:02\s+kube-2\s+smoke\s+c0ffee0\s+fail/);
    expect((await clm('e2e', 'history', '--since', '20000d', '--grid', 'clusters')).out).toMatch(/dns\.cluster {2}FF/);
    expect((await clm('e2e', 'show', 'r2')).out).toMatch(/dns\.cluster\s+fail/);
    expect((await clm('e2e', 'show', 'none')).code).toBe(2);
    expect((await clm('e2e', 'failures', '--since', '20000d')).out).toMatch(
      /2\s+2\s+dns\.cluster\s.*no answer from <ip>/,
    );
    expect((await clm('e2e', 'flakes', '--since', '20000d', '--min-runs', '1')).out).toMatch(/dns\.cluster\s+3\s+2/);
    const out = path.join(folder, 'bucket');
    expect((await clm('e2e', 'export', out, '--since', '20000d')).out).toContain('3 runs in 15 files');
    expect((await clm('e2e', 'import', out, '--contact', 'me', '--cluster', 'x')).code).toBe(4);
  });
});
