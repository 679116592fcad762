import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FollowResult } from '../../src/cli/demo/follow.ts';
import { type DemoReport, exitCodeOf } from '../../src/cli/demo/options.ts';
import { reportOf } from '../../src/cli/demo/report.ts';
import { renderFleet } from '../../src/cli/demo/sample-fleet.ts';
import { adoptFleet, mergeChange, nodesAndIngress, type Stage } from '../../src/cli/demo/stage.ts';
import type { AuditReport } from '../../src/daemon/audit.ts';
import { type StatusDocument, statusSchema } from '../../src/planning/explain/status-document.ts';
import { sleep, wallMs } from '../../src/support/deadline.ts';
import type { PipelineVerdict } from '../support/pipeline-checkers/judge-pipeline.ts';
import { InstanceLedger } from '../support/system/instance-ledger.ts';
import { headsOf, judgeStage } from '../support/system/judge-stage.ts';
import { killAtSeededMoments } from '../support/system/kill-schedule.ts';
import { runClm } from '../support/system/run-clm.ts';
import { TruthHistory } from '../support/system/status-truth.ts';
import { followCommit, withStage } from '../support/system/with-stage.ts';
import { snapshotOf, type WorldSnapshot } from '../support/system/world-snapshot.ts';

/** Of the profile that the sample pipeline names for every channel. */
const smokeChecks = 7;

const clusters = 6;
const speed = 180;
const worldSeed = 'whole-pipeline';
const kills = 20;
const seed = process.env['SEED'] ?? randomBytes(4).toString('hex');

interface FinishedRun {
  result: FollowResult;
  report: DemoReport;
  commit: string;
  heads: Record<string, string>;
  snapshot: WorldSnapshot;
  pipeline: PipelineVerdict;
  audit: { exitCode: number | null; report: AuditReport; shown: string };
  originals: ReadonlySet<string>;
  launched: string[];
  terminated: string[];
  endedByGroups: string[];
}

/** A change that replaces every node goes through the fleet; `during` runs beside it and is told when it is over. */
async function wholeRun(
  during: (stage: Stage, commit: string, over: AbortSignal) => Promise<undefined>,
): Promise<FinishedRun> {
  return withStage({ clusters, speed, seed: worldSeed }, async (stage) => {
    const ledger = new InstanceLedger(stage.world);
    const startedAt = wallMs();
    stage.daemon.start();
    await adoptFleet(stage, new AbortController().signal);
    const commit = await mergeChange(stage, nodesAndIngress);
    const over = new AbortController();
    const broken = new AbortController();
    const beside = during(stage, commit, over.signal).catch((error: unknown) => {
      broken.abort();
      return { error };
    });
    const following = followCommit(stage, commit, { timeoutSeconds: 280, signal: broken.signal });
    const result = await following.finally(() => over.abort());
    const failed = await beside;
    if (failed !== undefined) throw failed.error;
    stage.meter.finish();
    const heads = await headsOf(stage);
    const audit = await auditOf(stage, commit);
    return {
      result,
      report: reportOf({
        options: { seed: worldSeed } as never,
        stage,
        commit,
        result,
        wallSeconds: (wallMs() - startedAt) / 1000,
        simulatedSeconds: (stage.clock.now() - stage.clock.epochMs) / 1000,
        eventLoopLagMs: await stage.daemon.eventLoopLagMs(),
      }),
      commit,
      heads,
      snapshot: snapshotOf(stage.world, heads, { [commit]: '<new>', [stage.repository.initialCommit]: '<old>' }),
      pipeline: judgeStage(stage),
      audit,
      originals: ledger.originals,
      launched: ledger.launched,
      terminated: ledger.terminated,
      endedByGroups: ledger.endedByGroups,
    };
  });
}

/** As an auditor asks: by the repository's notes and the database, from the command line. */
async function auditOf(stage: Stage, commit: string): Promise<FinishedRun['audit']> {
  const clm = (...args: string[]) =>
    runClm(['audit', ...args, '--config', stage.daemon.configFile], { cwd: stage.directory });
  const verified = await clm('verify', '-o', 'json');
  const shown = await clm('show', commit.slice(0, 12));
  return { exitCode: verified.code, report: JSON.parse(verified.stdout) as AuditReport, shown: shown.stdout };
}

