/** How versions move, for Prometheus: gates, failure budgets, budgets that block, and how long rollouts took. */
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Pipeline } from '../domain/pipeline.ts';
import type { StatusDocument } from '../planning/explain/status-document.ts';

export interface PipelineMetrics {
  /** Fills the gauges from one document, so that they agree with each other. */
  fill: (status: StatusDocument) => void;
  /** A rollout is over; `outcome` is its last state. */
  rolloutEnded: (channel: string, outcome: string, seconds: number) => void;
}

interface Activity {
  rollout: string;
  ms: number;
  /** Decision time of the last scrape, and whether clusters were in flight then. */
  at: number;
  inFlight: boolean;
}

const gateStates = ['open', 'closed', 'inconclusive'] as const;
const hours = 3_600;

export function registerPipelineMetrics(registers: Registry[], pipeline: () => Pipeline | undefined): PipelineMetrics {
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> =>
    new Gauge({ name, help, labelNames, registers });
  const gates = gauge(
    'clm_promotion_gate_state',
    '1 for the state that a gate of the rollout under way is in, 0 for the others.',
    ['channel', 'gate', 'state'],
  );
  const budget = gauge('clm_failure_budget_remaining', 'Clusters of a channel that may yet fail before it halts.', [
    'channel',
  ]);
  const blocked = gauge('clm_drain_blocked_seconds', 'For how long a pod disruption budget has blocked a drain.', [
    'cluster',
    'namespace',
    'pdb',
  ]);
  const waits = gauge('clm_rollout_waiting_seconds', 'For how long the rollout under way has waited, by what for.', [
    'channel',
    'reason',
  ]);
  const active = gauge(
    'clm_rollout_active_seconds',
    'For how long clusters of the rollout under way have been in flight, as far as scrapes have seen it.',
    ['channel'],
  );
  const activity = new Map<string, Activity>();
  const durations = new Histogram({
    name: 'clm_rollout_duration_seconds',
    help: 'Time from the start of a rollout to its end, in decision time.',
    labelNames: ['channel', 'outcome'],
    buckets: [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 24, 48, 96, 168].map((each) => each * hours),
    registers,
  });
  return {
    rolloutEnded: (channel, outcome, seconds) => durations.observe({ channel, outcome }, seconds),
    fill: (status) => {
      for (const one of [gates, budget, blocked, waits, active]) one.reset();
      const now = Date.parse(status.at);
      const since = (text: string | undefined): number =>
        text === undefined ? 0 : Math.max(0, (now - Date.parse(text)) / 1000);
      for (const { name: channel, gates: asked, counts, waits: waiting, rollout } of status.channels) {
        if (rollout?.active !== true) activity.delete(channel);
        else {
          const seen = activityNow(activity.get(channel), { rollout: rollout.id, inFlight: counts.inFlight > 0, now });
          activity.set(channel, seen);
          active.set({ channel }, seen.ms / 1000);
        }
        for (const gate of asked)
          for (const state of gateStates) gates.set({ channel, gate: gate.name, state }, gate.state === state ? 1 : 0);
        const allowed = pipeline()?.channels.find((one) => one.name === channel)?.maxFailures;
        if (allowed !== undefined) budget.set({ channel }, Math.max(0, allowed - counts.failed - counts.stalled));
        for (const { code: reason, since: from } of waiting) waits.set({ channel, reason }, since(from));
      }
      for (const { id: cluster, blocker } of status.clusters) {
        if (blocker?.budget === undefined) continue;
        blocked.set({ cluster, namespace: blocker.namespace ?? '', pdb: blocker.budget }, since(blocker.since));
      }
    },
  };
}

function activityNow(
  before: Activity | undefined,
  seen: { rollout: string; inFlight: boolean; now: number },
): Activity {
  const { rollout, inFlight, now } = seen;
  const ms = before?.rollout === rollout ? before.ms + (before.inFlight ? Math.max(0, now - before.at) : 0) : 0;
  return { rollout, ms, at: now, inFlight };
}
