import { describe, expect, it } from 'vitest';
import type { StepOutcome } from '../../../src/ports/step.ts';
import type { FactWrite, OutboxMessage } from '../../../src/ports/store.ts';
import type { ScriptedCluster } from '../../support/pipeline/scripted-cluster.ts';
import { bench, failureOf, id, object, output } from '../../support/pipeline/update-bench.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

const messages = (outcome: StepOutcome): OutboxMessage[] => outcome.messages ?? [];

describe('a version of Kubernetes that the cluster cannot go to', () => {
  it('is refused before anything moves, and stays refused when the step runs again', async () => {
    const { run, live, state } = bench({
      kubernetesVersion: 'v1.36.0',
      components: [{ name: 'a', digest: 'x', objects: [] }],
    });
    live.kubernetesVersion = 'v1.34.3';
    for (let times = 0; times < 2; times++) {
      await expect(run('plan-update', 'rendering')).rejects.toMatchObject({
        failure: { kind: 'terminal', code: 'kubernetes-minor-skipped' },
      });
    }
    expect(live.mutations).toEqual([]);
    state.rendered = { ...state.rendered, kubernetesVersion: 'v1.35.0' };
    expect(output(await run('plan-update', 'rendering'))).toMatchObject({ kind: 'next' });
  });
});

describe('stacks of node pools', () => {
  const pools = ['master', 'worker'].map((name) => ({
    name,
    profile: name,
    controlPlane: name === 'master',
    stackName: `nodepool-${name}`,
    digest: name,
  }));
  const stacks = pools.map(({ name, stackName }) => ({
    name: stackName,
    kind: 'node-pool' as const,
    pool: name,
    template: '{}',
    parameters: {},
    tags: {},
    digest: name,
  }));

  it('come in two steps: those of workers only when the control plane has been rolled', async () => {
    const { run, live, plan } = bench({ pools, stacks });
    const context = { plan: { ...plan, stacks: stacks.map((stack) => stack.name) } };
    await run('apply-stacks', 'controlPlaneStacks', context);
    expect(live.mutations.filter((one) => one.includes('worker'))).toEqual([]);
    expect(live.mutations.some((one) => one.includes('nodepool-master'))).toBe(true);
    live.mutations.length = 0;
    await run('apply-stacks', 'workerStacks', context);
    expect(live.mutations.some((one) => one.includes('nodepool-worker'))).toBe(true);
    expect(live.mutations.filter((one) => one.includes('master'))).toEqual([]);
  });
});

describe('preflight', () => {
  it('pins who the cluster is at first contact', async () => {
    const { run, live } = bench({});
    const outcome = await run('preflight-cluster', 'preflight');
    expect(outcome.kind).toBe('done');
    expect((outcome.facts as FactWrite[])[0]?.value).toMatchObject({
      pinned: { account: '123456789012', region: 'eu-central-1', kubeSystemUid: live.kubeSystemUid },
    });
  });

  it.each([
    ['another account', 'wrong-account', (live: ScriptedCluster) => (live.account = '999')],
    ['another region', 'wrong-region', (live: ScriptedCluster) => (live.region = 'us-east-1')],
    ['an API that is not ready', 'api-not-ready', (live: ScriptedCluster) => (live.ready = false)],
    ['an API that does not answer', 'kube-unreachable', (live: ScriptedCluster) => (live.unreachable = true)],
  ])('refuses %s (B1)', async (_, code, spoil) => {
    const { run, live } = bench({});
    spoil(live);
    expect(await failureOf(run('preflight-cluster', 'preflight'))).toBe(code);
  });

  it('begins nothing with credentials that end soon (B9)', async () => {
    const { run, live } = bench({});
    const at = 1_000_000;
    live.credentialsEnd = at + 14 * 60_000;
    expect(await failureOf(run('preflight-cluster', 'preflight'))).toBe('credentials-expire');
    live.credentialsEnd = at + 16 * 60_000;
    expect(await failureOf(run('preflight-cluster', 'preflight'))).toBe('done');
  });

  it('refuses a cluster that is not the one it pinned', async () => {
    const { run, live } = bench({});
    await run('preflight-cluster', 'preflight');
    live.kubeSystemUid = 'another';
    expect(await failureOf(run('preflight-cluster', 'preflight'))).toBe('wrong-cluster');
  });
});

