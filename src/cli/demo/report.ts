import type { FollowResult } from './follow.ts';
import type { DemoChannel, DemoOptions, DemoReport } from './options.ts';
import type { Stage } from './stage.ts';

const violationsNamed = 10;

export function reportOf(input: {
  options: DemoOptions;
  stage: Stage;
  commit: string;
  result: FollowResult;
  wallSeconds: number;
  simulatedSeconds: number;
  eventLoopLagMs: DemoReport['daemon']['eventLoopLagMs'];
}): DemoReport {
  const { options, stage, commit, result } = input;
  const calls = stage.served.stats();
  const channels = (result.status?.channels ?? []).map(
    ({ name, counts, checks }): DemoChannel => ({
      name,
      clusters: counts.total,
      updated: counts.updated,
      failed: counts.failed,
      checks: { passed: checks.passed, failed: checks.failed },
    }),
  );
  const { meter } = stage;
  return {
    outcome: result.outcome,
    commit,
    wallSeconds: round(input.wallSeconds),
    simulatedSeconds: round(input.simulatedSeconds),
    channels,
    nodesReplaced: meter.nodesReplaced,
    evictions: meter.evictions,
    pdbRefusals: meter.pdbRefusals,
    apiCalls: { aws: calls.awsCalls, kube: calls.kubeCalls },
    invariants: {
      checked: meter.checked,
      violated: meter.violated,
      violations: meter.violations
        .slice(0, violationsNamed)
        .map(({ invariant, cluster, message }) => `${invariant} ${cluster}: ${message}`),
    },
    reason: result.reason,
    fleet: { clusters: stage.world.clusters().length, ...meter.size() },
    daemon: {
      peakRssMiB: stage.daemon.peakRssMiB,
      eventLoopLagMs: input.eventLoopLagMs,
      restarts: stage.daemon.restarts,
    },
    seed: options.seed,
  };
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}

/** The report for people. */
export function describeReport(report: DemoReport): string {
  const { fleet, daemon, invariants } = report;
  const lag = daemon.eventLoopLagMs;
  const lines = [
    '',
    `${report.outcome.toUpperCase()}  ${report.reason}`,
    '',
    `  fleet        ${fleet.clusters} clusters, ${fleet.nodes} nodes, ${fleet.pods} pods`,
    `  time         ${report.wallSeconds} s of wall time, ${duration(report.simulatedSeconds)} simulated`,
    `  nodes        ${report.nodesReplaced} replaced, ${report.evictions} pods evicted, ${report.pdbRefusals} evictions refused by budgets`,
    `  calls        ${report.apiCalls.aws} to AWS, ${report.apiCalls.kube} to Kubernetes`,
    `  daemon       ${daemon.peakRssMiB} MiB at most, event loop late by ${lag.p50} ms (p50), ${lag.p99} ms (p99), ${lag.max} ms (worst)${daemon.restarts > 0 ? `, killed ${daemon.restarts} times` : ''}`,
    `  invariants   ${invariants.checked} checked in the simulated world, ${invariants.violated} violated`,
    ...invariants.violations.map((violation) => `               ${violation}`),
    '',
    ...report.channels.map(
      ({ name, clusters, updated, failed, checks }) =>
        `  ${name.padEnd(12)} ${updated}/${clusters} clusters updated, ${failed} failed; checks ${checks.passed} passed, ${checks.failed} failed`,
    ),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function duration(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min`;
}
