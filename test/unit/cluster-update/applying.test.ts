import { describe, expect, it } from 'vitest';
import { ApplyConflictError } from '../../../src/domain/apply-conflict.ts';
import { FailureError } from '../../../src/domain/failure.ts';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import { applyItemProblems, applyPolicyOf } from '../../../src/planning/pipeline/apply-policy.ts';
import { parseConflictPolicy, resolveConflicts } from '../../../src/planning/pipeline/conflicts.ts';
import { withoutField, withoutFields } from '../../../src/planning/pipeline/field-path.ts';
import {
  claimed,
  fieldsDigest,
  inventoryChanges,
  inventoryText,
  parseInventory,
  recorded,
} from '../../../src/planning/pipeline/inventory.ts';
import { type PrunePolicy, planPrune } from '../../../src/planning/pipeline/prune.ts';
import { readinessOf } from '../../../src/planning/pipeline/readiness.ts';
import type { StepOutcome } from '../../../src/ports/step.ts';
import { bench, failureOf, object, output } from '../../support/pipeline/update-bench.ts';

const config = (name: string, data: Record<string, string> = {}) => object('ConfigMap', name, { data });
const component = (name: string, objects: KubeObject[]) => ({ name, digest: `${name}-1`, objects });
const journalOf = (outcome: StepOutcome): string[] =>
  (outcome.journal ?? []).map(({ kind, message }) => `${kind}: ${message}`);

/** Applies what is rendered now, prunes, and forgets the mutations of the inventory itself. */
function world(items: Record<string, string> = {}) {
  const made = bench({}, items);
  const update = async (components: ReturnType<typeof component>[], changed = components.map(({ name }) => name)) => {
    made.state.rendered = { ...made.state.rendered, components };
    const context = { plan: { ...made.plan, deletions: false, components: changed } };
    const applied = await made.run('apply-manifests', 'manifests', context);
    const pruned = await made.run('delete-objects', 'postDeletions', context);
    return { applied, pruned };
  };
  const entries = () => [...parseInventory(made.live.objects.get('ConfigMap/kube-system/clm-inventory')).entries()];
  return { ...made, update, entries };
}

describe('applying', () => {
  it('sends an object again when a field is no longer set, and only then', async () => {
    const { update, live } = world();
    await update([component('a', [config('x', { one: '1', two: '2' })])]);
    live.mutations.length = 0;
    await update([component('a', [config('x', { one: '1', two: '2' })])]);
    expect(live.mutations).toEqual([]);
    await update([component('a', [config('x', { one: '1' })])]);
    expect(live.mutations).toEqual(['apply ConfigMap x']);
  });

  it('takes an object for another when somebody made it anew', async () => {
    const { update, live } = world();
    await update([component('a', [config('x')])]);
    const found = live.objects.get('ConfigMap/kube-system/x') as KubeObject;
    found.metadata.uid = 'another';
    live.mutations.length = 0;
    await update([component('a', [config('x')])]);
    expect(live.mutations).toEqual(['apply ConfigMap x']);
  });

  it('writes down what it will apply before it does, and what it has applied after it', async () => {
    const { run, live, plan, entries, state } = world();
    state.rendered = { ...state.rendered, components: [component('a', [config('x'), config('y')])] };
    const kube = live.kube;
    live.kube = () => {
      const real = kube.call(live);
      return {
        ...real,
        apply: async () => {
          expect(entries()[0]?.[1].map(({ name, uid }) => [name, uid])).toEqual([
            ['x', ''],
            ['y', ''],
          ]);
          throw new Error('killed');
        },
      };
    };
    await expect(run('apply-manifests', 'manifests', { plan: { ...plan, components: ['a'] } })).rejects.toThrow(
      'killed',
    );
    live.kube = kube;
    await run('apply-manifests', 'manifests', { plan: { ...plan, components: ['a'] } });
    expect(entries()[0]?.[1].map(({ name, uid }) => [name, uid])).toEqual([
      ['x', 'u'],
      ['y', 'u'],
    ]);
  });

  it.each([
    [undefined, 'force', 'fields-taken: ConfigMap kube-system/x of'],
    ['leave', 'leave', 'fields-left: ConfigMap kube-system/x of'],
    ['fail, kubectl=leave', 'leave', 'fields-left'],
  ])('says whose fields it takes or leaves (%s)', async (item, action, said) => {
    const { update, live } = world(item === undefined ? {} : { apply_conflicts: item });
    const kube = live.kube;
    const sent: { object: KubeObject; force: boolean }[] = [];
    live.kube = () => {
      const real = kube.call(live);
      return {
        ...real,
        apply: async (resource, wanted, options) => {
          sent.push({ object: wanted, force: options?.force === true });
          if (sent.length === 1) throw new ApplyConflictError('APPLY x', [{ manager: 'kubectl', field: '.data.one' }]);
          return real.apply(resource, wanted, options);
        },
      };
    };
    const { applied } = await update([component('a', [config('x', { one: '1', two: '2' })])]);
    expect(sent[1]).toMatchObject({
      force: action === 'force',
      object: { data: action === 'force' ? { one: '1', two: '2' } : { two: '2' } },
    });
    expect(journalOf(applied).join()).toContain(said);
    expect(journalOf(applied).join()).toContain('kubectl owns .data.one');
    // what is left to others is no difference the next time
    live.mutations.length = 0;
    await update([component('a', [config('x', { one: '1', two: '2' })])]);
    expect(live.mutations).toEqual([]);
  });

  it('stops at fields of somebody whose fields are not to be touched', async () => {
    const { live, run, plan, state } = world({ apply_conflicts: 'fail' });
    const kube = live.kube;
    live.kube = () => ({
      ...kube.call(live),
      apply: () => Promise.reject(new ApplyConflictError('APPLY x', [{ manager: 'helm', field: '.data.one' }])),
    });
    state.rendered = { ...state.rendered, components: [component('a', [config('x', { one: '1' })])] };
    const work = run('apply-manifests', 'manifests', { plan: { ...plan, components: ['a'] } });
    await expect(work).rejects.toMatchObject({
      failure: {
        kind: 'terminal',
        code: 'field-conflict',
        message: expect.stringMatching(/helm owns \.data\.one.*apply_conflicts/),
      },
    });
  });
});

