/** Prometheus metrics of the daemon. State is read when it is scraped; events are counted as they happen. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry as MetricRegistry } from 'prom-client';
import type { Pipeline } from '../domain/pipeline.ts';
import type { Committed } from '../engine/engine-options.ts';
import type { HealthView } from '../planning/e2e/health-view.ts';
import { channelStates, clusterStates } from '../planning/explain/states.ts';
import type { StatusDocument } from '../planning/explain/status-document.ts';
import type { EventLoopLag } from '../support/event-loop-lag.ts';
import { type DeliverySources, registerDeliveryMetrics } from './delivery-metrics.ts';
import { type CheckMetrics, registerCheckMetrics } from './e2e-metrics.ts';
import { registerForgeMetrics } from './forge-metrics.ts';
import { type NewsMetrics, registerNewsMetrics } from './notify/news-metrics.ts';
import { registerPipelineMetrics } from './pipeline-metrics.ts';

export interface DaemonMetrics {
  /** Text format of Prometheus. */
  text: () => Promise<{ contentType: string; body: string }>;
  /** Something was committed. */
  committed: (commit: Committed) => void;
  step: (run: { machine: string; step: string; outcome: string; code?: string; wallMs: number }) => void;
  /** One call of a cloud or cluster API; `outcome` is `ok` or the failure's code. */
  providerCall: (provider: 'aws' | 'kube', operation: string, outcome: string, wallMs: number) => void;
  gitPoll: (outcome: string) => void;
  /** One call of the forge, and how many are left in this hour. */
  forgeCall: (outcome: string, remaining: number | undefined) => void;
  /** One delivery of a webhook. */
  webhook: (outcome: string) => void;
  /** One attempt to tell people. */
  news: NewsMetrics['attempt'];
  /** The results of one run of checks. */
  checks: CheckMetrics['observe'];
}

export interface MetricSources {
  version: string;
  status: () => Promise<StatusDocument>;
  engine(): {
    active: number;
    quarantined: number;
    stepsUnderWay: number;
    pendingMessages: number;
    nextWakeAt: number | null;
    pendingWakes?: number;
  };
  leaseHeld: () => boolean;
  lag: () => EventLoopLag;
  checks: () => HealthView;
  news: () => { sink: string; pending: number; dead: number }[];
  pipeline: () => Pipeline | undefined;
  delivery: DeliverySources;
}

const secondsBuckets = [0.005, 0.02, 0.1, 0.5, 1, 5, 30, 120];