describe('a change that replaces every node', () => {
  let run: FinishedRun;
  const comparisons = { documents: 0, compared: 0, fromCommandLine: 0, wrong: [] as string[] };

  beforeAll(async () => {
    run = await wholeRun(async (stage, commit, over) => {
      const tree = join(stage.directory, 'work', 'cluster');
      const next = await renderFleet(
        tree,
        stage.members.map((member) => member.cluster),
        commit,
      );
      const truth = new TruthHistory(stage, commit, next);
      truth.sample();
      const sampling = (async () => {
        while (await sleep(50, over)) truth.sample();
      })();
      const compare = (status: StatusDocument, askedAt: number): void => {
        truth.sample();
        const { compared, wrong } = truth.compare(statusSchema.parse(status), askedAt);
        comparisons.documents += 1;
        comparisons.compared += compared;
        comparisons.wrong.push(...wrong);
      };
      const commandLine = (async () => {
        while (await sleep(5_000, over)) {
          const askedAt = wallMs();
          const asked = await runClm(['status', '-o', 'json', '--config', stage.daemon.configFile], {
            cwd: stage.directory,
          });
          compare(JSON.parse(asked.stdout) as StatusDocument, askedAt);
          comparisons.fromCommandLine += 1;
        }
      })();
      while (await sleep(500, over)) {
        const askedAt = wallMs();
        compare(await stage.client.get<StatusDocument>('/v1/status'), askedAt);
      }
      await Promise.all([sampling, commandLine]);
      return undefined;
    });
  });

  it('reaches every channel, and every branch stands at it', () => {
    expect(run.result).toMatchObject({ outcome: 'promoted' });
    expect(new Set(Object.values(run.heads))).toEqual(new Set([run.commit]));
    expect(exitCodeOf(run.report.outcome)).toBe(0);
  });

  it('violates no invariant of the nodes, judged from the world', () => {
    expect(run.report.invariants.violations).toEqual([]);
    expect(run.report.invariants).toMatchObject({ violated: 0 });
    expect(run.report.invariants.checked).toBeGreaterThan(run.originals.size * 3);
  });

  it('violates no invariant of the pipeline, judged from journal, registry and repository', () => {
    expect(run.pipeline.violations).toEqual([]);
    for (const invariant of ['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'P10']) {
      expect(run.pipeline.checked[invariant], invariant).toBeGreaterThan(0);
    }
  });

  it('leaves records that prove each move of a branch', () => {
    const { report, exitCode, shown } = run.audit;
    expect(report).toMatchObject({ proven: true, findings: [], journal: { state: 'intact' } });
    expect(exitCode).toBe(0);
    expect(report.channels.map(({ channel, moves }) => [channel, moves.map((move) => move.to)])).toEqual([
      ['dev', []],
      ['alpha', [run.commit]],
      ['beta', [run.commit]],
      ['stable', [run.commit]],
    ]);
    expect(shown).toMatch(/^alpha {2}[\da-f]{12} → [\da-f]{12} /m);
    expect(shown).toContain('1 cluster updated, checks passed');
  });

  it('replaces every node exactly once', () => {
    expect(run.endedByGroups).toEqual([]);
    expect(run.terminated.toSorted()).toEqual([...run.originals].toSorted());
    expect(run.launched).toHaveLength(run.originals.size);
  });

  it('reports figures that agree with the fleet and with each other', () => {
    const { report } = run;
    expect(report.nodesReplaced).toBe(run.originals.size);
    expect(report.fleet).toMatchObject({ clusters, nodes: run.originals.size });
    expect(report.channels.map((channel) => channel.name)).toEqual(['dev', 'alpha', 'beta', 'stable']);
    expect(report.channels.reduce((sum, channel) => sum + channel.clusters, 0)).toBe(clusters);
    for (const channel of report.channels) {
      expect(channel).toMatchObject({ updated: channel.clusters, failed: 0, checks: { failed: 0 } });
      expect(channel.checks.passed).toBe(channel.clusters * smokeChecks);
    }
    expect(report.evictions).toBeGreaterThan(0);
    expect(report.apiCalls.aws).toBeGreaterThan(0);
    expect(report.apiCalls.kube).toBeGreaterThan(report.evictions);
    expect(report.simulatedSeconds).toBeGreaterThan(report.wallSeconds);
    expect(report.daemon.peakRssMiB).toBeLessThan(1024);
  });

  it('shows a status that is never wrong by more than what happened in the last two seconds', () => {
    expect(comparisons.wrong).toEqual([]);
    expect(comparisons.documents).toBeGreaterThan(30);
    expect(comparisons.fromCommandLine).toBeGreaterThan(3);
    expect(comparisons.compared).toBeGreaterThan(1_000);
  });

  describe(`with the daemon killed ${kills} times (SEED=${seed})`, () => {
    let killed: FinishedRun;
    let moments = 0;

    beforeAll(async () => {
      process.stderr.write(`SIGKILL schedule: SEED=${seed}\n`);
      killed = await wholeRun(async (stage, _commit, over) => {
        moments = (await killAtSeededMoments(stage, { seed, kills, longestWaitMs: 2_500, signal: over })).moments
          .length;
        return undefined;
      });
    });

    afterAll(() => {
      process.stderr.write(`killed ${moments} times with SEED=${seed}\n`);
    });

    it('is promoted all the same, after all the kills', () => {
      expect(killed.result).toMatchObject({ outcome: 'promoted' });
      expect(moments).toBe(kills);
    });

    it('leaves the world as the uninterrupted run leaves it', () => {
      expect(killed.snapshot).toEqual(run.snapshot);
    });

    it('rolls nothing twice and leaves no node cordoned', () => {
      expect(killed.endedByGroups).toEqual([]);
      expect(killed.terminated.toSorted()).toEqual([...killed.originals].toSorted());
      expect(killed.launched).toHaveLength(killed.originals.size);
      expect(JSON.stringify(killed.snapshot)).not.toContain('"unschedulable":true');
    });

    it('violates no invariant of nodes or pipeline', () => {
      expect(killed.report.invariants.violations).toEqual([]);
      expect(killed.pipeline.violations).toEqual([]);
    });
  });
});
