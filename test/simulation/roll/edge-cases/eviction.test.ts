/** Edge cases of evictions that the answers of the API server decide. */
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../../src/domain/kube-object.ts';
import type { KubeCluster } from '../../../../src/ports/kube-cluster.ts';
import {
  after,
  begin,
  end,
  ended,
  evicted,
  evictions,
  has,
  lateWatches,
  membersOf,
  outdatedWorld,
  refusal,
  told,
  withPodSpec,
} from '../../../support/roll-sim/edge-world.ts';
import { instanceOf, kubectl, nodesOf } from '../../../support/roll-sim/people.ts';
import { budget, contextOf, daemonSet, deployment, type RollDaemon, stateOf } from '../../../support/roll-world.ts';

const minute = 60_000;
const onWorkers = { 'node.kubernetes.io/node-pool': 'workers' };
const web = (replicas: number) => deployment('web', replicas, { nodeSelector: onWorkers });
const blockOf = async (daemon: RollDaemon) =>
  (await contextOf(daemon, 'workers'))?.progress.nodes.find((node: { blockedBy?: object }) => node.blockedBy)
    ?.blockedBy;

const processing = refusal(429, {
  reason: 'TooManyRequests',
  message: "Cannot evict pod as it would violate the pod's disruption budget.",
  details: {
    retryAfterSeconds: 10,
    causes: [
      { reason: 'DisruptionBudget', message: 'The disruption budget web is still being processed by the server.' },
    ],
  },
});