describe('manifests', () => {
  const crd = (established: boolean) =>
    object('CustomResourceDefinition', 'widgets', {
      apiVersion: 'apiextensions.k8s.io/v1',
      status: { conditions: [{ type: 'Established', status: established ? 'True' : 'False' }] },
    });
  const components = [
    { name: 'a', digest: '1', objects: [object('Deployment', 'app'), object('ConfigMap', 'config')] },
    { name: 'b', digest: '2', objects: [object('Widget', 'w'), crd(true), object('Namespace', 'space')] },
  ];

  it('apply what others need first, across components, and then each component in the order of kinds', async () => {
    const { run, live, plan } = bench({ components });
    const outcome = await run('apply-manifests', 'manifests', { plan: { ...plan, components: ['a', 'b'] } });
    expect(live.mutations).toEqual([
      'apply CustomResourceDefinition widgets',
      'apply Namespace space',
      'apply ConfigMap config',
      'apply Deployment app',
      'apply Widget w',
    ]);
    expect(output(outcome)).toMatchObject({ kind: 'next', components: ['a', 'b'] });
    expect((outcome.facts as FactWrite[])[0]?.value).toMatchObject({ digests: { components: { a: '1', b: '2' } } });
  });

  it('give a definition that they changed a moment to be served: by the old one its objects would be refused for good', async () => {
    const of = (fields: string[]) => ({ ...crd(true), spec: { fields } });
    const { run, live, plan, state } = bench({
      components: [{ name: 'b', digest: '2', objects: [of(['a']), object('Widget', 'w')] }],
    });
    const apply = () => run('apply-manifests', 'manifests', { plan: { ...plan, components: ['b'] } });
    expect(output(await apply())).toMatchObject({ kind: 'next' });
    live.mutations.length = 0;
    const more = object('Widget', 'w', { b: 1 });
    state.rendered = { ...state.rendered, components: [{ name: 'b', digest: '3', objects: [of(['a', 'b']), more] }] };
    expect(await apply()).toMatchObject({ kind: 'waiting', reason: { code: 'foundations' } });
    expect(live.mutations).toEqual(['apply CustomResourceDefinition widgets']);
    expect(output(await apply())).toMatchObject({ kind: 'next' });
    expect(live.mutations).toEqual(['apply CustomResourceDefinition widgets', 'apply Widget w']);
  });

  it('wait for definitions that are not established before anything else is applied', async () => {
    const { run, live, plan } = bench({
      components: [{ name: 'b', digest: '2', objects: [crd(false), object('Widget', 'w')] }],
    });
    const outcome = await run('apply-manifests', 'manifests', { plan: { ...plan, components: ['b'] } });
    expect(outcome).toMatchObject({ kind: 'waiting', reason: { code: 'foundations' } });
    expect(live.mutations).toEqual(['apply CustomResourceDefinition widgets']);
  });

  it('send nothing the second time', async () => {
    const { run, live, plan } = bench({ components });
    const context = { plan: { ...plan, components: ['a', 'b'] } };
    await run('apply-manifests', 'manifests', context);
    live.mutations.length = 0;
    await run('apply-manifests', 'manifests', context);
    expect(live.mutations).toEqual([]);
  });

  it('leave components alone that did not change', async () => {
    const { run, live, plan } = bench({ components });
    await run('apply-manifests', 'manifests', { plan: { ...plan, components: ['a'] } });
    expect(live.mutations).toEqual(['apply ConfigMap config', 'apply Deployment app']);
  });

  it('are planned anew when the registry changed what renders', async () => {
    const { run, live, plan, state } = bench({ components });
    state.rendered = { ...state.rendered, digest: 'd2' };
    const outcome = await run('apply-manifests', 'manifests', { plan: { ...plan, components: ['a'] } });
    expect(output(outcome).kind).toBe('replan');
    expect(live.mutations).toEqual([]);
  });

  it('are not sent by a daemon that has lost the lease', async () => {
    const { run, live, plan, state } = bench({ components });
    state.leaseHeld = false;
    expect(await failureOf(run('apply-manifests', 'manifests', { plan: { ...plan, components: ['a'] } }))).toBe(
      'lease-lost',
    );
    expect(live.mutations).toEqual([]);
  });
});

