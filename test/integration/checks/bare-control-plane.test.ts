/** Control planes without machines: whatever is missing is said soon, and nothing stays behind. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../src/ports/check-runner.ts';
import { CheckWorld } from './check-world.ts';

const minute = 60_000;

/** The whole catalogue, and how long it took. */
async function full(world: CheckWorld): Promise<{ results: Record<string, CheckResult>; tookMs: number }> {
  const from = world.world.clock.now();
  const results = await world.run({ profile: 'full' });
  return { results, tookMs: world.world.clock.now() - from };
}

const said = (results: Record<string, CheckResult>): string[] => [
  ...new Set(Object.values(results).map((one) => one.outcome)),
];

/** Checks by what becomes of them: a skip code, or an outcome. */
function byOutcome(results: Record<string, CheckResult>): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [check, { skipCode, outcome }] of Object.entries(results)) {
    const become = skipCode ?? outcome;
    found[become] = [...(found[become] ?? []), check];
  }
  return Object.fromEntries(Object.entries(found).map(([outcome, checks]) => [outcome, checks.sort()]));
}

/** What docs/e2e.md says of it, in the table with this head. */
function documented(head: string): Record<string, string[]> {
  const text = readFileSync(new URL('../../../docs/e2e.md', import.meta.url), 'utf8');
  const table = text.split(`| ${head} |`)[1]?.split('\n\n')[0] ?? '';
  return Object.fromEntries(
    [...table.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map(([, outcome = '', checks = '']) => [
      outcome,
      [...checks.matchAll(/`([\w.-]+)`/g)].map(([, check = '']) => check).sort(),
    ]),
  );
}

describe('an API server with controllers and no node', () => {
  it('passes what needs only the API; the rest is skipped with a code, within a minute', async () => {
    const world = await CheckWorld.create(0);
    const { results, tookMs } = await full(world);
    expect(said(results).sort()).toEqual(['pass', 'skipped']);
    expect(Object.values(results).filter((one) => one.outcome === 'skipped' && one.skipCode === undefined)).toEqual([]);
    expect(byOutcome(results)).toEqual(documented('Without nodes'));
    expect(results['certs.http01']?.message).toMatch(/^ingress\.endtoend was skipped: no ingress/);
    expect(tookMs).toBeLessThan(minute);
    expect(world.leftBehind()).toEqual([]);
  });
});

describe('an API server with its storage and nobody else', () => {
  it('passes what only asks; what would need a namespace ends without a verdict at once, and makes none', async () => {
    const world = await CheckWorld.create(0, { controllers: 'none' });
    const { results, tookMs } = await full(world);
    expect(said(results).sort()).toEqual(['error', 'pass', 'skipped']);
    expect(byOutcome(results)).toEqual(documented('Without controllers'));
    expect(results['namespace.lifecycle']).toMatchObject({
      outcome: 'error',
      attempts: 1,
      message: expect.stringContaining(
        'no controllers are at work here (no namespace has a service account)',
      ) as string,
      leaked: [],
    });
    expect(tookMs).toBeLessThan(minute);
    expect(world.kube.truth().objects('namespaces').size).toBe(4);
    expect(world.leftBehind()).toEqual([]);
  });

  it('is found out by its first namespace where service accounts of former controllers are left', async () => {
    const world = await CheckWorld.create(0, { controllers: 'none' });
    world.kube.seed([
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } },
    ]);
    const { results, tookMs } = await full(world);
    expect(said(results).sort()).toEqual(['error', 'pass', 'skipped']);
    expect(results['namespace.lifecycle']?.message).toContain('no controllers are at work here');
    // Those namespaces stay, as nobody empties them: that is said.
    expect(Object.values(results).flatMap((one) => one.leaked).length).toBeGreaterThan(0);
    expect(tookMs).toBeLessThan(10 * minute);
  });
});