describe('pruning', () => {
  it('deletes what an earlier version applied and this one does not, and nothing of others', async () => {
    const { update, live, entries } = world();
    await update([component('a', [config('x'), config('y')])]);
    live.objects.set('ConfigMap/kube-system/other', { ...config('other') });
    live.mutations.length = 0;
    const { pruned } = await update([component('a', [config('x')])]);
    expect(live.mutations).toEqual(['delete ConfigMap y']);
    expect(journalOf(pruned)[0]).toMatch(/^object-pruned: ConfigMap kube-system\/y renders no more and is deleted/);
    expect(live.objects.has('ConfigMap/kube-system/other')).toBe(true);
    expect(entries()[0]?.[1].map(({ name }) => name)).toEqual(['x']);
  });

  it('does not delete what moved to another component', async () => {
    const { update, live } = world();
    await update([component('a', [config('x'), config('y')]), component('b', [config('z')])]);
    live.mutations.length = 0;
    await update([component('a', [config('x')]), component('b', [config('y'), config('z')])]);
    expect(live.mutations.filter((mutation) => mutation.startsWith('delete'))).toEqual([]);
  });

  it('leaves what somebody else made anew, or a controller owns', async () => {
    const { update, live } = world();
    await update([component('a', [config('x'), config('y'), config('z')])]);
    (live.objects.get('ConfigMap/kube-system/y') as KubeObject).metadata.uid = 'another';
    (live.objects.get('ConfigMap/kube-system/z') as KubeObject).metadata.ownerReferences = [
      { apiVersion: 'v1', kind: 'Widget', name: 'w', uid: 'w', controller: true },
    ];
    const { pruned } = await update([component('a', [config('x')])]);
    expect(journalOf(pruned).map((line) => line.slice(0, 60))).toEqual([
      'object-left: ConfigMap kube-system/y renders no more and sta',
      'object-left: ConfigMap kube-system/z renders no more and sta',
    ]);
    expect(live.objects.has('ConfigMap/kube-system/y')).toBe(true);
  });

  it.each(['Namespace', 'CustomResourceDefinition', 'PersistentVolume', 'PersistentVolumeClaim'])(
    'never takes a %s (B6)',
    (kind) => {
      const entry = { apiVersion: 'v1', kind, namespace: '', name: 'n', uid: 'u', fields: 'f', left: [] };
      const keep = { ...entry, kind: 'ConfigMap', name: 'keep' };
      const inventory = new Map([['a', [entry, keep]]]);
      const plan = planPrune(
        inventory,
        [{ name: 'a', objects: [{ ...config('keep'), metadata: { name: 'keep' } }] }],
        usual,
      );
      expect(plan.go).toEqual([]);
      expect(plan.stay).toMatchObject([{ why: `a ${kind} goes only when deletions.yaml names it` }]);
    },
  );

  const usual: PrunePolicy = { prune: true, mostDeletions: 20, emptied: new Set() };

  it('refuses a component of which nothing is left, before anything is touched (B6)', async () => {
    const { update, live, run, state, plan } = world();
    await update([component('a', [config('x')]), component('b', [config('y')])]);
    state.rendered = { ...state.rendered, digest: 'd2', components: [component('b', [config('y')])] };
    live.mutations.length = 0;
    expect(await failureOf(run('plan-update', 'rendering'))).toBe('component-emptied');
    expect(await failureOf(run('delete-objects', 'postDeletions', { plan: { ...plan, digest: 'd2' } }))).toBe(
      'component-emptied',
    );
    expect(live.mutations).toEqual([]);
  });

  it('lets one go while the registry says so', async () => {
    const { update, live } = world({ allow_emptied_components: 'a until 2030-01-31 by ada: not needed any more' });
    await update([component('a', [config('x')]), component('b', [config('y')])]);
    live.mutations.length = 0;
    await update([component('b', [config('y')])], []);
    expect(live.mutations).toEqual(['delete ConfigMap x']);
  });

  it('refuses more deletions than a change would mean (B6)', async () => {
    const many = Array.from({ length: 25 }, (_, i) => config(`x${i}`));
    const { update, run, state, live } = world();
    await update([component('a', [...many, config('keep')])]);
    state.rendered = {
      ...state.rendered,
      digest: 'd2',
      components: [component('a', [config('keep')])].map((each) => ({ ...each, digest: '2' })),
    };
    live.mutations.length = 0;
    expect(await failureOf(run('plan-update', 'rendering'))).toBe('too-many-deletions');
    expect(live.mutations).toEqual([]);
  });

  it('can be switched off', async () => {
    const { update, live } = world({ prune: 'false' });
    await update([component('a', [config('x'), config('y')])]);
    live.mutations.length = 0;
    const { pruned } = await update([component('a', [config('x')])]);
    expect(live.mutations).toEqual([]);
    expect(journalOf(pruned)[0]).toContain('pruning is switched off');
    expect(output(pruned).kind).toBe('next');
  });
});