describe('deletions', () => {
  const listed = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      namespace: 'kube-system',
      name: `old-${i}`,
    }));
  const put = (live: ScriptedCluster, count: number) => {
    for (const { kind, name, namespace } of listed(count)) {
      live.objects.set(`${kind}/${namespace}/${name}`, {
        apiVersion: 'v1',
        kind,
        metadata: { name, namespace, uid: `uid-${name}` },
      });
    }
  };

  it('delete what is listed and there, nothing else', async () => {
    const { run, live } = bench({
      deletions: { preApply: listed(2), postApply: [], preApplyStacks: [], postApplyStacks: [] },
    });
    put(live, 1);
    live.objects.set('ConfigMap/kube-system/other', object('ConfigMap', 'other'));
    const outcome = await run('delete-objects', 'preDeletions');
    expect(live.mutations).toEqual(['delete ConfigMap old-0']);
    expect(outcome.journal?.length).toBe(1);
    expect(live.objects.size).toBe(1);
  });

  it('refuse to delete more than a change would ever mean (B6)', async () => {
    const { run, live } = bench({
      deletions: { preApply: [], postApply: listed(60), preApplyStacks: [], postApplyStacks: [] },
    });
    put(live, 60);
    expect(await failureOf(run('delete-objects', 'postDeletions'))).toBe('too-many-deletions');
    expect(live.mutations).toEqual([]);
  });
});

