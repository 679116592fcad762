import { readFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DeliveryMetrics, registerDeliveryMetrics } from '../../../src/daemon/delivery-metrics.ts';
import { createMetrics } from '../../../src/daemon/metrics.ts';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import type { JournalEntry, ProcessRow, Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { channelFixture, clusterFixture, statusFixture } from '../../support/status-fixture.ts';

const hour = 3_600_000;
const start = Date.parse('2026-11-21T00:00:00.000Z');
const cluster = 'aws:123456789012:eu-central-1:kube-1';
const [old, head, lost] = ['a'.repeat(40), 'b'.repeat(40), 'c'.repeat(40)];

let store: Store;
let registry: Registry;
let metrics: DeliveryMetrics;
let errors: unknown[];
let asked: string[];

const commitInfo = async (commit: string) => ({
  ...{ commit, tree: commit, author: 'ada', subject: 'a change' },
  committedAt: new Date(start).toISOString(),
});
const source = {
  commitInfo,
  commitsBetween: async (from: string | undefined, to: string) => {
    asked.push(`${from?.slice(0, 1)}..${to.slice(0, 1)}`);
    if (from === lost) throw new FailureError(transient('git-corrupt', 'there is no such commit'));
    const at = (hours: number) => new Date(start + hours * hour).toISOString();
    return [
      { ...(await commitInfo(to)), committedAt: at(3) },
      { ...(await commitInfo('d'.repeat(40))), committedAt: at(2) },
    ];
  },
};

beforeEach(async () => {
  store = await openSqliteStore({ path: ':memory:' });
  registry = new Registry();
  errors = [];
  asked = [];
  metrics = registerDeliveryMetrics([registry], { store, source, onError: (error) => errors.push(error) });
});
afterEach(() => store.close());

const row = (change: Partial<ProcessRow>): ProcessRow => ({
  ...{ id: 'x', machine: 'rollout', version: 1, seq: 1, value: 'x', context: {}, status: 'active', wakeAt: null },
  ...{ parent: null, channel: 'beta', cluster, commit: head, createdAt: start, updatedAt: start },
  ...change,
});

/** As the engine does: written first, then heard of. */
async function written(kind: string, atHours: number, commit: string, data: JournalEntry['data'] = null) {
  const about = { source: 'rollout:beta', seq: 1, channel: 'beta', cluster: '', commit, message: kind };
  const entry: JournalEntry = { at: start + atHours * hour, kind, data, ...about };
  await store.post({ journal: [entry], now: entry.at });
  metrics.committed({ row: row({}), to: 'x', journal: [entry] });
  await metrics.counted();
}

describe('metrics of delivery', () => {
  it('tell what updates, rolls and runs of checks took once they are over, and which pods were forced', async () => {
    const over = { status: 'final' as const, updatedAt: start + hour };
    metrics.committed({ row: row({ ...over, machine: 'nodePoolRoll' }), to: 'rolled', journal: [] });
    metrics.committed({ row: row({ ...over, machine: 'clusterUpdate' }), to: 'updated', journal: [] });
    metrics.committed({ row: row({ ...over, machine: 'e2eRun' }), to: 'passed', journal: [] });
    const entry = { at: start, source: 'x', seq: 1, channel: 'beta', cluster, commit: head, message: 'deleted' };
    const forced = { ...entry, kind: 'pod-forced', data: { namespace: 'payments', pod: 'api-1' } };
    metrics.committed({ row: row({ machine: 'nodePoolRoll' }), to: 'rolling', journal: [forced, forced] });
    const text = await registry.metrics();
    expect(text).toContain('clm_node_roll_duration_seconds_sum{channel="beta",outcome="rolled"} 3600');
    expect(text).toContain('clm_node_roll_duration_seconds_count{channel="beta",outcome="rolled"} 1');
    expect(text).toContain('clm_reconcile_duration_seconds_sum{channel="beta",outcome="updated"} 3600');
    expect(text).toContain('clm_e2e_duration_seconds_sum{channel="beta",outcome="passed"} 3600');
    expect(text).toContain(`clm_forced_evictions_total{cluster="${cluster}",namespace="payments"} 2`);
  });

  it('tell how far clusters are behind, ask git once for the same two commits, and say nothing of what git does not know', async () => {
    const status = statusFixture({
      at: new Date(start + 10 * hour).toISOString(),
      channels: [channelFixture('beta', { head })],
      clusters: [
        clusterFixture('kube-1', { version: `${old}#1` }),
        clusterFixture('kube-2', { version: `${old}#2` }),
        clusterFixture('kube-3', { version: `${head}#1` }),
        clusterFixture('kube-4', { version: `${lost}#1` }),
      ],
    });
    await metrics.fill(status);
    await metrics.fill(status);
    const text = await registry.metrics();
    const of = (name: string, lag: string) =>
      new RegExp(`clm_cluster_revision_lag_${lag}\\{channel="beta",cluster="[^"]+:${name}"\\} (\\d+)`).exec(text)?.[1];
    expect([of('kube-1', 'commits'), of('kube-1', 'seconds')]).toEqual(['2', '28800']);
    expect([of('kube-2', 'commits'), of('kube-3', 'commits'), of('kube-3', 'seconds')]).toEqual(['2', '0', '0']);
    expect([of('kube-4', 'commits'), of('kube-4', 'seconds')]).toEqual([undefined, undefined]);
    expect(asked.filter((one) => one === 'a..b')).toHaveLength(1);
  });

  it('count deployments, lead times, failed changes once each, and the time until something is proven again', async () => {
    await written('rollout-proven', 5, old);
    await written('rollout-halted', 6, head);
    await written('rollout-halted', 7, head);
    await written('rollout-proven', 8, lost);
    await written('rollout-requested', 9, '', { lane: 'normal', commit: old });
    await written('rollout-requested', 10, '', { lane: 'rollback', commit: old });
    await written('rollout-proven', 12, old);
    const text = await registry.metrics();
    expect(text).toContain('clm_dora_deployments_total{channel="beta"} 2');
    expect(text).toContain('clm_dora_change_failures_total{channel="beta"} 2');
    expect(text).toContain(`clm_dora_lead_time_seconds_sum{channel="beta"} ${(5 + 8) * 3_600}`);
    expect(text).toContain(`clm_dora_time_to_restore_seconds_sum{channel="beta"} ${(2 + 2) * 3_600}`);
    expect(text).toContain('clm_dora_time_to_restore_seconds_count{channel="beta"} 2');
    expect(errors).toEqual([]);
  });

  it('tell which checks are flaky, as the history does', async () => {
    const run = (id: number) => ({
      ...{ id: `run-${id}`, kind: 'periodic' as const, profile: 'smoke', trigger: '', channel: 'beta', commit: head },
      ...{ clusterId: cluster, provider: 'aws', region: 'eu-central-1', environment: 'test', kubernetesVersion: '' },
      ...{
        startedAt: start + id,
        finishedAt: start + id + 1,
        verdict: 'pass' as const,
        reason: '',
        runnerVersion: '1',
      },
      ...{ contact: '', headers: {} },
    });
    const outcomes = ['pass', 'flaky', 'pass', 'pass'] as const;
    const result = (id: number, test: string, outcome: 'pass' | 'flaky') => ({
      ...{ runId: `run-${id}`, test, outcome, attempts: 1, startedAt: start + id, durationMs: 1, message: '' },
      ...{ signature: '', skipCode: '' as const, leaked: 0, nodes: [] },
    });
    const test = (key: string) => ({ key, title: key, area: 'dns', gate: 'blocking' as const });
    for (let id = 0; id < 8; id += 1)
      await store.e2e.record(
        run(id),
        [test('dns'), test('api')],
        [result(id, 'dns', outcomes[id % 4] ?? 'pass'), result(id, 'api', 'pass')],
      );
    await metrics.fill(statusFixture({ channels: [], clusters: [] }));
    const text = await registry.metrics();
    expect(text).toContain('clm_e2e_flake_ratio{check="dns"} 0.25');
    expect(text).toContain('clm_e2e_flake_ratio{check="api"} 0');
  });
});

describe('docs/metrics.md', () => {
  it('has every metric that the daemon offers, with an expression for alerts, and no other', async () => {
    const { text } = createMetrics({
      version: '1',
      status: async () => statusFixture(),
      engine: () => ({ active: 0, quarantined: 0, stepsUnderWay: 0, pendingMessages: 0, nextWakeAt: null }),
      leaseHeld: () => true,
      lag: () => ({ p50Ms: 0, p99Ms: 0, maxMs: 0 }),
      checks: () => ({ at: 0, rows: [], stale: [] }),
      news: () => [],
      pipeline: () => undefined,
      delivery: { store, source, onError: () => {} },
    });
    const { body } = await text();
    const offered = [...body.matchAll(/^# TYPE ((?:clm|e2etest)_\w+)/gm)].map((match) => match[1] ?? '');
    const lines = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8').split('\n');
    const rows = lines.filter((line) => line.startsWith('| `')).map((line) => line.split(/(?<!\\)\|/));
    const told = rows.flatMap((cells) => [...(cells[1] ?? '').matchAll(/`(\w+)(?:\{[^`]*\})?`/g)].map((one) => one[1]));
    expect(told.toSorted()).toEqual(offered.toSorted());
    expect(rows.filter((cells) => (cells[3] ?? '').trim() === '')).toEqual([]);
  });
});