describe('the inventory', () => {
  it('says nothing about values, and tells when a field is gone', () => {
    const digest = (data: object) => fieldsDigest(object('Secret', 'x', { data }));
    expect(digest({ a: 'one' })).toBe(digest({ a: 'two' }));
    expect(digest({ a: 'one' })).not.toBe(digest({}));
    expect(digest({ a: ['x', 'y'] })).not.toBe(digest({ a: ['x'] }));
  });

  it('keeps its entries over writing and reading, in any order', () => {
    const entries = recorded(claimed([], [config('x'), config('y')]), [
      { object: config('y'), uid: 'u2', left: ['.data.one'] },
    ]);
    const map = object('ConfigMap', 'clm-inventory', { data: { k: inventoryText('a/b', entries) } });
    expect(parseInventory(map).get('a/b')).toEqual(entries);
    expect(inventoryText('a', [...entries].reverse())).toBe(inventoryText('a', entries));
    expect(inventoryChanges(parseInventory(map), parseInventory(map))).toEqual({});
    expect(Object.values(inventoryChanges(parseInventory(map), new Map()))).toEqual([null]);
  });

  it.each(['no json', '{"component":"a","objects":[["v1"]]}', '{"objects":[]}'])(
    'that cannot be read is not an empty one: %s',
    (text) => {
      const read = () => parseInventory(object('ConfigMap', 'clm-inventory', { data: { a: text } }));
      expect(read).toThrow(FailureError);
      expect(read).toThrow(/clm-inventory, key a/);
    },
  );
});

