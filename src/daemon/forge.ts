/** The forge of the settings: its client, and the loop that says there how far versions are. */
import type { StatusDocument, StatusProblem } from '../planning/explain/status-document.ts';
import type { Lease, Store } from '../ports/store.ts';
import { type Github, openGithub } from '../providers/scm/github/github-client.ts';
import { createGithubReports } from '../providers/scm/github/github-reports.ts';
import { type Clock, ScaledClock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import type { Random } from '../support/random.ts';
import type { ForgeConfig } from './config-outside.ts';
import { ForgeReporter } from './forge-reporter.ts';
import { startLevelLoop } from './level-loop.ts';

export interface RunningForgeReporter {
  /** Something was committed. */
  notify: () => void;
  problems: () => StatusProblem[];
  close: () => Promise<void>;
}

export function openForge(
  config: ForgeConfig | undefined,
  onCall: (outcome: string, remaining: number | undefined) => void,
): Github | undefined {
  if (config === undefined) return undefined;
  const wall = new ScaledClock(0, 1);
  const { url, owner, repository, token, timeoutMs } = config;
  const about = { url, owner, repository, token, timeoutMs, onCall };
  // the pace is one that GitHub itself recommends; a server of one's own on this machine has none
  const spaced = !/^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/.test(url);
  return openGithub({ ...about, spaced, environment: process.env, wallNow: () => wall.now() });
}

export function startForgeReporter(input: {
  config: ForgeConfig;
  forge: Github;
  status: () => Promise<StatusDocument>;
  store: Store;
  lease: Lease;
  clock: Clock;
  random: Random;
  log: Logger;
}): RunningForgeReporter {
  const { config, forge, lease, clock, log, random } = input;
  const reporter = new ForgeReporter({
    ...input,
    reports: createGithubReports(forge, config),
    leaseHeld: () => lease.held(),
    now: () => Math.round(clock.now()),
  });
  const broken = 'what versions have come to cannot be said on the forge';
  const loop = startLevelLoop({ pass: () => reporter.pass(), broken, random, log });
  return { notify: loop.notify, problems: () => reporter.problems(), close: loop.close };
}
