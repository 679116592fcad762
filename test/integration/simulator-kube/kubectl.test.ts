import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { budget, deployment, TestCluster } from '../../unit/simulator-kube/test-cluster.ts';
import { KubectlHome, kubectlIsThere, serverVersions } from './kubectl-home.ts';
import { WireCluster } from './wire-cluster.ts';

const node = 'ip-10-0-0-1.eu-central-1.compute.internal';

describe.skipIf(!kubectlIsThere()).each(serverVersions)('kubectl, to a server of %s', (kubernetesVersion) => {
  let wire: WireCluster;
  let home: KubectlHome;
  const files = new Map<string, string>();

  beforeAll(async () => {
    wire = await WireCluster.start(TestCluster.withNodes(3, { kubernetesVersion }), 60);
    home = new KubectlHome(wire.url);
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    };
    const items = (image: string): object[] => [
      deployment('web', 4, { containers: [{ name: 'c', image }] }),
      budget('web', { maxUnavailable: 1 }),
      service,
    ];
    files.set('one', home.file('one', ...items('nginx:1')));
    files.set('two', home.file('two', ...items('nginx:2')));
  });

  afterAll(async () => {
    home.remove();
    await wire.stop();
  });

  const kubectl = (...args: string[]): Promise<{ out: string; code: number }> => home.run(...args);
  const file = (name: string): string => files.get(name) ?? '';

  it('applies, waits for the rollout, and applies again without a change', async () => {
    expect((await kubectl('apply', '-f', file('one'))).out).toContain('deployment.apps/web created');
    expect((await kubectl('rollout', 'status', 'deploy/web', '--timeout=50s')).out).toContain(
      'successfully rolled out',
    );
    expect((await kubectl('apply', '-f', file('one'))).out).toContain('deployment.apps/web unchanged');
  });

  it('prints tables with their columns, wide and plain, and the whole object', async () => {
    expect((await kubectl('get', 'nodes')).out).toMatch(
      /NAME +STATUS +ROLES +AGE +VERSION\nip-10-0-0-1\S+ +Ready +<none>/,
    );
    expect((await kubectl('get', 'pods', '-o', 'wide')).out).toMatch(
      /web-\S+ +1\/1 +Running +0 +\S+ +100\.64\.\S+ +ip-10-0-0-/,
    );
    expect((await kubectl('get', 'pdb')).out).toMatch(/web +N\/A +1 +1 /);
    expect((await kubectl('get', 'deploy', 'web', '-o', 'yaml')).out).toContain('replicas: 4');
    expect((await kubectl('get', 'all')).out).toContain('service/web');
  });

  it('shows what would change, and changes it server-side', async () => {
    const diff = await kubectl('diff', '-f', file('two'));
    expect(diff).toMatchObject({ code: 1, out: expect.stringContaining('+      - image: nginx:2') });
    expect((await kubectl('apply', '--server-side', '-f', file('two'))).out).toContain(
      'conflict with "kubectl-client-side-apply" using apps/v1',
    );
    expect((await kubectl('apply', '--server-side', '--force-conflicts', '-f', file('two'))).out).toContain(
      'deployment.apps/web serverside-applied',
    );
    expect((await kubectl('rollout', 'status', 'deploy/web', '--timeout=50s')).code).toBe(0);
  });

  it('drains a node against a budget and uncordons it', async () => {
    const drained = await kubectl('drain', node, '--ignore-daemonsets', '--timeout=50s');
    expect(drained).toMatchObject({ code: 0, out: expect.stringContaining('drained') });
    expect((await kubectl('get', 'node', node)).out).toContain('Ready,SchedulingDisabled');
    expect((await kubectl('uncordon', node)).out).toContain('uncordoned');
    expect((await kubectl('label', 'node', node, 'a=b')).out).toContain('labeled');
    expect((await kubectl('taint', 'node', node, 'k=v:NoSchedule')).out).toContain('tainted');
    expect((await kubectl('describe', 'node', node)).out).toMatch(/Taints: +k=v:NoSchedule/);
  });

  it('scales, waits, reads logs, and asks for permissions', async () => {
    expect((await kubectl('scale', 'deploy/web', '--replicas=6')).out).toContain('scaled');
    expect(
      (await kubectl('wait', '--for=jsonpath={.status.availableReplicas}=6', 'deploy/web', '--timeout=50s')).out,
    ).toContain('condition met');
    expect((await kubectl('logs', 'deploy/web')).out).toContain('nginx:2 started');
    expect((await kubectl('auth', 'can-i', 'delete', 'pods')).out.trim()).toBe('yes');
    expect((await kubectl('api-resources', '-o', 'name')).out).toContain('poddisruptionbudgets.policy');
    expect((await kubectl('describe', 'deploy', 'web')).out).toContain('6 desired | 6 updated | 6 total | 6 available');
    expect((await kubectl('get', 'events')).code).toBe(0);
  });

  it('deletes what it applied, and a namespace with what is in it', async () => {
    expect((await kubectl('delete', '-f', file('two'), '--timeout=50s')).out).toContain(
      'deployment.apps "web" deleted',
    );
    await kubectl('create', 'namespace', 'probe');
    expect((await kubectl('create', 'configmap', 'a', '-n', 'probe', '--from-literal=k=v')).out).toContain('created');
    expect((await kubectl('delete', 'namespace', 'probe', '--timeout=50s')).out).toContain('deleted');
    expect((await kubectl('get', 'namespace', 'probe')).out).toContain('not found');
  });
});