describe('paths of fields', () => {
  const app = {
    metadata: { annotations: { 'kubernetes.io/name': 'x', kubernetes: 'y' } },
    spec: {
      replicas: 1,
      containers: [
        { name: 'a', image: '1', ports: [{ containerPort: 80, protocol: 'TCP' }] },
        { name: 'b', image: '2' },
      ],
      finalizers: ['one', 'two'],
    },
  };

  it.each([
    ['.spec.replicas', (copy: typeof app) => (copy.spec as Partial<typeof app.spec>).replicas, undefined],
    ['.metadata.annotations.kubernetes.io/name', (copy: typeof app) => copy.metadata.annotations, { kubernetes: 'y' }],
    ['.spec.containers[name="b"].image', (copy: typeof app) => copy.spec.containers[1], { name: 'b' }],
    [
      '.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"]',
      (copy: typeof app) => copy.spec.containers[0]?.ports,
      [],
    ],
    ['.spec.finalizers[="one"]', (copy: typeof app) => copy.spec.finalizers, ['two']],
    ['.spec.finalizers[1]', (copy: typeof app) => copy.spec.finalizers, ['one']],
  ])('%s names one', (path, read, left) => {
    const copy = withoutField(app, path);
    expect(copy === undefined ? 'none' : read(copy)).toEqual(left);
    expect(app.spec.replicas).toBe(1);
  });

  it.each([
    '.spec.none',
    '.spec.containers[name="z"].image',
    'spec',
    '.spec.replicas.more',
    '.spec.containers[name="a"',
  ])('%s names none', (path) => {
    expect(withoutField(app, path)).toBeUndefined();
    expect(withoutFields(app, [path])).toEqual(app);
  });
});

describe('what is done about conflicts', () => {
  it('goes by manager, and leaves to autoscalers what is theirs', () => {
    const policy = applyPolicyOf({ configItems: {} }).conflicts;
    const conflict = (manager: string) => ({ manager, field: '.spec.replicas' });
    const found = resolveConflicts([conflict('kubectl'), conflict('kube-controller-manager')], policy);
    expect(found).toEqual({ force: [conflict('kubectl')], leave: [conflict('kube-controller-manager')], fail: [] });
    expect(parseConflictPolicy('fail, a=leave')).toMatchObject({ otherwise: 'fail', managers: { a: 'leave' } });
    expect(parseConflictPolicy('perhaps')).toBeUndefined();
  });

  it('is checked with all other items', () => {
    const items = {
      apply_conflicts: 'x',
      prune: 'maybe',
      prune_max_deletions: '-1',
      allow_emptied_components: 'a',
    };
    expect(applyItemProblems(items).map(({ item }) => item)).toEqual(Object.keys(items));
    expect(applyPolicyOf({ configItems: { prune_max_deletions: '3', prune: 'false' } })).toMatchObject({
      mostDeletions: 3,
      prune: false,
    });
  });
});