export function createMetrics(sources: MetricSources): DaemonMetrics {
  const registry = new MetricRegistry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge({
    name: 'clm_build_info',
    help: 'Always 1; the label says which version runs.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version: sources.version, node: process.version }, 1);
  const transitions = new Counter({
    name: 'clm_engine_transitions_total',
    help: 'Committed transitions of processes.',
    labelNames: ['machine', 'event', 'to'],
    registers,
  });
  const steps = new Counter({
    name: 'clm_engine_steps_total',
    help: 'Steps that ended; `code` is the failure code, empty otherwise.',
    labelNames: ['machine', 'step', 'outcome', 'code'],
    registers,
  });
  const stepSeconds = new Histogram({
    name: 'clm_engine_step_duration_seconds',
    help: 'Wall time of steps.',
    labelNames: ['machine', 'step'],
    buckets: secondsBuckets,
    registers,
  });
  const calls = new Counter({
    name: 'clm_provider_calls_total',
    help: 'Calls of cloud and cluster APIs; `outcome` is ok or a failure code.',
    labelNames: ['provider', 'operation', 'outcome'],
    registers,
  });
  const callSeconds = new Histogram({
    name: 'clm_provider_call_duration_seconds',
    help: 'Wall time of calls of cloud and cluster APIs.',
    labelNames: ['provider'],
    buckets: secondsBuckets,
    registers,
  });
  const polls = new Counter({
    name: 'clm_git_polls_total',
    help: 'Looks at the configuration repository, by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const forge = registerForgeMetrics(registers);
  const moves = registerPipelineMetrics(registers, sources.pipeline);
  const delivery = registerDeliveryMetrics(registers, sources.delivery);
  registerEngineGauges(registers, sources);
  const fillFleet = registerFleetGauges(registers);
  const checks = registerCheckMetrics(registers, sources.checks);
  const news = registerNewsMetrics(registers, sources.news);
  return {
    text: async () => {
      const status = await sources.status();
      fillFleet(status);
      moves.fill(status);
      await delivery.fill(status);
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
    committed: (commit) => {
      const { row, event, to } = commit;
      transitions.inc({ machine: row.machine, event, to });
      if (row.machine === 'rollout' && row.status === 'final')
        moves.rolloutEnded(row.channel, to, (row.updatedAt - row.createdAt) / 1000);
      delivery.committed(commit);
    },
    step: ({ machine, step, outcome, code, wallMs }) => {
      steps.inc({ machine, step, outcome, code: code ?? '' });
      stepSeconds.observe({ machine, step }, wallMs / 1000);
    },
    providerCall: (provider, operation, outcome, wallMs) => {
      calls.inc({ provider, operation, outcome });
      callSeconds.observe({ provider }, wallMs / 1000);
    },
    gitPoll: (outcome) => polls.inc({ outcome }),
    checks: checks.observe,
    ...forge,
    news: news.attempt,
  };
}

function registerEngineGauges(registers: MetricRegistry[], sources: MetricSources): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('clm_leader', '1 while this daemon holds the lease.', () => (sources.leaseHeld() ? 1 : 0));
  gauge('clm_engine_processes_active', 'Processes that are not final.', () => sources.engine().active);
  gauge(
    'clm_engine_processes_quarantined',
    'Processes whose snapshot is not understood.',
    () => sources.engine().quarantined,
  );
  gauge('clm_engine_steps_under_way', 'Steps running now.', () => sources.engine().stepsUnderWay);
  gauge(
    'clm_engine_messages_pending',
    'Messages between processes that are not delivered yet.',
    () => sources.engine().pendingMessages,
  );
  gauge('clm_engine_next_wake_timestamp_seconds', 'Decision time of the earliest wake-up; 0 = none.', () => {
    const at = sources.engine().nextWakeAt;
    return at === null ? 0 : at / 1000;
  });
  new Gauge({
    name: 'clm_event_loop_lag_seconds',
    help: 'How late the event loop ran.',
    labelNames: ['quantile'],
    registers,
    collect() {
      const lag = sources.lag();
      this.set({ quantile: '0.5' }, lag.p50Ms / 1000);
      this.set({ quantile: '0.99' }, lag.p99Ms / 1000);
      this.set({ quantile: '1' }, lag.maxMs / 1000);
    },
  });
}

/** Gauges of the fleet; the returned function fills them from one document, so that they agree with each other. */
function registerFleetGauges(registers: MetricRegistry[]): (status: StatusDocument) => void {
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> =>
    new Gauge({ name, help, labelNames, registers });
  const rolloutInfo = gauge(
    'clm_rollout_info',
    'Always 1 for the newest rollout of a channel; labels say which, and in which state.',
    ['channel', 'commit', 'state'],
  );
  const channelState = gauge('clm_channel_state', '1 for the state that the channel is in, 0 for the others.', [
    'channel',
    'state',
  ]);
  const clusterState = gauge('clm_cluster_state', 'Clusters by channel and state.', ['channel', 'state']);
  const soak = gauge('clm_rollout_soak_observed_seconds', 'Soak observed so far by the newest rollout of a channel.', [
    'channel',
  ]);
  const problems = gauge('clm_problems', 'Problems shown by clm status, by severity.', ['severity']);
  return (status) => {
    for (const one of [rolloutInfo, channelState, clusterState, soak, problems]) one.reset();
    for (const severity of ['error', 'warning'] as const) {
      problems.set({ severity }, status.problems.filter((problem) => problem.severity === severity).length);
    }
    for (const channel of status.channels) {
      const { name, rollout } = channel;
      if (rollout !== undefined) rolloutInfo.set({ channel: name, commit: rollout.commit, state: rollout.state }, 1);
      for (const state of channelStates) channelState.set({ channel: name, state }, channel.state === state ? 1 : 0);
      if (channel.soak !== undefined) soak.set({ channel: name }, channel.soak.observedSeconds);
      const counts = new Map<string, number>(clusterStates.map((state) => [state, 0]));
      for (const cluster of status.clusters) {
        if (cluster.channel === name) counts.set(cluster.state, (counts.get(cluster.state) ?? 0) + 1);
      }
      for (const [state, count] of counts) clusterState.set({ channel: name, state }, count);
    }
  };
}