describe('deletions by label, and of stacks', () => {
  const none = { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] };
  const pod = (live: ScriptedCluster, name: string, labels: Record<string, string>, owned = false) =>
    live.objects.set(`Pod/kube-system/${name}`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: 'kube-system',
        uid: name,
        labels,
        ...(owned ? { ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'x' }] } : {}),
      },
    });

  it('take what the selector chooses and the owner allows, once', async () => {
    const entry = { apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system' };
    const { run, live } = bench({
      deletions: {
        ...none,
        preApply: [
          { ...entry, selector: 'app=old', hasOwner: false },
          { ...entry, name: 'a' },
          { ...entry, selector: '' },
        ],
      },
    });
    pod(live, 'a', { app: 'old' });
    pod(live, 'b', { app: 'old' }, true);
    pod(live, 'c', { app: 'new' });
    await run('delete-objects', 'preDeletions');
    expect(live.mutations).toEqual(['delete Pod a']);
  });

  describe('of a kind that has no API version in the list', () => {
    const define = (live: ScriptedCluster, group: string, versions: object[]) =>
      live.objects.set(`CustomResourceDefinition//gadgets.${group}`, {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `gadgets.${group}`, uid: group },
        spec: {
          group,
          scope: 'Namespaced',
          names: { kind: 'Gadget', plural: 'gadgets', singular: 'gadget' },
          versions,
        },
      });
    const served = [
      { name: 'v1alpha1', served: false, storage: false },
      { name: 'v1', served: true, storage: true },
    ];
    const listing = (kind: string) =>
      bench({ deletions: { ...none, preApply: [{ kind, name: 'old', namespace: 'kube-system' }] } });
    const gadget = (live: ScriptedCluster) =>
      live.objects.set('Gadget/kube-system/old', {
        apiVersion: 'example.org/v1',
        kind: 'Gadget',
        metadata: { name: 'old', namespace: 'kube-system', uid: 'g' },
      });

    it.each(['Gadget', 'gadgets', 'gadgets.example.org', 'gadget.v1.example.org'])('%s is found', async (kind) => {
      const { run, live } = listing(kind);
      define(live, 'example.org', served);
      gadget(live);
      await run('delete-objects', 'preDeletions');
      expect(live.mutations).toEqual(['delete Gadget old']);
    });

    it('one that the cluster does not define has no objects', async () => {
      const { run, live } = listing('Widget');
      define(live, 'example.org', served);
      gadget(live);
      expect(output(await run('delete-objects', 'preDeletions')).kind).toBe('next');
      expect(live.mutations).toEqual([]);
    });

    it('one that two groups define is not guessed, unless the list says the group', async () => {
      const { run, live } = listing('Gadget');
      const exact = listing('gadgets.example.org');
      for (const cluster of [live, exact.live]) {
        define(cluster, 'example.org', served);
        define(cluster, 'other.example.org', served);
        gadget(cluster);
      }
      expect(await failureOf(run('delete-objects', 'preDeletions'))).toBe('ambiguous-kind');
      expect(live.mutations).toEqual([]);
      await exact.run('delete-objects', 'preDeletions');
      expect(exact.live.mutations).toEqual(['delete Gadget old']);
    });
  });

  it('wait until a stack of this cluster is gone', async () => {
    const { run, live } = bench({ deletions: { ...none, postApplyStacks: ['old', 'never-there'] } });
    live.settle({ name: 'old', template: '', parameters: {}, tags: { [`kubernetes.io/cluster/${id}`]: 'owned' } });
    const first = await run('delete-objects', 'postDeletions');
    expect(first).toMatchObject({ kind: 'waiting', reason: { message: 'waits until old is deleted' } });
    await run('delete-objects', 'postDeletions');
    expect(live.mutations).toEqual(['delete stack old']);
    live.stacks.delete('old');
    expect(output(await run('delete-objects', 'postDeletions')).kind).toBe('next');
  });

  it('refuse a stack that does not carry the tag of this cluster', async () => {
    const { run, live } = bench({ deletions: { ...none, preApplyStacks: ['foreign'] } });
    live.settle({ name: 'foreign', template: '', parameters: {}, tags: { 'kubernetes.io/cluster/other': 'owned' } });
    expect(await failureOf(run('delete-objects', 'preDeletions'))).toBe('stack-not-ours');
    expect(live.mutations).toEqual([]);
  });
});

describe('units that refer to outputs of the cluster stack', () => {
  const stack = (name: string, kind: 'cluster' | 'extra', more: object = {}) => ({
    name,
    kind,
    template: 'plain',
    parameters: {},
    tags: {},
    digest: name,
    ...more,
  });
  const own = sampleCluster.localId;

  it('further stacks come after the cluster’s own, with its outputs in them', async () => {
    const extra = stack('more', 'extra', {
      templateFor: (outputs: Record<string, string>) => `role=${outputs['Role']}`,
    });
    const { run, live, plan } = bench({ stacks: [stack(own, 'cluster'), extra] });
    const change = { plan: { ...plan, stacks: [own, 'more'] } };
    await run('apply-stacks', 'clusterStack', change);
    expect(live.mutations).toEqual([`create stack ${own}`]);
    live.settle({ name: own, template: 'plain', parameters: {}, tags: {} });
    const view = live.stacks.get(own)?.view;
    if (view !== undefined) view.outputs = { Role: 'arn' };
    const applied = { [own]: { kind: 'cluster' as const, state: 'applied' as const, since: 1 } };
    await run('apply-stacks', 'clusterStack', { ...change, stacks: applied });
    expect(live.mutations).toEqual([`create stack ${own}`, 'create stack more']);
    expect(live.stacks.get('more')?.template).toBe('role=arn');
  });

  it('objects are applied with the outputs in them', async () => {
    const objectsFor = (outputs: Record<string, string>) => [
      object('ConfigMap', 'c', { data: { role: outputs['Role'] } }),
    ];
    const { run, live, plan } = bench({ components: [{ name: 'a', digest: '1', objects: [], objectsFor }] });
    live.settle({ name: own, template: '', parameters: {}, tags: {} });
    const view = live.stacks.get(own)?.view;
    if (view !== undefined) view.outputs = { Role: 'arn' };
    await run('apply-manifests', 'manifests', { plan: { ...plan, components: ['a'] } });
    expect(live.objects.get('ConfigMap/kube-system/c')?.['data']).toEqual({ role: 'arn' });
  });
});

