/** What every binding of the KubeCluster port must do, told by talking to a cluster that has controllers and nodes. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FailureError } from '../../../src/domain/failure.ts';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import type { KubeCluster, Resource, WatchEvent } from '../../../src/ports/kube-cluster.ts';

export interface KubeContractTarget {
  kube: KubeCluster;
  /** Lets the cluster work until the condition holds; throws when it never does. */
  until(what: string, condition: () => Promise<boolean> | boolean): Promise<void>;
  close(): Promise<void>;
}

const core = (resource: string, kind: string, namespaced = true): Resource => ({
  group: '',
  version: 'v1',
  resource,
  kind,
  namespaced,
});
const namespaces = core('namespaces', 'Namespace', false);
const configMaps = core('configmaps', 'ConfigMap');
const pods = core('pods', 'Pod');
const deployments: Resource = {
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};
const budgets: Resource = {
  group: 'policy',
  version: 'v1',
  resource: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  namespaced: true,
};

/** What a promise was refused with. */
export async function failureOf(promise: Promise<unknown>): Promise<FailureError['failure']> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
  throw new Error('it did not fail');
}

function configMap(
  namespace: string,
  name: string,
  data: Record<string, string>,
  labels: Record<string, string> = {},
): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels }, data };
}

export function deployment(namespace: string, name: string, replicas: number): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: 'registry.example.com/web:1' }] },
      },
    },
  };
}

export function budget(namespace: string, name: string, app: string, minAvailable: number): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace },
    spec: { minAvailable, selector: { matchLabels: { app } } },
  };
}

let counter = 0;

/**
 * `connect` gives a cluster that may hold anything; the suite keeps to namespaces of its own. Without nodes and controllers (`nodes:
 * false`) pods never run: evictions are then told by pods that wait, and nothing is said of budgets.
 */