describe('readiness', () => {
  const of = (apiVersion: string, kind: string, body: object, metadata: object = {}) =>
    readinessOf({ apiVersion, kind, metadata: { name: 'x', generation: 2, ...metadata }, ...body });
  const condition = (type: string, status: string, reason = '') => ({ conditions: [{ type, status, reason }] });
  const seen = { observedGeneration: 2 };

  it.each([
    ['what is being deleted', of('v1', 'ConfigMap', {}, { deletionTimestamp: 'now' }), 'progressing'],
    ['a config map', of('v1', 'ConfigMap', {}), 'ready'],
    [
      'a deployment with an old pod too many',
      of('apps/v1', 'Deployment', { status: { ...seen, replicas: 2, updatedReplicas: 1, availableReplicas: 1 } }),
      'progressing',
    ],
    [
      'a set whose revision is not the current one',
      of('apps/v1', 'StatefulSet', {
        status: { ...seen, updatedReplicas: 1, readyReplicas: 1, updateRevision: 'b', currentRevision: 'a' },
      }),
      'progressing',
    ],
    [
      'a set that is updated by hand',
      of('apps/v1', 'StatefulSet', {
        spec: { updateStrategy: { type: 'OnDelete' } },
        status: { ...seen, updatedReplicas: 0, readyReplicas: 1 },
      }),
      'ready',
    ],
    [
      'a set updated down to its partition',
      of('apps/v1', 'StatefulSet', {
        spec: { replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } } },
        status: { ...seen, updatedReplicas: 1, readyReplicas: 3 },
      }),
      'ready',
    ],
    [
      'a daemon set that is updated by hand',
      of('apps/v1', 'DaemonSet', {
        spec: { updateStrategy: { type: 'OnDelete' } },
        status: { ...seen, desiredNumberScheduled: 2, updatedNumberScheduled: 0, numberAvailable: 2 },
      }),
      'ready',
    ],
    ['a job that runs', of('batch/v1', 'Job', { status: {} }), 'progressing'],
    ['a job that is done', of('batch/v1', 'Job', { status: condition('Complete', 'True') }), 'ready'],
    [
      'a job that gave up',
      of('batch/v1', 'Job', { status: condition('Failed', 'True', 'BackoffLimitExceeded') }),
      'failed',
    ],
    ['a job that is suspended', of('batch/v1', 'Job', { spec: { suspend: true } }), 'ready'],
    [
      'a definition not yet served',
      of('apiextensions.k8s.io/v1', 'CustomResourceDefinition', { status: condition('Established', 'False') }),
      'progressing',
    ],
    [
      'a definition whose names are taken',
      of('apiextensions.k8s.io/v1', 'CustomResourceDefinition', { status: condition('NamesAccepted', 'False') }),
      'failed',
    ],
    [
      'an API that is served',
      of('apiregistration.k8s.io/v1', 'APIService', { status: condition('Available', 'True') }),
      'ready',
    ],
    [
      'an API that is not',
      of('apiregistration.k8s.io/v1', 'APIService', { status: condition('Available', 'False') }),
      'progressing',
    ],
    ['a budget not seen', of('policy/v1', 'PodDisruptionBudget', { status: { observedGeneration: 1 } }), 'progressing'],
    ['a budget', of('policy/v1', 'PodDisruptionBudget', { status: { ...seen, disruptionsAllowed: 0 } }), 'ready'],
    ['a service', of('v1', 'Service', { spec: {} }), 'ready'],
    [
      'a service without its balancer',
      of('v1', 'Service', { spec: { type: 'LoadBalancer' }, status: { loadBalancer: {} } }),
      'progressing',
    ],
    [
      'a service with it',
      of('v1', 'Service', {
        spec: { type: 'LoadBalancer' },
        status: { loadBalancer: { ingress: [{ hostname: 'h' }] } },
      }),
      'ready',
    ],
    ['a claim that is bound', of('v1', 'PersistentVolumeClaim', { status: { phase: 'Bound' } }), 'ready'],
    ['a claim that waits for a consumer', of('v1', 'PersistentVolumeClaim', { status: { phase: 'Pending' } }), 'ready'],
    [
      'a claim being provisioned',
      of(
        'v1',
        'PersistentVolumeClaim',
        { status: { phase: 'Pending' } },
        { annotations: { 'volume.kubernetes.io/storage-provisioner': 'ebs' } },
      ),
      'progressing',
    ],
    ['a claim that lost its volume', of('v1', 'PersistentVolumeClaim', { status: { phase: 'Lost' } }), 'failed'],
    ['a namespace that ends', of('v1', 'Namespace', { status: { phase: 'Terminating' } }), 'progressing'],
    ['a kind of tomorrow without status', of('x.io/v1', 'Novel', {}), 'ready'],
    ['a kind of tomorrow, not seen', of('x.io/v1', 'Novel', { status: { observedGeneration: 1 } }), 'progressing'],
    ['a kind of tomorrow, not Ready', of('x.io/v1', 'Novel', { status: condition('Ready', 'False') }), 'progressing'],
    ['a kind of tomorrow, stalled', of('x.io/v1', 'Novel', { status: condition('Stalled', 'True') }), 'failed'],
    [
      'a kind of tomorrow, being reconciled',
      of('x.io/v1', 'Novel', { status: condition('Reconciling', 'True') }),
      'progressing',
    ],
    ['a pod that failed', of('v1', 'Pod', { status: { phase: 'Failed' } }), 'failed'],
  ])('of %s', (_, readiness, state) => {
    expect(readiness.state).toBe(state);
  });
});
