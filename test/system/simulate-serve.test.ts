import { execFile } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { uniformSize } from '../../src/simulator/scenarios/uniform-fleet.ts';
import { projectRoot } from '../../src/support/project.ts';
import { type ClmProcess, startClm } from '../support/system/run-clm.ts';
import { withScratchDirectory } from '../support/system/scratch-directory.ts';

const run = promisify(execFile);

interface Serving {
  awsEndpoint: string;
  controlUrl: string;
  kubeconfig: string;
  contexts: string[];
  places: { account: string; region: string; accessKeyId: string; secretAccessKey: string }[];
}

async function serving(clm: ClmProcess): Promise<Serving> {
  await clm.says('"kind":"serving"');
  await clm.says('\n');
  return JSON.parse(clm.run.stdout.split('\n')[0] ?? '') as Serving;
}

describe('clm simulate serve', () => {
  test('serves kubectl and the AWS CLI with what it prints, plays faults, and leaves nothing behind', async () => {
    await withScratchDirectory(async (directory) => {
      const kubeconfig = join(directory, 'kubeconfig');
      const scenario = join(directory, 'scenario.yaml');
      await writeFile(scenario, 'faults: [{ kind: throttle, api: "cloudformation:ListExports" }]');
      const clm = startClm(
        ['simulate', 'serve', '--kubeconfig', kubeconfig, '--speed', '60', '--scenario', scenario, '-o', 'json'],
        { cwd: directory },
      );
      try {
        const { awsEndpoint, controlUrl, contexts, places } = await serving(clm);
        expect((await stat(kubeconfig)).mode & 0o777).toBe(0o600);
        expect(contexts).toHaveLength(4);

        const kubectl = async (...args: string[]) =>
          (await run('kubectl', ['--kubeconfig', kubeconfig, '--context', contexts[0] ?? '', ...args])).stdout;
        const nodes = (await kubectl('get', 'nodes', '-o', 'name')).trim().split('\n');
        expect(nodes.length).toBeGreaterThan(3);
        await kubectl('cordon', nodes[0] ?? '');
        await clm.says('"kind":"node-cordoned"');

        const [place] = places;
        const env = {
          PATH: process.env['PATH'] ?? '',
          AWS_ENDPOINT_URL: awsEndpoint,
          AWS_DEFAULT_REGION: place?.region ?? '',
          AWS_ACCESS_KEY_ID: place?.accessKeyId ?? '',
          AWS_SECRET_ACCESS_KEY: place?.secretAccessKey ?? '',
          AWS_MAX_ATTEMPTS: '1',
        };
        const aws = async (...args: string[]) =>
          JSON.parse((await run('aws', [...args, '--output', 'json'], { env })).stdout) as Record<string, unknown>;
        expect(await aws('sts', 'get-caller-identity')).toMatchObject({ Account: place?.account });
        await expect(aws('cloudformation', 'list-exports')).rejects.toThrow(/Throttling/);

        const control = async (path: string, init?: RequestInit) => (await fetch(`${controlUrl}${path}`, init)).json();
        const begun = await control('/faults', { method: 'POST', body: 'kind: server-error\napi: sts' });
        expect(begun).toEqual({ started: ['fault-2'] });
        await expect(aws('sts', 'get-caller-identity')).rejects.toThrow(/InternalFailure/);
        expect(await control('/faults/fault-2', { method: 'DELETE' })).toEqual({ stopped: 'fault-2' });
        expect(await aws('sts', 'get-caller-identity')).toMatchObject({ Account: place?.account });
        expect(await control('/faults', { method: 'POST', body: '{"kind": "throtle"}' })).toMatchObject({
          error: 'this is no fault',
          problems: [{ path: 'kind' }],
        });
        expect(await control('/events?limit=1')).toMatchObject({ events: [{ number: 1 }] });

        clm.signal('SIGTERM');
        const { code, stderr } = await clm.ended;
        expect({ code, stopped: /stopped after .* calls to AWS/.test(stderr) }).toEqual({ code: 0, stopped: true });
        await expect(fetch(awsEndpoint)).rejects.toThrow();
      } finally {
        clm.signal('SIGKILL');
      }
    });
  });

  test('refuses bad input with exit code 2 and every problem, before it builds anything', async () => {
    await withScratchDirectory(async (directory) => {
      const scenario = join(directory, 'scenario.yaml');
      const foreign = join(directory, 'foreign');
      await writeFile(foreign, 'apiVersion: v1\n');
      await writeFile(
        scenario,
        'faults:\n  - kind: throttle\n    for: soon\n  - kind: no-capacity\n  - {kind: reset, acount: "1"}\n',
      );
      const refuse = async (...args: string[]) => {
        const { code, stderr } = await startClm(['simulate', 'serve', ...args], { cwd: directory }).ended;
        return { code, stderr };
      };
      const bad = await refuse('--scenario', scenario);
      expect(bad.code).toBe(2);
      expect(bad.stderr).toContain(`${scenario}:3: faults[0].for: "soon" is not a span of time`);
      expect(bad.stderr).toContain('faults[1].zone: zone is missing');
      expect(bad.stderr).toContain('faults[2].acount: acount is not a known field');
      expect(bad.stderr).not.toContain('rendering');
      expect(await refuse('--kubeconfig', foreign)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/not ours/) as string,
      });
      expect((await refuse('--speed', '0')).code).toBe(2);
      expect((await refuse('--clusters', '0')).code).toBe(2);
      expect((await refuse('--clusters', '1001')).code).toBe(2);
      await writeFile(scenario, `faults: [{ kind: throttle, account: '999999999999' }]`);
      expect(await refuse('--scenario', scenario)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/does not fit this fleet/) as string,
      });
    });
  });

  test.each([
    { wanted: 1, last: /:kube-1$/ },
    { wanted: 86, last: /^aws:100000000008:eu-central-1:kube-85$/ },
  ])('serves $wanted clusters, each with a context, and says what it is at', async ({ wanted, last }) => {
    await withScratchDirectory(async (directory) => {
      const kubeconfig = join(directory, 'kubeconfig');
      const clusters = String(wanted);
      const clm = startClm(['simulate', 'serve', '--clusters', clusters, '--kubeconfig', kubeconfig, '-o', 'json'], {
        cwd: directory,
      });
      try {
        const { contexts, places, awsEndpoint } = await serving(clm);
        expect(clm.run.stderr).toMatch(/ s {2}waiting for nodes/);
        const kubectl = async (...args: string[]) =>
          (await run('kubectl', ['--kubeconfig', kubeconfig, ...args])).stdout.trim().split('\n');
        const named = await kubectl('config', 'get-contexts', '-o', 'name');
        expect(named.sort()).toEqual([...contexts].sort());
        expect(named).toHaveLength(wanted);
        const context = contexts.at(-1) ?? '';
        expect(context).toMatch(last);
        const nodes = await kubectl('--context', context, 'get', 'nodes', '--no-headers');
        expect(nodes.filter((line) => / Ready /.test(line)).length).toBe(nodes.length);
        if (wanted < 84) return;
        expect(nodes).toHaveLength(uniformSize.nodes);
        expect(await kubectl('--context', context, 'get', 'pods', '-o', 'name')).toHaveLength(uniformSize.pods);
        const { account, region, accessKeyId = '' } = places.at(-1) ?? {};
        expect(context).toContain(`${account}:${region}`);
        const env = { PATH: process.env['PATH'], AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: 'simulated' };
        const where = ['--endpoint-url', awsEndpoint, '--region', region ?? '', '--output', 'json'];
        const ask = ['autoscaling', 'describe-auto-scaling-groups'];
        const { stdout } = await run('aws', [...ask, ...where], { env });
        const { AutoScalingGroups } = JSON.parse(stdout) as { AutoScalingGroups: { DesiredCapacity: number }[] };
        expect(AutoScalingGroups.map((group) => group.DesiredCapacity)).toContain(uniformSize.nodes);
      } finally {
        clm.signal('SIGKILL');
      }
    });
  });

  test('shows a person how to reach it', async () => {
    await withScratchDirectory(async (directory) => {
      const example = join(projectRoot, 'examples', 'scenario.yaml');
      const clm = startClm(['simulate', 'serve', '--scenario', example], { cwd: directory });
      await clm.says('export AWS_ENDPOINT_URL=http://127.0.0.1:');
      await clm.says('fault-39: A name of a partner leads elsewhere');
      const kubeconfig = /--kubeconfig (\S+)/.exec(clm.run.stdout)?.[1] ?? '';
      expect((await stat(kubeconfig)).mode & 0o777).toBe(0o600);
      clm.signal('SIGINT');
      expect((await clm.ended).code).toBe(0);
      await expect(stat(kubeconfig)).rejects.toThrow();
    });
  });
});