describe('what the API server says to an eviction', () => {
  it('edge case 10: a pod whose budget refuses is asked for the moment the budget allows it, and not before', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [web(2), budget('web', { maxUnavailable: 1 })], {
      behaviours: [{ image: 'web', readyAfterMs: minute }],
    });
    const asks = evictions(roll);
    const daemon = await begin(roll);
    await daemon.run(() => asks.length === 1);
    const allows = () => (roll.kube.truth().budgets.get('shop/web')?.status.disruptionsAllowed ?? 0) > 0;
    await daemon.run(() => !allows());
    await daemon.run(() => allows());
    const allowedAt = roll.world.clock.now();
    expect(asks).toHaveLength(1);
    await end(roll, daemon);
    expect(asks).toHaveLength(2);
    expect((asks[1]?.at ?? 0) - allowedAt).toBeLessThan(1_000);
  });

  it('edge case 11: a server that is too busy gets the time that it asks for, and no budget is blamed', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [web(1), budget('web', { maxUnavailable: 1 })]);
    const asks = evictions(roll);
    roll.kube.callFaults.add({ kind: 'throttle', verb: 'create', resource: 'pods/eviction', times: 9 });
    const daemon = await begin(roll);
    await daemon.run(() => asks.length === 9);
    // for longer than a budget may refuse before the node is parked
    expect((asks[8]?.at ?? 0) - (asks[0]?.at ?? 0)).toBeGreaterThan(2 * minute);
    expect(await blockOf(daemon)).toBeUndefined();
    for (const [i, ask] of asks.slice(1).entries()) expect(ask.at - (asks[i]?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
    await end(roll, daemon);
    expect(asks).toHaveLength(10);
  });

  it('edge case 12: a budget that is still being processed gets its ten seconds', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [web(1), budget('web', { maxUnavailable: 1 })]);
    const asks = evictions(roll, (_ask, nth) => (nth <= 3 ? processing : undefined));
    await end(roll, await begin(roll));
    expect(asks).toHaveLength(4);
    for (const [i, ask] of asks.slice(1).entries()) expect(ask.at - (asks[i]?.at ?? 0)).toBeGreaterThanOrEqual(10_000);
  });

  it('edge case 14: in a namespace that is terminating a pod is asked for again, and one that is going is waited for', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [web(1)]);
    const asks = evictions(roll, (_ask, nth) =>
      nth > 2
        ? undefined
        : refusal(403, {
            reason: 'Forbidden',
            message: 'namespace shop is being terminated',
            details: { causes: [{ reason: 'NamespaceTerminating', message: 'namespace shop is being terminated' }] },
          }),
    );
    await end(roll, await begin(roll));
    expect(asks).toHaveLength(3);
    for (const [i, ask] of asks.slice(1).entries()) expect(ask.at - (asks[i]?.at ?? 0)).toBeGreaterThanOrEqual(5_000);
    expect(evicted(roll)).toHaveLength(1);
    expect(roll.violations()).toEqual([]);
  });

  const lasting = async (answer: ReturnType<typeof refusal>) => {
    const roll = outdatedWorld({ nodes: 1 }, [web(1), budget('web', { maxUnavailable: 1 })]);
    let refuses = true;
    const asks = evictions(roll, () => (refuses ? answer : undefined));
    const daemon = await begin(roll);
    await daemon.run(() => asks.length > 0);
    await after(daemon, roll, 4 * minute);
    expect(asks).toHaveLength(1);
    const block = await blockOf(daemon);
    expect(ended(roll)).toEqual([]);
    refuses = false;
    await end(roll, daemon);
    expect(roll.violations()).toEqual([]);
    return block;
  };

  it('edge case 15: a budget whose status is broken blocks with its name, and is asked again minutes later', async () => {
    const message = 'poddisruptionbudget.policy "web" is forbidden: pdb disruptions allowed is negative';
    const details = { name: 'web', group: 'policy', kind: 'poddisruptionbudget' };
    expect(await lasting(refusal(403, { reason: 'Forbidden', message, details }))).toMatchObject({
      code: 'budget-invalid',
      budget: 'web',
      message: expect.stringContaining('negative'),
    });
  });

  it('edge case 19: a webhook that denies the eviction blocks with its words, and nothing is deleted instead', async () => {
    const message = 'admission webhook "keep.example.com" denied the request: not on Fridays';
    expect(await lasting(refusal(400, { message }))).toMatchObject({
      code: 'admission-denied',
      message: expect.stringContaining('not on Fridays'),
    });
  });

  it('edge case 17: a pod that is gone before it is asked for holds nothing up', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [web(1)]);
    // The daemon goes on seeing the pod for a minute.
    lateWatches(roll, minute);
    const asks = evictions(roll, ({ path }) => {
      kubectl(roll, 'DELETE', path.slice(0, -'/eviction'.length), { gracePeriodSeconds: 0 });
      return undefined;
    });
    await end(roll, await begin(roll));
    expect(asks).toHaveLength(1);
    expect(evicted(roll)).toEqual([]);
  });

  it('edge case 35: a server without the eviction subresource stops the roll, and no pod is deleted instead', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [web(1)]);
    const [old] = membersOf(roll);
    evictions(roll, () => ({ status: 404, body: '404 page not found\n' }));
    const daemon = await begin(roll);
    await daemon.run(async () => ['failed', 'paused'].includes(await stateOf(daemon, 'workers')), 4 * 3600);
    expect(JSON.stringify(await contextOf(daemon, 'workers'))).toContain('eviction');
    await after(daemon, roll, 10 * minute);
    expect(roll.events.filter((event) => event.kind === 'pod-delete-requested')).toEqual([]);
    expect(membersOf(roll).map((one) => [one.instanceId, one.state])).toEqual([[old?.instanceId, 'InService']]);
    await daemon.stop();
  });
});

/** A StatefulSet's pod whose eviction is accepted in an answer that gets lost; the daemon sees what follows a minute late. */
async function comesBack() {
  const roll = outdatedWorld({ nodes: 1 }, [statefulSet('db')]);
  lateWatches(roll, minute);
  const answers: (number | undefined)[] = [];
  const { handle } = roll.kube;
  roll.kube.callFaults.add({ kind: 'lost-after', verb: 'create', resource: 'pods/eviction', times: 1 });
  Object.assign(roll.kube, {
    handle: (request: Parameters<typeof handle>[0]) => {
      const answer = handle.call(roll.kube, request);
      if (request.path.endsWith('/db-0/eviction')) answers.push(answer.status);
      return answer;
    },
  });
  const uid = roll.kube.truth().pods.get('shop/db-0')?.metadata.uid;
  await end(roll, await begin(roll));
  return { roll, uid, answers };
}

