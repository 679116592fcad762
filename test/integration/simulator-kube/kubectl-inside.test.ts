import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InsideCluster, probeImage } from '../../unit/simulator-inside/inside-cluster.ts';
import { WireCluster } from './wire-cluster.ts';

function kubectlIsThere(): boolean {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!kubectlIsThere())('kubectl and what runs inside', () => {
  let inside: InsideCluster;
  let wire: WireCluster;
  let home: string;

  beforeAll(async () => {
    inside = new InsideCluster();
    inside.serve('web', { args: ['--body', 'hello'] });
    inside.apply(
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: 'v1beta1.metrics.k8s.io' },
        spec: {
          group: 'metrics.k8s.io',
          version: 'v1beta1',
          service: { name: 'metrics-server', namespace: 'kube-system' },
          groupPriorityMinimum: 100,
          versionPriority: 100,
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'metrics-server', namespace: 'kube-system' },
        spec: { containers: [{ name: 'c', image: 'metrics-server/metrics-server:v0.7.2' }] },
      },
    );
    inside.settle(30_000);
    wire = await WireCluster.start(inside.cluster, 30);
    home = mkdtempSync(join(tmpdir(), 'kubectl-inside-'));
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: wire.url } }],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'c',
    };
    writeFileSync(join(home, 'config'), JSON.stringify(config));
  });

  afterAll(async () => {
    rmSync(home, { recursive: true, force: true });
    await wire.stop();
  });

  async function kubectl(...args: string[]): Promise<string> {
    const env = { ...process.env, HOME: home, KUBECONFIG: join(home, 'config') };
    const { stdout } = await promisify(execFile)('kubectl', args, { env, timeout: 60_000 });
    return stdout;
  }

  async function probe(name: string, args: string[], ends: 'complete' | 'failed') {
    const spec = { restartPolicy: 'Never', containers: [{ name: 'probe', image: probeImage, args }] };
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name },
      spec: { backoffLimit: 0, template: { spec } },
    };
    writeFileSync(join(home, `${name}.json`), JSON.stringify(job));
    await kubectl('create', '-f', join(home, `${name}.json`));
    await kubectl('wait', `--for=condition=${ends}`, `job/${name}`, '--timeout=50s');
    return JSON.parse(await kubectl('logs', `job/${name}`));
  }

  it('a Job of the probe program answers out of the world, and with it', async () => {
    const ask = ['http', '--url', 'http://web/', '--timeout', '2s'];
    expect(await probe('well', ask, 'complete')).toMatchObject({ ok: true, targets: [{ bodies: { hello: 1 } }] });
    inside.faults.set({ proxyDown: ['*'] });
    const broken = await probe('broken', ask, 'failed');
    expect(broken).toMatchObject({ ok: false, targets: [{ errors: [{ kind: 'dns-timeout' }] }] });
    inside.faults.clear();
  });

  it('top shows nodes and pods', async () => {
    const nodes = await kubectl('top', 'nodes', '--no-headers');
    expect(nodes.trim().split('\n')).toHaveLength(3);
    expect(nodes).toMatch(/\d+m\s+\d+%\s+\d+Mi\s+\d+%/);
    expect(await kubectl('top', 'pods', '-n', 'kube-system')).toContain('coredns');
  });
});
