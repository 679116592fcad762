import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { XMLParser } from 'fast-xml-parser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunReport } from '../../../src/checks/report/run-report.ts';
import type { World } from '../../../src/simulator/model/world.ts';
import { sleep } from '../../../src/support/deadline.ts';

import { sampleCluster } from '../../support/sample-cluster.ts';
import { type Stage, stage } from './standalone-stage.ts';

const clmProgram = fileURLToPath(new URL('../../../bin/clm.mjs', import.meta.url));

function sandboxes(world: World): string[] {
  return [...world.kube(sampleCluster.id).truth().objects('namespaces').keys()].filter((name) =>
    name.includes('clm-e2e-'),
  );
}

describe('clm e2e run --kubeconfig', () => {
  let here: Stage;

  beforeEach(async () => {
    here = await stage(4);
  });

  afterEach(async () => {
    await here.served.stop();
    rmSync(here.folder, { recursive: true, force: true });
  });

  it('checks a healthy cluster with nothing but a kubeconfig, reports, and leaves nothing behind', async () => {
    const junit = path.join(here.folder, 'junit.xml');
    const html = path.join(here.folder, 'report.html');
    const { code, out, err } = await here.clm(
      ...['e2e', 'run', '--kubeconfig', here.kubeconfig, '--junit', junit, '--html', html, '-o', 'json'],
    );
    const report = JSON.parse(out) as RunReport;
    expect(report.results.filter((result) => result.outcome !== 'pass')).toEqual([]);
    expect(code).toBe(0);
    expect(report.verdict).toBe('pass');
    expect(err).toContain(`/${report.results.length} pass api.health`);
    const parsed = new XMLParser({ ignoreAttributes: false }).parse(readFileSync(junit, 'utf8'));
    expect(parsed.testsuites.testsuite['@_tests']).toBe(String(report.results.length));
    expect(parsed.testsuites.testsuite['@_failures']).toBe('0');
    const page = readFileSync(html, 'utf8');
    expect(page).toContain('<b>workload.deployment-create</b>');
    expect(page).not.toMatch(/<script|src=|href=/);
    expect(sandboxes(here.world)).toEqual([]);
    expect(readdirSync(path.join(here.folder, 'state', 'clm', 'e2e'))).toEqual([]);
  }, 60_000);

  it('runs the upstream suite, shows how far it is, and keeps what it wrote', async () => {
    const folder = path.join(here.folder, 'results');
    const junit = path.join(here.folder, 'junit.xml');
    const { code, out } = await here.clm(
      ...['e2e', 'run', '--kubeconfig', here.kubeconfig, '--profile', 'conformance-custom', '--artifacts', folder],
      ...['--set', 'conformance_focus=Pods should be submitted', '--junit', junit],
    );
    expect(out).toMatch(/conformance\.custom\s+pass\s.*1 tests of registry\.k8s\.io\/conformance:v1\.31\.4 passed/);
    expect(code).toBe(0);
    const kept = path.join(folder, 'conformance.custom', 'custom');
    expect(readdirSync(kept).sort()).toEqual(['e2e.log', 'e2e.tar.gz', 'junit_01.xml']);
    expect(readFileSync(path.join(kept, 'e2e.log'), 'utf8')).toContain('•\n');
    const cases = new XMLParser({ ignoreAttributes: false }).parse(readFileSync(junit, 'utf8')).testsuites.testsuite;
    expect(cases.testcase.map((one: Record<string, string>) => one['@_name'])).toEqual([
      'conformance.custom',
      expect.stringContaining('Pods should be submitted and removed'),
    ]);
    expect(sandboxes(here.world)).toEqual([]);
  }, 60_000);

  it('fails with exit code 1 and says what is wrong, in every report', async () => {
    const junit = path.join(here.folder, 'junit.xml');
    const { code, out, err } = await here.clm(
      ...['e2e', 'run', '--kubeconfig', here.kubeconfig, '--junit', junit, '--set', 'kubernetes_version=v1.99'],
      ...['--set', "conformance_focus=it's", '--only', 'api.health'],
    );
    expect(code).toBe(1);
    expect(out).toMatch(/api\.health\s+fail/);
    expect(out).toContain('FAIL: profile smoke');
    expect(readFileSync(junit, 'utf8')).toContain('is to run v1.99 (kubernetes_version)');
    expect(err).toContain(`written: ${junit}`);
    expect(err).toContain(
      `only these again: clm e2e run --kubeconfig ${here.kubeconfig} --profile smoke --only api.health ` +
        "--set kubernetes_version=v1.99 --set 'conformance_focus=it'\\''s'",
    );
  }, 60_000);

  it('lists every problem of its input at once, with exit code 2, and runs nothing', async () => {
    const settings = path.join(here.folder, 'settings.yaml');
    writeFileSync(settings, 'expects: load-balancer, storge\n');
    const quarantine = path.join(here.folder, 'quarantine.yaml');
    writeFileSync(quarantine, '- check: dns.clutser\n  until: tomorrow\n');
    const { code, err } = await here.clm(
      ...['e2e', 'run', '--kubeconfig', here.kubeconfig, '--only', 'api.helth', '--settings', settings],
      ...['--quarantine', quarantine, '--junit', '/nowhere/at/all.xml', '--set', 'broken', '--set', 'expcts=storage'],
    );
    expect(code).toBe(2);
    expect(err).toContain("did you mean 'api.health'?");
    expect(err).toContain("there is no capability 'storge'");
    expect(err).toContain('quarantine.yaml:2');
    expect(err).toContain('the folder of /nowhere/at/all.xml does not exist');
    expect(err).toContain("'broken' has no value");
    expect(err).toContain("did you mean 'expects'?");
    expect(here.served.stats().kubeCalls).toBe(0);
  });

  it('has no verdict, with exit code 3, on a cluster that does not answer', async () => {
    await here.served.stop();
    const { code, err } = await here.clm('e2e', 'run', '--kubeconfig', here.kubeconfig);
    expect(code).toBe(3);
    expect(err).toContain('no verdict: kube-unreachable');
  }, 60_000);
});

