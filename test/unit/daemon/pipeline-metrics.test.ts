import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { registerPipelineMetrics } from '../../../src/daemon/pipeline-metrics.ts';
import { parsePipeline } from '../../../src/sources/pipeline/parse-pipeline.ts';
import { channelFixture, clusterFixture, statusFixture } from '../../support/status-fixture.ts';

const at = '2026-11-21T12:00:00.000Z';
const earlier = '2026-11-21T11:00:00.000Z';

describe('metrics of the pipeline', () => {
  it('tell gates, what is left of failure budgets, what waits and blocks, and how long rollouts took', async () => {
    const parsed = parsePipeline('pipeline.yaml', 'channels: [{name: beta, maxFailures: 3}]');
    if (!parsed.ok) throw new Error('no pipeline');
    const registry = new Registry();
    const metrics = registerPipelineMetrics([registry], () => parsed.pipeline);
    const gate = { name: 'errors', state: 'inconclusive' as const, reason: 'no data', openedBy: '', since: at };
    const counts = { total: 5, updated: 2, inFlight: 0, queued: 1, blocked: 0, stalled: 1, failed: 1 };
    const waits = [{ code: 'window-closed', message: 'night', since: earlier }];
    const blocker = { code: 'budget', message: 'none allowed', namespace: 'payments', budget: 'api', since: earlier };
    const status = statusFixture({
      ...{ at, channels: [channelFixture('beta', { gates: [gate], counts, waits })] },
      clusters: [clusterFixture('kube-1', { blocker })],
    });
    metrics.fill(status);
    metrics.rolloutEnded('beta', 'proven', 7_200);
    const text = await registry.metrics();
    expect(text).toContain('clm_promotion_gate_state{channel="beta",gate="errors",state="inconclusive"} 1');
    expect(text).toContain('clm_promotion_gate_state{channel="beta",gate="errors",state="open"} 0');
    expect(text).toContain('clm_failure_budget_remaining{channel="beta"} 1');
    expect(text).toContain('clm_rollout_waiting_seconds{channel="beta",reason="window-closed"} 3600');
    expect(text).toMatch(/clm_drain_blocked_seconds\{cluster="[^"]+",namespace="payments",pdb="api"\} 3600/);
    expect(text).toContain('clm_rollout_duration_seconds_sum{channel="beta",outcome="proven"} 7200');
    // in flight for an hour, then at rest for another: a second rollout begins anew
    const rollout = { id: 'r1', commit: 'c', state: 'updating', startedAt: at, active: true };
    const seen = (hours: number, id: string, inFlight: number): void =>
      metrics.fill({
        ...{ ...status, at: new Date(Date.parse(at) + hours * 3_600_000).toISOString() },
        channels: [channelFixture('beta', { rollout: { ...rollout, id }, counts: { ...counts, inFlight } })],
      });
    seen(0, 'r1', 2);
    seen(1, 'r1', 0);
    seen(2, 'r1', 0);
    expect(await registry.metrics()).toContain('clm_rollout_active_seconds{channel="beta"} 3600');
    seen(3, 'r2', 1);
    expect(await registry.metrics()).toContain('clm_rollout_active_seconds{channel="beta"} 0');
    metrics.fill({ ...status, channels: [], clusters: [] });
    expect(await registry.metrics()).not.toContain('gate="errors"');
  });
});