describe('a pod of a StatefulSet that has come back under its name', () => {
  it('edge case 16: is another pod by its uid, so that the one that was meant is gone', async () => {
    const { answers, roll } = await comesBack();
    expect(answers).toEqual([0, 409]);
    expect(roll.violations()).toEqual([]);
  });

  it('edge case 21: is left alone on its new node', async () => {
    const { roll, uid } = await comesBack();
    const asked = roll.events.flatMap((event) => (event.kind === 'eviction-accepted' ? [event.uid] : []));
    expect(asked).toEqual([uid]);
    expect(roll.kube.truth().pods.get('shop/db-0')?.metadata.uid).not.toBe(uid);
  });
});

function statefulSet(name: string): object {
  const made = structuredClone(deployment(name, 1, { nodeSelector: onWorkers })) as unknown as KubeObject & {
    spec: Record<string, unknown>;
  };
  made.kind = 'StatefulSet';
  made.spec['serviceName'] = name;
  return made;
}

/** The API server as it is once this object has been deleted, and what it owned is still there. */
const without = (kind: string, name: string) => (kube: KubeCluster) => {
  const other = (one: KubeObject): boolean => one.kind !== kind || one.metadata.name !== name;
  return new Proxy(kube, {
    get(object, property) {
      if (property === 'list') {
        return async (...args: Parameters<KubeCluster['list']>) => {
          const list = await object.list(...args);
          return { ...list, items: list.items.filter(other) };
        };
      }
      if (property === 'watch') {
        return (...[resource, options, handlers]: Parameters<KubeCluster['watch']>) =>
          object.watch(resource, options, {
            opened: () => handlers.opened?.(),
            event: (event) => {
              if (other(event.object)) handlers.event(event);
            },
            closed: (...args) => handlers.closed(...args),
          });
      }
      return Reflect.get(object, property) as unknown;
    },
  });
};

describe('pods that nothing brings back', () => {
  it('edge case 2: the orphan of a DaemonSet that is no more is evicted, and that is said', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [daemonSet('agent')]);
    const asks = evictions(roll, () => {
      // Nobody makes another one of it.
      roll.kube.faults.workloads = 'broken';
      return undefined;
    });
    const daemon = await begin(roll, { wrapKube: without('DaemonSet', 'agent') });
    await daemon.run(() => ended(roll).length > 0);
    roll.kube.faults.workloads = 'ok';
    expect(asks.map((ask) => ask.pod)).toEqual([expect.stringMatching(/^agent-/)]);
    expect(await told(daemon, 'orphan-pod-evicted')).toEqual([
      expect.stringContaining('DaemonSet/agent, which is no more'),
    ]);
    await daemon.stop();
  });

  it('edge case 4: a pod without a controller is evicted where the policy lets it go, and that is said; else it blocks', async () => {
    const bare = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'alone', namespace: 'shop' },
      spec: { nodeSelector: onWorkers, containers: [{ name: 'main', image: 'alone:1' }] },
    };
    const evicting = outdatedWorld({ nodes: 1 }, [bare]);
    const first = await begin(evicting);
    await first.run(() => has(first, 'node-terminated'));
    expect(await told(first, 'bare-pod-evicted')).toEqual([expect.stringContaining('shop/alone has no controller')]);
    await end(evicting, first);
    const blocking = outdatedWorld({ nodes: 1 }, [bare], { policy: { barePods: 'block' } });
    const second = await begin(blocking);
    await second.run(async () => (await blockOf(second)) !== undefined);
    await after(second, blocking, 10 * minute);
    expect(await blockOf(second)).toMatchObject({ code: 'bare-pod', pod: 'alone' });
    expect(evicted(blocking)).toEqual([]);
    await second.stop();
  });
});