describe('clm e2e run on a control plane without kubelets', () => {
  it('passes what needs only the API, skips the rest with a code, and leaves nothing behind', async () => {
    const here = await stage(0);
    try {
      const { code, out } = await here.clm(
        ...['e2e', 'run', '--kubeconfig', here.kubeconfig, '--profile', 'full', '-o', 'json'],
      );
      const report = JSON.parse(out) as RunReport;
      const outcomes = Object.fromEntries(report.results.map((one) => [one.check, one.skipCode ?? one.outcome]));
      expect(outcomes).toMatchObject({
        'api.health': 'pass',
        'namespace.lifecycle': 'pass',
        'workload.deployment-create': 'NOT_ENOUGH_NODES',
        'network.service-endpoints': 'NOT_ENOUGH_NODES',
        'system.workloads-ready': 'NOT_ENOUGH_NODES',
        'security.pod-security': 'pass',
      });
      expect(code).toBe(0);
      expect(sandboxes(here.world)).toEqual([]);
    } finally {
      await here.served.stop();
      rmSync(here.folder, { recursive: true, force: true });
    }
  }, 60_000);
});

describe('a standalone run that ends early', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'cleans up after %s, and says that it has no verdict',
    async (signal) => {
      const here = await stage(4);
      try {
        const child = spawn(
          process.execPath,
          [clmProgram, 'e2e', 'run', '--kubeconfig', here.kubeconfig, '-o', 'json'],
          {
            env: { ...process.env, ...here.environment },
            stdio: ['ignore', 'pipe', 'ignore'],
          },
        );
        let out = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          out += text;
        });
        const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
        while (sandboxes(here.world).length < 3) await sleep(5);
        child.kill(signal);
        expect(await ended).toBe(3);
        expect((JSON.parse(out) as RunReport).verdict).toBe('cancelled');
        expect(sandboxes(here.world)).toEqual([]);
      } finally {
        await here.close();
      }
    },
    60_000,
  );

  it('is cleaned up by the next run when it was killed', async () => {
    const here = await stage(4);
    try {
      const child = spawn(process.execPath, [clmProgram, 'e2e', 'run', '--kubeconfig', here.kubeconfig], {
        env: { ...process.env, ...here.environment },
        stdio: 'ignore',
      });
      const ended = new Promise((resolve) => child.once('close', resolve));
      while (sandboxes(here.world).length < 3) await sleep(20);
      child.kill('SIGKILL');
      await ended;
      const left = sandboxes(here.world).length;
      expect(left).toBeGreaterThan(0);
      const { code, err } = await here.clm('e2e', 'run', '--kubeconfig', here.kubeconfig, '--only', 'api.health');
      expect(err).toMatch(/cleaning up after run cli-\d+-\S+, which was killed/);
      expect(code).toBe(0);
      expect(sandboxes(here.world)).toEqual([]);
    } finally {
      await here.close();
    }
  }, 120_000);
});