export function describeKubeClusterContract(
  binding: string,
  connect: () => Promise<KubeContractTarget>,
  { nodes }: { nodes: boolean } = { nodes: true },
): void {
  describe(`KubeCluster through ${binding}`, () => {
    let target: KubeContractTarget;
    let kube: KubeCluster;
    let namespace: string;

    beforeAll(async () => {
      target = await connect();
      kube = target.kube;
    });
    afterAll(() => target?.close());
    beforeEach(async () => {
      counter += 1;
      namespace = `contract-${counter}`;
      await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    });

    /** A deployment whose pods are all ready. */
    async function running(name: string, replicas: number): Promise<KubeObject[]> {
      await kube.create(deployments, deployment(namespace, name, replicas));
      await target.until(`${replicas} ready pods of ${name}`, async () => {
        const object = await kube.get(deployments, namespace, name);
        return object?.['status']?.readyReplicas === replicas;
      });
      return (await kube.list(pods, { namespace, labelSelector: `app=${name}` })).items;
    }

    /** Pods need their namespace's account; where no controller is at work, nobody else makes it. */
    async function untilAccount(): Promise<void> {
      const accounts = core('serviceaccounts', 'ServiceAccount');
      const made = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } };
      if ((await kube.get(accounts, namespace, 'default')) === undefined) await kube.create(accounts, made);
    }

    async function allowing(name: string, app: string, minAvailable: number, allowed: number): Promise<void> {
      await kube.create(budgets, budget(namespace, name, app, minAvailable));
      await target.until(`budget ${name} allows ${allowed}`, async () => {
        const status = (await kube.get(budgets, namespace, name))?.['status'];
        return status?.disruptionsAllowed === allowed && status.expectedPods > 0;
      });
    }

    const evict = (pod: KubeObject | undefined, options: { uid?: string; dryRun?: boolean } = {}) =>
      kube.evict(namespace, pod?.metadata.name ?? '', { uid: pod?.metadata.uid ?? '', ...options });

    describe('objects', () => {
      it('are absent, and not an error, when nobody made them; a kind that nobody serves is an error', async () => {
        expect(await kube.get(configMaps, namespace, 'none')).toBeUndefined();
        const unserved = core('gadgets', 'Gadget');
        expect(await failureOf(kube.get(unserved, namespace, 'none'))).toMatchObject({ code: 'kube-unknown-kind' });
        expect(await failureOf(kube.list(unserved))).toMatchObject({ code: 'kube-unknown-kind' });
      });

      it('are created once', async () => {
        const made = await kube.create(configMaps, configMap(namespace, 'a', { k: '1' }));
        expect(made.metadata.uid).toBeTruthy();
        expect(made.metadata.resourceVersion).toBeTruthy();
        expect(await failureOf(kube.create(configMaps, configMap(namespace, 'a', {})))).toMatchObject({
          code: 'kube-already-exists',
        });
        expect((await kube.get(configMaps, namespace, 'a'))?.['data']).toEqual({ k: '1' });
      });

      it('leave nothing behind after a dry run', async () => {
        await kube.create(configMaps, configMap(namespace, 'dry', {}), { dryRun: true });
        await kube.apply(configMaps, configMap(namespace, 'dry', {}), { dryRun: true });
        expect(await kube.get(configMaps, namespace, 'dry')).toBeUndefined();
      });

      it('are refused in a namespace that is not there, and under a name that is not allowed', async () => {
        expect(await failureOf(kube.create(configMaps, configMap('not-there', 'a', {})))).toMatchObject({
          code: 'kube-not-found',
        });
        const failure = await failureOf(kube.create(configMaps, configMap(namespace, 'Not_Allowed', {})));
        expect(failure).toMatchObject({ kind: 'terminal', code: 'kube-invalid' });
        expect(failure.message).toContain('Not_Allowed');
      });

      it('cannot be changed by the one who was given them', async () => {
        await kube.create(configMaps, configMap(namespace, 'a', { k: '1' }));
        const first = await kube.get(configMaps, namespace, 'a');
        Object.assign(first?.['data'], { k: 'changed' });
        const [listed] = (await kube.list(configMaps, { namespace, fieldSelector: 'metadata.name=a' })).items;
        Object.assign(listed?.['data'], { k: 'changed' });
        expect((await kube.get(configMaps, namespace, 'a'))?.['data']).toEqual({ k: '1' });
      });

      it('are replaced as a whole, unless they have changed meanwhile', async () => {
        const made = await kube.create(configMaps, configMap(namespace, 'a', { k: '1', l: '1' }));
        const replaced = await kube.update(configMaps, { ...made, data: { k: '2' } });
        expect(replaced['data']).toEqual({ k: '2' });
        expect(await failureOf(kube.update(configMaps, { ...made, data: { k: '3' } }))).toMatchObject({
          kind: 'transient',
          code: 'kube-conflict',
        });
        const none = configMap(namespace, 'none', {});
        expect(await failureOf(kube.update(configMaps, none))).toMatchObject({ code: 'kube-not-found' });
      });

      it('take patches of all three kinds', async () => {
        await kube.create(configMaps, configMap(namespace, 'a', { k: '1' }));
        const merged = await kube.patch(configMaps, namespace, 'a', {
          type: 'merge',
          body: { data: { k: null, m: '2' } },
        });
        expect(merged['data']).toEqual({ m: '2' });
        const body = [{ op: 'add', path: '/data/j', value: '3' }];
        expect((await kube.patch(configMaps, namespace, 'a', { type: 'json', body }))['data']).toEqual({
          m: '2',
          j: '3',
        });
        await kube.create(deployments, deployment(namespace, 'd', 0));
        const containers = [{ name: 'side', image: 'registry.example.com/side:1' }];
        const patched = await kube.patch(deployments, namespace, 'd', {
          type: 'strategic',
          body: { spec: { template: { spec: { containers } } } },
        });
        const names = patched['spec'].template.spec.containers.map((container: { name: string }) => container.name);
        expect(names.sort()).toEqual(['main', 'side']);
      });

      it('refuse a patch of what is missing, of what changed meanwhile, and of what a test rules out', async () => {
        const nothing = { type: 'merge', body: {} } as const;
        expect(await failureOf(kube.patch(configMaps, namespace, 'none', nothing))).toMatchObject({
          code: 'kube-not-found',
        });
        const made = await kube.create(configMaps, configMap(namespace, 'a', { k: '1' }));
        await kube.patch(configMaps, namespace, 'a', { type: 'merge', body: { data: { k: '2' } } });
        const stale = { metadata: { resourceVersion: made.metadata.resourceVersion }, data: { k: '3' } };
        expect(await failureOf(kube.patch(configMaps, namespace, 'a', { type: 'merge', body: stale }))).toMatchObject({
          kind: 'transient',
          code: 'kube-conflict',
        });
        const test = [{ op: 'test', path: '/data/k', value: 'other' }];
        expect(await failureOf(kube.patch(configMaps, namespace, 'a', { type: 'json', body: test }))).toMatchObject({
          code: 'kube-invalid',
        });
      });

      it('are applied as manager clm, without a write when nothing changes', async () => {
        const first = await kube.apply(configMaps, configMap(namespace, 'a', { x: '1', y: '1' }));
        const managed = (await kube.get(configMaps, namespace, 'a'))?.metadata as {
          managedFields?: { manager: string; operation: string }[];
        };
        expect(managed.managedFields?.map(({ manager, operation }) => `${manager}:${operation}`)).toEqual([
          'clm:Apply',
        ]);
        const again = await kube.apply(configMaps, configMap(namespace, 'a', { x: '1', y: '1' }));
        expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
        expect((await kube.apply(configMaps, configMap(namespace, 'a', { x: '2' })))['data']).toEqual({ x: '2' });
      });

      it('are not taken over from another manager unless told to', async () => {
        await kube.create(configMaps, configMap(namespace, 'a', { x: 'theirs' }));
        const failure = await failureOf(kube.apply(configMaps, configMap(namespace, 'a', { x: 'ours' })));
        expect(failure).toMatchObject({ kind: 'terminal', code: 'field-conflict' });
        expect(failure.message).toContain('clm owns .data.x');
        expect(
          (await kube.apply(configMaps, configMap(namespace, 'a', { x: 'ours' }), { force: true }))['data'],
        ).toEqual({ x: 'ours' });
      });

      it('are refused for good with a field that their kind does not have, which is named', async () => {
        const typo = deployment(namespace, 'typo', 1);
        Object.assign(typo['spec'], { replica: 1 });
        const failure = await failureOf(kube.apply(deployments, typo));
        expect(failure).toMatchObject({ kind: 'terminal', code: 'kube-invalid' });
        expect(failure.message).toContain(`${namespace}/deployments/typo`);
        expect(failure.message).toContain('.spec.replica: field not declared in schema');
        expect(await kube.get(deployments, namespace, 'typo')).toBeUndefined();
      });

      it('are deleted once, and only the one that was meant', async () => {
        const made = await kube.create(configMaps, configMap(namespace, 'a', {}));
        expect(await kube.delete(configMaps, namespace, 'a', { uid: 'another' })).toBe(false);
        expect(await kube.get(configMaps, namespace, 'a')).toBeDefined();
        expect(await kube.delete(configMaps, namespace, 'a', { uid: made.metadata.uid ?? '' })).toBe(true);
        expect(await kube.delete(configMaps, namespace, 'a')).toBe(false);
      });
    });

    describe('lists', () => {
      it('are complete however many pages they have, and carry kinds and a version', async () => {
        const names = Array.from({ length: 1_020 }, (_, i) => `many-${String(i).padStart(4, '0')}`);
        for (let from = 0; from < names.length; from += 20) {
          await Promise.all(
            names
              .slice(from, from + 20)
              .map((name) => kube.create(configMaps, configMap(namespace, name, {}, { many: 'yes' }))),
          );
        }
        const list = await kube.list(configMaps, { namespace, labelSelector: 'many=yes' });
        expect(list.items.map((item) => item.metadata.name)).toEqual(names);
        expect(list.items.every((item) => item.kind === 'ConfigMap' && item.apiVersion === 'v1')).toBe(true);
        expect(Number(list.resourceVersion)).toBeGreaterThan(0);
      }, 60_000);

      it('obey selectors, and a selector that makes no sense is an error and no empty list', async () => {
        await kube.create(configMaps, configMap(namespace, 'a', {}, { tier: 'x', n: '1' }));
        await kube.create(configMaps, configMap(namespace, 'b', {}, { tier: 'x', n: '2' }));
        const names = async (options: { labelSelector?: string; fieldSelector?: string }): Promise<string[]> =>
          (await kube.list(configMaps, { namespace, ...options })).items.map((item) => item.metadata.name);
        expect(await names({ labelSelector: 'tier=x,n in (2,3)' })).toEqual(['b']);
        expect(await names({ fieldSelector: 'metadata.name=a' })).toEqual(['a']);
        expect(await failureOf(kube.list(configMaps, { namespace, labelSelector: '===' }))).toMatchObject({
          code: 'kube-invalid',
        });
      });
    });

    describe('watches', () => {
      it('deliver what happens after the list, in order, and nothing once stopped', async () => {
        const { resourceVersion } = await kube.list(configMaps, { namespace });
        const events: WatchEvent[] = [];
        const closed: string[] = [];
        let opened = 0;
        const handle = kube.watch(
          configMaps,
          { namespace, resourceVersion, labelSelector: 'seen=yes' },
          {
            opened: () => (opened += 1),
            event: (event) => events.push(event),
            closed: (reason) => closed.push(reason),
          },
        );
        await target.until('the watch is open', () => opened === 1);
        await kube.create(configMaps, configMap(namespace, 'a', { k: '1' }, { seen: 'yes' }));
        await kube.create(configMaps, configMap(namespace, 'unseen', {}, { seen: 'no' }));
        await kube.patch(configMaps, namespace, 'a', { type: 'merge', body: { data: { k: '2' } } });
        await kube.delete(configMaps, namespace, 'a');
        const told = (): string[] =>
          events
            .filter((e) => e.type !== 'BOOKMARK')
            .map((e) => `${e.type} ${e.object.metadata.name} ${e.object['data']?.k}`);
        await target.until('three events', () => told().length >= 3);
        expect(told()).toEqual(['ADDED a 1', 'MODIFIED a 2', 'DELETED a 2']);
        handle.stop();
        await target.until('the watch is closed', () => closed.length > 0);
        await kube.create(configMaps, configMap(namespace, 'b', {}, { seen: 'yes' }));
        await kube.list(configMaps, { namespace });
        expect(told()).toHaveLength(3);
        expect(closed).toEqual(['ended']);
      });

      it('deliver what happened between the list and the watch', async () => {
        const { resourceVersion } = await kube.list(configMaps, { namespace });
        await kube.create(configMaps, configMap(namespace, 'between', {}));
        const names: string[] = [];
        const handle = kube.watch(
          configMaps,
          { namespace, resourceVersion },
          { event: (event) => names.push(`${event.type} ${event.object.metadata.name}`), closed: () => {} },
        );
        await target.until('the event', () => names.includes('ADDED between'));
        handle.stop();
      });

      it('are closed once, with a reason, when they are refused', async () => {
        const closed: string[] = [];
        let opened = 0;
        kube.watch(
          core('gadgets', 'Gadget'),
          { resourceVersion: '1' },
          {
            opened: () => (opened += 1),
            event: () => {},
            closed: (reason, message) => closed.push(`${reason} ${message}`),
          },
        );
        await target.until('the watch is closed', () => closed.length > 0);
        expect(opened).toBe(0);
        expect(closed).toEqual([expect.stringMatching(/^error WATCH gadgets in cluster .*404/)]);
      });
    });

    if (!nodes) evictionsOfWaitingPods();
    else evictionsOfRunningPods();

    function evictionsOfWaitingPods(): void {
      describe('evictions without nodes', () => {
        it('take a pod that waits, after a dry run that does not; a server before 1.22 says that it has no such call', async () => {
          const spec = {
            automountServiceAccountToken: false,
            containers: [{ name: 'main', image: 'registry.example.com/web:1' }],
          };
          await untilAccount();
          const metadata = { name: 'waits', namespace };
          const pod = await kube.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
          const { major, minor } = JSON.parse((await kube.raw('/version')).body) as { major: string; minor: string };
          if (Number(major) === 1 && Number.parseInt(minor, 10) < 22) {
            expect(await failureOf(evict(pod))).toMatchObject({ kind: 'terminal', code: 'kube-eviction-unsupported' });
            expect(await kube.get(pods, namespace, 'waits')).toMatchObject({ metadata: { uid: pod.metadata.uid } });
            return;
          }
          expect(await evict(pod, { uid: 'another' })).toEqual({ kind: 'gone' });
          expect(await evict(pod, { dryRun: true })).toEqual({ kind: 'accepted' });
          expect(await kube.get(pods, namespace, 'waits')).toMatchObject({ metadata: { uid: pod.metadata.uid } });
          expect(await evict(pod)).toEqual({ kind: 'accepted' });
          expect(await kube.get(pods, namespace, 'waits')).toBeUndefined();
          expect(await evict(pod)).toEqual({ kind: 'gone' });
        });
      });
    }

    function evictionsOfRunningPods(): void {
      describe('evictions', () => {
        it('are accepted without a budget, and the pod goes', async () => {
          const [pod] = await running('free', 1);
          expect(await evict(pod, { dryRun: true })).toEqual({ kind: 'accepted' });
          expect(
            (await kube.get(pods, namespace, pod?.metadata.name ?? ''))?.metadata.deletionTimestamp,
          ).toBeUndefined();
          expect(await evict(pod)).toEqual({ kind: 'accepted' });
          await target.until(
            'the pod is gone',
            async () => (await kube.get(pods, namespace, pod?.metadata.name ?? '')) === undefined,
          );
        });

        it('are refused by the budget that has nothing left, which is named', async () => {
          const found = await running('tight', 2);
          await allowing('tight-budget', 'tight', 2, 0);
          const refusal = {
            kind: 'refused-by-budget',
            budgets: ['tight-budget'],
            message: expect.stringContaining('tight-budget'),
          };
          expect(await evict(found[0])).toEqual(refusal);
          expect(await evict(found[0], { dryRun: true })).toEqual(refusal);
        });

        it('take from the budget: the second one at once is refused', async () => {
          const found = await running('one', 3);
          await allowing('one-budget', 'one', 2, 1);
          expect(await evict(found[0], { dryRun: true })).toEqual({ kind: 'accepted' });
          // Both at the same moment: where time runs fast, a replacement is soon ready, and then the second one may go.
          const answers = await Promise.all([evict(found[0]), evict(found[1])]);
          expect(answers.map((answer) => answer.kind).sort()).toEqual(['accepted', 'refused-by-budget']);
          const refused = answers.find((answer) => answer.kind === 'refused-by-budget');
          expect(refused).toMatchObject({ budgets: ['one-budget'] });
        });

        it('of a pod with two budgets are blocked', async () => {
          const found = await running('twice', 2);
          await allowing('first', 'twice', 1, 1);
          await allowing('second', 'twice', 1, 1);
          expect(await evict(found[0])).toMatchObject({ kind: 'blocked', code: 'multiple-budgets' });
        });

        it('of a pod that is not there, or is another by now, say that it is gone', async () => {
          const [pod] = await running('gone', 1);
          expect(await kube.evict(namespace, 'nobody', { uid: 'x' })).toEqual({ kind: 'gone' });
          expect(await evict(pod, { uid: 'another' })).toEqual({ kind: 'gone' });
          expect(
            (await kube.get(pods, namespace, pod?.metadata.name ?? ''))?.metadata.deletionTimestamp,
          ).toBeUndefined();
        });
      });
    }

    describe('discovery and raw paths', () => {
      it('find the resource of a kind', async () => {
        expect(await kube.resourceOf('apps/v1', 'Deployment')).toEqual(deployments);
        expect(await kube.resourceOf('v1', 'Namespace')).toEqual(namespaces);
        expect(await failureOf(kube.resourceOf('v1', 'Gadget'))).toMatchObject({ code: 'kube-unknown-kind' });
        expect(await failureOf(kube.resourceOf('example.com/v9', 'Gadget'))).toMatchObject({
          code: 'kube-unknown-kind',
        });
      });

      it('find a kind that was defined a moment ago', async () => {
        const group = `${namespace}.example.com`;
        expect(await failureOf(kube.resourceOf(`${group}/v1`, 'Thing'))).toMatchObject({ code: 'kube-unknown-kind' });
        const definitions = await kube.resourceOf('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
        const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
        await kube.create(definitions, {
          apiVersion: 'apiextensions.k8s.io/v1',
          kind: 'CustomResourceDefinition',
          metadata: { name: `things.${group}` },
          spec: {
            group,
            scope: 'Namespaced',
            names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
            versions: [{ name: 'v1', served: true, storage: true, schema }],
          },
        });
        const thing = { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name: 'one', namespace } };
        await target.until('the kind is served', async () => {
          try {
            await kube.create(await kube.resourceOf(`${group}/v1`, 'Thing'), thing);
            return true;
          } catch {
            return false;
          }
        });
      });

      it('read any path, and do not throw on an error status', async () => {
        expect(await kube.raw('/readyz')).toMatchObject({ status: 200, body: 'ok' });
        expect((await kube.raw('/nope')).status).toBe(404);
        expect(JSON.parse((await kube.raw('/version')).body)).toHaveProperty('gitVersion');
      });
    });
  });
}
