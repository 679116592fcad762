/** What a cluster session must do over any binding of the two ports, told on a cluster with two workers and controllers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PodView } from '../../../src/domain/cluster-view.ts';
import { FailureError } from '../../../src/domain/failure.ts';
import type { ClusterSession, ClusterSessions } from '../../../src/ports/cluster-session.ts';
import type { Resource } from '../../../src/ports/kube-cluster.ts';
import { budget, deployment } from './kube-cluster-contract.ts';

export interface SessionContractTarget {
  sessions: ClusterSessions;
  clusterId: string;
  until(what: string, condition: () => Promise<boolean> | boolean): Promise<void>;
  /** Lets some time of the world pass. */
  pass(ms: number): Promise<void>;
  /** Breaks every watch, as an API server does that restarts; `forget` makes their versions too old to go on from. */
  cutWatches(options: { forget: boolean }): void;
  close(): Promise<void>;
}

const nodes: Resource = { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false };
const namespaces: Resource = { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false };
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
const namespace = 'session-contract';

/** Tests build on each other: the workloads of the first are those of the last. */
export function describeClusterSessionContract(binding: string, connect: () => Promise<SessionContractTarget>): void {
  describe(`ClusterSession through ${binding}`, () => {
    let target: SessionContractTarget;
    let session: ClusterSession;

    beforeAll(async () => {
      target = await connect();
      session = await target.sessions.sessionFor(target.clusterId);
    });
    afterAll(() => target?.close());

    const podsOf = async (app: string): Promise<PodView[]> =>
      (await session.view()).pods.filter((pod) => pod.namespace === namespace && pod.labels['app'] === app);

    const ready = async (app: string, count: number): Promise<boolean> =>
      (await podsOf(app)).filter((pod) => pod.ready && pod.deletingAt === undefined).length === count;

    it('sees nodes become ready, and the instances that they run on', async () => {
      await target.until(
        'two ready nodes',
        async () => (await session.view()).nodes.filter((node) => node.ready).length === 2,
      );
      const { nodes, stale } = await session.view();
      expect(stale).toBeUndefined();
      const { groups } = await session.cloudView(0);
      expect(groups).toHaveLength(1);
      expect(nodes.map((node) => node.instanceId).sort()).toEqual(
        groups[0]?.instances.map((instance) => instance.id).sort(),
      );
      for (const node of nodes) {
        expect(node).toMatchObject({
          unschedulable: false,
          deleting: false,
          zone: expect.stringMatching(/^eu-central-1[ab]$/),
        });
        expect(node.labels['node.kubernetes.io/node-pool']).toBe('workers');
        expect(node.allocatable.cpuMilli).toBeGreaterThan(1_000);
      }
    });

    it('sees workloads start and budgets allow', async () => {
      await session.kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      await session.kube.create(deployments, deployment(namespace, 'web', 3));
      await session.kube.create(budgets, budget(namespace, 'web', 'web', 2));
      await target.until('three ready pods', () => ready('web', 3));
      await target.until(
        'one disruption allowed',
        async () => (await session.view()).budgets[0]?.disruptionsAllowed === 1,
      );
      expect((await session.view()).budgets[0]).toMatchObject({
        namespace,
        name: 'web',
        desiredHealthy: 2,
        expectedPods: 3,
      });
      for (const pod of await podsOf('web')) {
        expect(pod).toMatchObject({
          owner: { kind: 'ReplicaSet' },
          phase: 'Running',
          gracePeriodSeconds: 1,
          nodeName: expect.any(String),
        });
      }
    });

    it('lays an accepted eviction over the view at once, and sees the pod replaced', async () => {
      const [pod] = (await podsOf('web')) as [PodView];
      expect(await session.kube.evict(namespace, pod.name, { uid: pod.uid })).toEqual({ kind: 'accepted' });
      session.accepted({ kind: 'evicted', podUid: pod.uid });
      const after = (await podsOf('web')).find((each) => each.uid === pod.uid);
      expect(after === undefined || after.deletingAt !== undefined).toBe(true);
      await target.until(
        'replaced',
        async () => (await ready('web', 3)) && !(await podsOf('web')).some((each) => each.uid === pod.uid),
      );
    });

    it('lays an accepted cordon over the view at once, and sees its end', async () => {
      const [node] = (await session.view()).nodes;
      const cordon = async (unschedulable: boolean): Promise<void> => {
        const patch = { type: 'strategic', body: { spec: { unschedulable } } } as const;
        session.accepted({
          kind: 'node-patched',
          node: await session.kube.patch(nodes, undefined, node?.name ?? '', patch),
        });
      };
      const shown = async (): Promise<boolean | undefined> =>
        (await session.view()).nodes.find((each) => each.name === node?.name)?.unschedulable;
      await cordon(true);
      expect(await shown()).toBe(true);
      await cordon(false);
      expect(await shown()).toBe(false);
      await target.pass(5_000);
      expect(await shown()).toBe(false);
    });

    it('wakes a listener when something changes, and lets it sleep while nothing does', async () => {
      let wakes = 0;
      await target.pass(30_000);
      session.onChange('contract', () => {
        wakes += 1;
      });
      await target.pass(60_000);
      expect(wakes).toBe(0);
      await session.kube.patch(deployments, namespace, 'web', { type: 'merge', body: { spec: { replicas: 4 } } });
      await target.until('four ready pods', () => ready('web', 4));
      await target.until('the listener woke', () => wakes > 0);
      session.offChange('contract');
    });

    it.each([
      ['goes on where they ended', false],
      ['lists again when their versions are too old', true],
    ])('after broken watches %s, and misses nothing', async (_, forget) => {
      await session.view();
      target.cutWatches({ forget });
      const replicas = forget ? 2 : 5;
      await session.kube.patch(deployments, namespace, 'web', { type: 'merge', body: { spec: { replicas } } });
      await target.until(
        'the new pods',
        async () => (await session.view()).stale === undefined && (await ready('web', replicas)),
      );
      const listed = await session.kube.list(
        { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true },
        { namespace },
      );
      await target.until('view and list agree', async () => {
        const names = (await session.view()).pods.filter((pod) => pod.namespace === namespace).map((pod) => pod.uid);
        return listed.items.every((item) => names.includes(item.metadata.uid ?? ''));
      });
    });

    it('shows a change of the cloud once the old describe is forgotten', async () => {
      const before = await session.cloudView(3_600_000);
      const [group] = before.groups;
      await session.cloud.tagGroup(group?.name ?? '', { 'clm/roll-id': 'r1' });
      expect(await session.cloudView(3_600_000)).toBe(before);
      session.cloudChanged();
      expect((await session.cloudView(3_600_000)).groups[0]?.tags['clm/roll-id']).toBe('r1');
    });

    it('ends with its release, and a new one sees the same cluster', async () => {
      target.sessions.release(target.clusterId);
      await target.until('the session is closed', () =>
        session.view().then(
          () => false,
          (error: unknown) => error instanceof FailureError && error.failure.code === 'session-closed',
        ),
      );
      session = await target.sessions.sessionFor(target.clusterId);
      expect((await session.view()).nodes).toHaveLength(2);
      expect(await ready('web', 2)).toBe(true);
    });
  });
}