describe('pods that do not go, or come back', () => {
  it('edge case 22: a pod that comes back to its cordoned node is evicted twice, and then said to return', async () => {
    const roll = outdatedWorld({ nodes: 2 });
    const [old] = nodesOf(roll).filter((node) => node.metadata.labels?.['node.kubernetes.io/node-pool'] === 'workers');
    const here = { 'kubernetes.io/hostname': old?.metadata.name ?? '' };
    roll.apply(withPodSpec(deployment('sticky', 1, { nodeSelector: here }), { tolerations: [{ operator: 'Exists' }] }));
    const daemon = await begin(roll);
    await daemon.run(async () => (await blockOf(daemon))?.code === 'pod-returns');
    await after(daemon, roll, 30 * minute);
    expect(evicted(roll)).toHaveLength(3);
    expect(await blockOf(daemon)).toMatchObject({ code: 'pod-returns', node: old?.metadata.name });
    // the other node is replaced all the same
    expect(ended(roll)).toHaveLength(1);
    expect(ended(roll)).not.toContain(old && instanceOf(old));
    await daemon.stop();
  });

  it('edge case 33: a pod that takes an hour to stop is given it, and its node stands until then', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [deployment('slow', 1, { nodeSelector: onWorkers, grace: 3_600 })], {
      behaviours: [{ image: 'slow', stopAfterMs: 3_000_000 }],
    });
    const asks = evictions(roll);
    const daemon = await begin(roll);
    await end(roll, daemon);
    expect(asks).toHaveLength(1);
    const end_ = roll.events.find((event) => event.kind === 'instance-terminate-requested');
    expect((end_?.at ?? 0) - (asks[0]?.at ?? 0)).toBeGreaterThanOrEqual(3_000_000);
    expect(roll.violations()).toEqual([]);
  });
});

describe('budgets that change', () => {
  it('edge case 27: a budget that appears in a drain holds it up, and lets it go when it is deleted', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [deployment('one', 1, { nodeSelector: onWorkers }), web(2)], {
      policy: { evictionsPerTick: 1 },
    });
    const asks = evictions(roll);
    const daemon = await begin(roll);
    await daemon.run(() => evicted(roll).length > 0);
    roll.kube.seed([budget('web', { maxUnavailable: 0 })], 'team');
    const before = evicted(roll);
    await daemon.run(async () => (await contextOf(daemon, 'workers'))?.wait?.code === 'blocked');
    await after(daemon, roll, 5 * minute);
    expect(evicted(roll)).toEqual(before);
    // nor is the server asked what the budget says by itself
    expect(asks.filter(({ pod }) => pod.startsWith('web'))).toEqual([]);
    kubectl(roll, 'DELETE', '/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web');
    await end(roll, daemon);
    expect(evicted(roll)).toHaveLength(3);
  });

  it('edge case 28: nobody is evicted on the word of a budget that has changed and is not processed', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [web(4), budget('web', { maxUnavailable: 3 })]);
    const behind: boolean[] = [];
    const asks = evictions(roll, () => {
      const found = roll.kube.truth().budgets.get('shop/web');
      behind.push((found?.status.observedGeneration ?? 0) < (found?.metadata.generation ?? 0));
      return undefined;
    });
    const daemon = await begin(roll);
    roll.kube.faults.disruptionLagMs = 2 * minute;
    await daemon.run(() => asks.length === 1);
    roll.kube.seed([budget('web', { maxUnavailable: 2 })], 'team');
    await after(daemon, roll, minute);
    expect(asks).toHaveLength(1);
    roll.kube.faults.disruptionLagMs = 0;
    await end(roll, daemon);
    expect(new Set(behind)).toEqual(new Set([false]));
    expect(roll.violations()).toEqual([]);
  });
});