describe('rolls', () => {
  const pool = (name: string, controlPlane: boolean) => ({
    name,
    profile: 'x',
    controlPlane,
    stackName: name,
    digest: '1',
  });
  const pools = [pool('m1', true), pool('m2', true), pool('w1', false), pool('w2', false)];
  const outdated = { running: 'old', wanted: 'new', nodes: 2 };

  it('go one control-plane pool at a time, and all worker pools at once', async () => {
    const { run, live } = bench({ pools });
    for (const { name } of pools) live.pools.set(name, { ...outdated });
    const control = await run('roll-pools', 'controlPlaneRoll');
    expect(messages(control).map((message) => message.to)).toEqual(['roll:update:dev:c1:a:1:m1']);
    const workers = await run('roll-pools', 'workerRolls');
    expect(messages(workers).map((message) => message.to)).toEqual([
      'roll:update:dev:c1:a:1:w1',
      'roll:update:dev:c1:a:1:w2',
    ]);
  });

  it('skip pools without outdated nodes, and leave to the roll what cannot be judged', async () => {
    const { run, live } = bench({ pools });
    live.pools.set('w1', { running: 'new', wanted: 'new', nodes: 2 });
    const outcome = await run('roll-pools', 'workerRolls');
    expect(output(outcome).rolls).toMatchObject({ w1: { state: 'current' }, w2: { state: 'running' } });
  });

  it('never take a version that only has a name for a current one', async () => {
    const { run, live } = bench({ pools });
    live.pools.set('w1', { running: '$Latest', wanted: '$Latest', nodes: 2 });
    expect(output(await run('roll-pools', 'workerRolls')).rolls).toMatchObject({ w1: { state: 'running' } });
  });

  it('have other ids when the update is planned anew, so that an ended roll does not answer for them', async () => {
    const { run, live, plan } = bench({ pools });
    live.pools.set('w1', { ...outdated });
    const outcome = await run('roll-pools', 'workerRolls', { plan: { ...plan, round: 1 } });
    expect(messages(outcome)[0]?.to).toBe('roll:update:dev:c1:a:1:w1:1');
  });
});

describe('reports', () => {
  const blocked = {
    controlPlane: false,
    state: 'running' as const,
    child: 'roll:x',
    since: 0,
    nodesReplaced: 0,
    evictions: 0,
    reason: null,
    blocked: { code: 'budget-never-allows', message: 'no', since: 0 },
  };

  it('go to the parent once when something blocks, and once when nothing does any more', async () => {
    const { run } = bench({ pools: [{ name: 'w', profile: 'x', controlPlane: false, stackName: 'w', digest: '1' }] });
    const first = await run('roll-pools', 'workerRolls', { rolls: { w: blocked } });
    expect(messages(first).map((message) => message.event.type)).toEqual(['CLUSTER_BLOCKED']);
    const again = await run('roll-pools', 'workerRolls', {
      rolls: { w: blocked },
      reported: { blocked: true, stalled: false },
    });
    expect(messages(again)).toEqual([]);
    const free = await run('roll-pools', 'workerRolls', {
      rolls: { w: { ...blocked, blocked: null } },
      reported: { blocked: true, stalled: false },
    });
    expect(messages(free).map((message) => message.event.type)).toEqual(['CLUSTER_RECOVERED']);
  });

  it('pass a retry on to the rolls under way', async () => {
    const { run } = bench({ pools: [] });
    const outcome = await run('roll-pools', 'workerRolls', { rolls: { w: { ...blocked, blocked: null } }, poke: true });
    expect(messages(outcome)).toMatchObject([{ to: 'roll:x', event: { type: 'RETRY' } }]);
  });
});