describe('an API server of an old release, or with some kinds switched off', () => {
  const unserved = [
    'endpointslices.discovery.k8s.io',
    'poddisruptionbudgets.policy',
    'cronjobs.batch',
    'horizontalpodautoscalers.autoscaling',
  ];
  const old = { unserved, allowPrivileged: false };

  it('passes what needs none of them; the rest is skipped and says which kind is missing', async () => {
    const world = await CheckWorld.create(3, old);
    world.cluster.configItems['e2e_expects'] = 'pod-security';
    const only = [
      'namespace.lifecycle',
      'security.pod-security',
      'workload.jobs',
      'network.service-endpoints',
      'rollout.pdb-eviction',
      'rollout.load-slo',
      'dns.cluster',
      'security.admission-webhooks',
    ];
    const results = await world.run({ profile: 'full', only });
    const missing = (kind: string): object => ({
      outcome: 'skipped',
      skipCode: 'CAPABILITY_ABSENT',
      message: `the API does not serve ${kind}`,
    });
    expect(results).toMatchObject({
      'namespace.lifecycle': { outcome: 'pass' },
      'security.pod-security': { outcome: 'pass' },
      'workload.jobs': missing('CronJob of batch/v1'),
      'network.service-endpoints': missing('EndpointSlice of discovery.k8s.io/v1'),
      'rollout.pdb-eviction': missing('PodDisruptionBudget of policy/v1'),
      'rollout.load-slo': missing('PodDisruptionBudget of policy/v1'),
      'dns.cluster': missing('EndpointSlice of discovery.k8s.io/v1'),
      'security.admission-webhooks': missing('EndpointSlice of discovery.k8s.io/v1'),
    });
    expect(results['security.pod-security']?.steps?.map((step) => step.name)).toEqual([
      'the server takes privileged containers nowhere: a pod on the host network stands for them',
      'a pod on the host network is refused',
      'a deployment of privileged pods gets none',
    ]);
    expect(world.leftBehind()).toEqual([]);
  });

  it('is told from one that enforces pod security: a refusal everywhere says nothing of a namespace', async () => {
    const world = await CheckWorld.create(1, old);
    world.cluster.configItems['e2e_expects'] = 'pod-security';
    world.kube.faults.podSecurity = 'off';
    const results = await world.run({ profile: 'core', only: ['security.pod-security'] });
    expect(results['security.pod-security']).toMatchObject({
      outcome: 'fail',
      message: 'a pod on the host network is taken by a namespace that is restricted',
    });
  });

  it('has no system workload to look at where kube-system is empty: that proves nothing', async () => {
    const world = await CheckWorld.create(1);
    const path = '/apis/apps/v1/namespaces/kube-system/deployments/coredns';
    expect(world.kube.handle({ method: 'DELETE', path, query: new URLSearchParams(), body: {} }).status).toBe(200);
    const results = await world.run({ profile: 'core', only: ['system.workloads-ready'] });
    expect(results['system.workloads-ready']).toMatchObject({ outcome: 'skipped', skipCode: 'CAPABILITY_ABSENT' });
  });
});

describe('nodes that say Ready while nobody hears of their kubelets', () => {
  const paper = (name: string): object => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    status: {
      capacity: { cpu: '4', memory: '16Gi', pods: '110' },
      allocatable: { cpu: '4', memory: '16Gi', pods: '110' },
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
    },
  });

  it('count as no nodes: nothing waits for pods that never start', async () => {
    const world = await CheckWorld.create(0);
    world.kube.seed(['paper-1', 'paper-2', 'paper-3'].map(paper));
    const { results, tookMs } = await full(world);
    expect(said(results).sort()).toEqual(['pass', 'skipped']);
    expect(results['network.http']).toMatchObject({ skipCode: 'NOT_ENOUGH_NODES' });
    expect(results['network.http']?.message).toBe(
      '1 schedulable node is needed, there are 0; nothing is heard of the kubelets of paper-1, paper-2, paper-3: their leases are not renewed',
    );
    expect(tookMs).toBeLessThan(2 * minute);
    expect(world.leftBehind()).toEqual([]);
  });

  it('give back pods that they will never report as stopped', async () => {
    const world = await CheckWorld.create(1);
    const [node] = world.nodeNames();
    world.when('clm-e2e', 'pods', 1, () => world.kube.kubelets.fallIll(node ?? ''));
    const results = await world.run({ only: ['network.service-endpoints'] });
    expect(results['network.service-endpoints']).toMatchObject({ leaked: [] });
    expect(world.leftBehind()).toEqual([]);
  });
});
