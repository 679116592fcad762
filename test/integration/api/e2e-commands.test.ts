/** Commands on the history of checks, from the command line over the socket into a real store and back. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../../src/api/server.ts';
import { createRunImport } from '../../../src/daemon/import-run.ts';
import { createQuarantines } from '../../../src/daemon/quarantines.ts';
import type { Quarantine } from '../../../src/ports/check-runner.ts';
import type { ResultRecord } from '../../../src/ports/e2e-store.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { fixedBackend } from '../../support/api-backend.ts';
import { runCli } from '../../support/cli-io.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

const hour = 3_600_000;

interface Place {
  store: Store;
  /** Epoch ms, moved by tests. */
  clock: { now: number };
  clm(...args: string[]): ReturnType<typeof runCli>;
  close(): Promise<void>;
}

let folder: string;
let places: Place[];

async function place(name: string): Promise<Place> {
  const socket = path.join(folder, `${name}.sock`);
  const store = await openSqliteStore({ path: ':memory:' });
  const clock = { now: Date.now() };
  const parts = { store, now: () => clock.now };
  const backend = {
    ...fixedBackend(),
    store,
    checks: createQuarantines({ ...parts, clusters: () => [sampleCluster] }),
    importRun: createRunImport(parts),
  };
  const server: ApiServer = await startApiServer({ backend, socketPath: socket, log: silentLogger(), version: '1' });
  const made: Place = {
    store,
    clock,
    clm: (...args) => runCli([...args, '--socket', socket]),
    close: async () => {
      await server.close();
      await store.close();
    },
  };
  places.push(made);
  return made;
}

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'clm-e2e-'));
  places = [];
});
afterEach(async () => {
  for (const one of places) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('clm e2e quarantine', () => {
  const listed = async ({ clm }: Place): Promise<Quarantine[]> =>
    (JSON.parse((await clm('e2e', 'quarantines', '-o', 'json')).out) as { quarantines: Quarantine[] }).quarantines;

  it('leaves a check out with who, why and until when; lists it; and lets it go by itself', async () => {
    const here = await place('one');
    const { clm, clock, store } = here;
    const issue = 'https://example.org/7';
    const made = await clm(
      ...['e2e', 'quarantine', 'lb.service', '--for', '4h', '--cluster', sampleCluster.alias, '--issue', issue],
      ...['--reason', 'quota, ticket open', '--as', 'sam'],
    );
    expect([made.code, made.err]).toEqual([0, '']);
    expect(made.out).toMatch(/sam quarantined check lb\.service on \S+ until \S+: quota, ticket open\n.*QUARANTINED/);
    expect(await listed(here)).toEqual([
      {
        check: 'lb.service',
        cluster: sampleCluster.id,
        until: clock.now + 4 * hour,
        reason: 'quota, ticket open',
        actor: 'sam',
        issue,
      },
    ]);
    expect((await clm('e2e', 'quarantines')).out).toMatch(/lb\.service\s+\S+\s+\S+\s+sam\s+quota/);
    clock.now += 4 * hour;
    expect(await listed(here)).toEqual([]);
    expect((await clm('e2e', 'quarantines')).out).toContain('no check is quarantined');
    const said = (await store.journal({ limit: 10 })).filter((entry) => entry.kind === 'e2e-quarantined');
    expect(said).toMatchObject([{ source: 'operator:sam', cluster: sampleCluster.id, data: { check: 'lb.service' } }]);
  });

  it('ends before its time, once, and says what else is quarantined', async () => {
    const here = await place('one');
    const { clm } = here;
    const because = ['--reason', 'repaired', '--as', 'kim'];
    await clm('e2e', 'quarantine', 'dns.cluster', '--for', '7d', '--reason', 'known', '--as', 'sam');
    const elsewhere = await clm('e2e', 'unquarantine', 'lb.service', ...because);
    expect([elsewhere.code, elsewhere.err]).toEqual([3, expect.stringContaining('Quarantined are: dns.cluster.')]);
    expect((await clm('e2e', 'unquarantine', 'dns.cluster', ...because)).code).toBe(0);
    expect(await listed(here)).toEqual([]);
    expect((await clm('e2e', 'unquarantine', 'dns.cluster', ...because)).err).toContain('Nothing is quarantined.');
  });

  it('takes no check that is not there, no span that is none, and nothing without a reason', async () => {
    const { clm } = await place('one');
    const why = ['--reason', 'testing', '--as', 'sam'];
    const typed = await clm('e2e', 'quarantine', 'lb.sevice', '--for', '4h', ...why);
    expect([typed.code, typed.err]).toEqual([2, expect.stringContaining('lb.service')]);
    const span = await clm('e2e', 'quarantine', 'lb.service', '--for', 'long', ...why);
    expect([span.code, span.err]).toEqual([2, expect.stringContaining("'long' is no span of a minute or more")]);
    const ever = await clm('e2e', 'quarantine', 'lb.service', '--for', '91d', ...why);
    expect(ever.code).toBe(2);
    expect((await clm('e2e', 'quarantine', 'lb.service', '--for', '4h')).code).toBe(2);
    expect((await clm('e2e', 'quarantines')).out).toContain('no check is quarantined');
  });
});

describe('clm e2e import', () => {
  const report = `<testsuites><testsuite name="nightly"><testcase name="a &quot;quoted&quot; [name]" time="1.5"/>
    <testcase name="b" time="2"><failure message="no mail &lt;today&gt;"/></testcase>
    <testcase name="c"><skipped/></testcase></testsuite></testsuites>`;
  const results = async ({ store }: Place): Promise<Partial<ResultRecord>[]> =>
    (await store.e2e.results({ limit: 100 })).map(({ test, outcome, message, durationMs }) => ({
      ...{ test, outcome, message, durationMs },
    }));
  const about = ['--contact', 'team-x', '--cluster', 'kube-1', '--as', 'sam'];

  it('keeps a report, which can be exported as Prow writes it and imported elsewhere: the same comes out', async () => {
    const [here, there] = [await place('here'), await place('there')];
    const file = path.join(folder, 'nightly.xml');
    writeFileSync(file, report);
    const kept = await here.clm('e2e', 'import', file, ...about);
    expect([kept.code, kept.err]).toEqual([0, '']);
    expect(kept.out).toContain('1 run is imported; clm e2e history --cluster kube-1');
    const before = await results(here);
    expect(before).toHaveLength(3);
    expect(before.map((one) => one.outcome).sort()).toEqual(['fail', 'pass', 'skipped']);
    expect(before.find((one) => one.outcome === 'fail')?.message).toBe('no mail <today>');
    expect(await here.store.e2e.runs({ limit: 10 })).toMatchObject([{ clusterId: 'kube-1', contact: 'team-x' }]);

    const bucket = path.join(folder, 'bucket');
    const exported = await here.clm('e2e', 'export', bucket, '--since', '30d');
    expect([exported.code, exported.err]).toEqual([0, expect.any(String)]);
    expect(
      readdirSync(bucket, { recursive: true })
        .map(String)
        .filter((name) => /started|finished|junit/.test(name)),
    ).toHaveLength(3);

    const again = await there.clm('e2e', 'import', bucket, ...about);
    expect([again.code, again.err]).toEqual([0, '']);
    const names = (all: Partial<ResultRecord>[]) =>
      all
        .map(({ test, ...rest }) => ({ ...rest, test: test?.split('/').at(-1) }))
        .sort((a, b) => String(a.test).localeCompare(String(b.test)));
    expect(names(await results(there))).toEqual(names(before));
    const [said] = (await there.store.journal({ limit: 5 })).filter((entry) => entry.kind === 'e2e-imported');
    expect(said).toMatchObject({ source: 'operator:sam', data: { results: 3 } });
    expect(said?.message).toContain('team-x answers for it');
  });

  it('takes a run as large as a conformance run, which is more than other requests may send', async () => {
    const here = await place('here');
    const file = path.join(folder, 'conformance.xml');
    const failure = '<failure message="timed out waiting for the condition after 5m0s, and its events"/>';
    const cases = Array.from({ length: 2_000 }, (_, index) => `<testcase name="case ${index}">${failure}</testcase>`);
    writeFileSync(file, `<testsuites><testsuite name="conformance">${cases.join('')}</testsuite></testsuites>`);
    const kept = await here.clm('e2e', 'import', file, ...about);
    expect([kept.code, kept.err]).toEqual([0, '']);
    expect(await here.store.e2e.results({ limit: 5_000 })).toHaveLength(2_000);
  });

  it('keeps nothing when one of several cannot be read, and says which', async () => {
    const here = await place('here');
    const good = path.join(folder, 'logs', 'job', '1');
    const bad = path.join(folder, 'logs', 'job', '2');
    for (const one of [good, bad]) mkdirSync(path.join(one, 'artifacts'), { recursive: true });
    for (const one of [good, bad]) writeFileSync(path.join(one, 'started.json'), '{"timestamp":1700000000}');
    writeFileSync(path.join(good, 'finished.json'), '{"timestamp":1700000100,"passed":true}');
    writeFileSync(path.join(good, 'artifacts', 'junit_01.xml'), report);
    writeFileSync(path.join(bad, 'finished.json'), 'well');
    const refused = await here.clm('e2e', 'import', path.join(folder, 'logs'), ...about);
    expect(refused.code).toBe(2);
    expect(refused.err).toMatch(/nothing was imported[\s\S]*job\/2/);
    expect(await here.store.e2e.runs({ limit: 10 })).toEqual([]);
  });
});
