import { describe, expect, it } from 'vitest';
import type { DemoReport } from '../../src/cli/demo/options.ts';
import { readRepository } from '../support/pipeline-checkers/read-record.ts';
import { type ClmRun, runClm, startClm } from '../support/system/run-clm.ts';
import { withScratchDirectory } from '../support/system/scratch-directory.ts';

interface BrokenRun {
  demo: ClmRun;
  report: DemoReport;
  status: ClmRun;
  why: ClmRun;
  heads: Record<string, string>;
}

/** Runs the demo with something broken; asks the daemon that it keeps running; ends it with Ctrl-C. */
async function brokenDemo(what: 'e2e' | 'pdb'): Promise<BrokenRun> {
  return withScratchDirectory(async (directory) => {
    const args = [
      '--break',
      what,
      '--clusters',
      '4',
      '--speed',
      '150',
      '--directory',
      directory,
      '--keep',
      '-o',
      'json',
    ];
    const demo = startClm(['demo', ...args, '--timeout', '150'], { cwd: directory });
    try {
      await demo.says('Still serving until Ctrl-C', 180_000);
      const ask = (...command: string[]) =>
        runClm([...command, '--config', `${directory}/clm.yaml`], { cwd: directory });
      const status = await ask('status');
      const why = await ask('why', 'dev');
      const { heads } = readRepository(`${directory}/config.git`, 'cluster', ['dev', 'alpha', 'beta', 'stable']);
      demo.signal('SIGINT');
      const ended = await demo.ended;
      const report = JSON.parse(ended.stdout.trim().split('\n').at(-1) ?? '') as DemoReport;
      return { demo: ended, report, status, why, heads };
    } finally {
      demo.signal('SIGTERM');
      await demo.ended;
    }
  });
}

describe('a fleet on which something is broken', () => {
  it('halts at dev when its checks fail, and says which check and why', async () => {
    const { demo, report, status, why, heads } = await brokenDemo('e2e');
    expect(report).toMatchObject({ outcome: 'halted', invariants: { violated: 0, violations: [] } });
    expect(demo.code).toBe(1);
    expect(report.channels[0]).toMatchObject({ name: 'dev', updated: 0, failed: 1 });
    expect(report.channels[0]?.checks.failed).toBeGreaterThan(0);
    expect(heads['dev']).toBe(report.commit);
    for (const branch of ['alpha', 'beta', 'stable']) expect(heads[branch], branch).not.toBe(report.commit);
    for (const answer of [status, why]) {
      expect(answer.code).toBe(0);
      expect(answer.stdout).toContain('network.service-endpoints');
      expect(answer.stdout).toMatch(/check network\.http fail: 30 of 30 to http:\S+ failed: refused/);
    }
    expect(why.stdout).toContain('halted');
  });

  it('is blocked when a budget never allows, and names budget, pod and owner without violating it', async () => {
    const { demo, report, status, why, heads } = await brokenDemo('pdb');
    expect(report).toMatchObject({ outcome: 'blocked', invariants: { violated: 0, violations: [] } });
    expect(demo.code).toBe(3);
    expect(report.channels[0]).toMatchObject({ name: 'dev', updated: 0, failed: 0 });
    expect(heads['alpha']).not.toBe(report.commit);
    for (const answer of [status, why]) {
      expect(answer.code).toBe(0);
      expect(answer.stdout).toContain('ledger-db');
      expect(answer.stdout).toMatch(/ledger\/ledger-db-[a-z0-9]+-[a-z0-9]+/);
      expect(answer.stdout).toMatch(/(ReplicaSet|Deployment)\/ledger-db/);
      expect(answer.stdout).toContain('blocked');
    }
  });
});
