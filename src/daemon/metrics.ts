/** Prometheus metrics of the daemon. State is read when it is scraped; events are counted as they happen. */
import { Counter, Gauge, Histogram, Registry as MetricRegistry, collectDefaultMetrics } from 'prom-client';
import { channelStates, clusterStates, type StatusDocument } from '../planning/explain/status-document.ts';
import type { EventLoopLag } from '../support/event-loop-lag.ts';

export interface DaemonMetrics {
  /** Text format of Prometheus. */
  text(): Promise<{ contentType: string; body: string }>;
  transition(machine: string, event: string, to: string): void;
  step(run: { machine: string; step: string; outcome: string; code?: string; wallMs: number }): void;
  /** One call of a cloud or cluster API; `outcome` is `ok` or the failure's code. */
  providerCall(provider: 'aws' | 'kube', operation: string, outcome: string, wallMs: number): void;
  gitPoll(outcome: string): void;
}

export interface MetricSources {
  version: string;
  status(): Promise<StatusDocument>;
  engine(): { active: number; quarantined: number; stepsUnderWay: number; pendingMessages: number; nextWakeAt: number | null; pendingWakes?: number };
  leaseHeld(): boolean;
  lag(): EventLoopLag;
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
  registerEngineGauges(registers, sources);
  registerFleetGauges(registers, sources);
  return {
    text: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    transition: (machine, event, to) => transitions.inc({ machine, event, to }),
    step: ({ machine, step, outcome, code, wallMs }) => {
      steps.inc({ machine, step, outcome, code: code ?? '' });
      stepSeconds.observe({ machine, step }, wallMs / 1000);
    },
    providerCall: (provider, operation, outcome, wallMs) => {
      calls.inc({ provider, operation, outcome });
      callSeconds.observe({ provider }, wallMs / 1000);
    },
    gitPoll: (outcome) => polls.inc({ outcome }),
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
  gauge('clm_engine_processes_quarantined', 'Processes whose snapshot is not understood.', () => sources.engine().quarantined);
  gauge('clm_engine_steps_under_way', 'Steps running now.', () => sources.engine().stepsUnderWay);
  gauge('clm_engine_messages_pending', 'Messages between processes that are not delivered yet.', () => sources.engine().pendingMessages);
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

function registerFleetGauges(registers: MetricRegistry[], sources: MetricSources): void {
  const rolloutInfo = new Gauge({
    name: 'clm_rollout_info',
    help: 'Always 1 for the newest rollout of a channel; labels say which, and in which state.',
    labelNames: ['channel', 'commit', 'state'],
    registers,
  });
  const channelState = new Gauge({
    name: 'clm_channel_state',
    help: '1 for the state that the channel is in, 0 for the others.',
    labelNames: ['channel', 'state'],
    registers,
  });
  const clusterState = new Gauge({
    name: 'clm_cluster_state',
    help: 'Clusters by channel and state.',
    labelNames: ['channel', 'state'],
    registers,
  });
  const soak = new Gauge({
    name: 'clm_rollout_soak_observed_seconds',
    help: 'Soak observed so far by the newest rollout of a channel.',
    labelNames: ['channel'],
    registers,
  });
  const problems = new Gauge({
    name: 'clm_problems',
    help: 'Problems shown by clm status, by severity.',
    labelNames: ['severity'],
    registers,
    // One document a scrape serves all gauges of the fleet.
    async collect() {
      const status = await sources.status();
      for (const gauge of [rolloutInfo, channelState, clusterState, soak, this]) gauge.reset();
      for (const severity of ['error', 'warning'] as const) {
        this.set({ severity }, status.problems.filter((problem) => problem.severity === severity).length);
      }
      for (const channel of status.channels) {
        if (channel.rollout !== undefined) {
          rolloutInfo.set({ channel: channel.name, commit: channel.rollout.commit, state: channel.rollout.state }, 1);
        }
        for (const state of channelStates) channelState.set({ channel: channel.name, state }, channel.state === state ? 1 : 0);
        if (channel.soak !== undefined) soak.set({ channel: channel.name }, channel.soak.observedSeconds);
        const counts = new Map<string, number>(clusterStates.map((state) => [state, 0]));
        for (const cluster of status.clusters) {
          if (cluster.channel === channel.name) counts.set(cluster.state, (counts.get(cluster.state) ?? 0) + 1);
        }
        for (const [state, count] of counts) clusterState.set({ channel: channel.name, state }, count);
      }
    },
  });
  void problems;
}
