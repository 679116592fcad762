import { describe, expect, it } from 'vitest';
import { ImageRegistry } from '../../../src/simulator/model/images/image-registry.ts';
import { World } from '../../../src/simulator/model/world.ts';
import { VirtualClock } from '../../../src/support/clock.ts';
import { InsideCluster } from './inside-cluster.ts';

const mib = 2 ** 20;

describe('an image registry', () => {
  it('shares its bandwidth among all pulls, and gives no pull more than a stream', () => {
    const clock = new VirtualClock(0);
    const registry = new ImageRegistry(clock, {
      streamBytesPerSecond: 10 * mib,
      bytesPerSecond: 20 * mib,
      sizes: { '': 100 * mib },
    });
    const ends: number[] = [];
    const pull = (): (() => void) => registry.pull('x', () => ends.push(clock.now()));
    pull();
    clock.advanceTo(60_000);
    expect(ends).toEqual([10_000]);
    for (let n = 0; n < 4; n++) pull();
    clock.advanceTo(120_000);
    expect(ends.slice(1)).toEqual([80_000, 80_000, 80_000, 80_000]);
    // One that comes when half is done, and one that gives up.
    pull();
    pull();
    const giveUp = pull();
    pull();
    clock.advanceTo(130_000);
    giveUp();
    clock.advanceTo(200_000);
    // 10 s at 5 MiB/s each, then three at 6.67 MiB/s.
    expect(ends.slice(5)).toEqual([137_500, 137_500, 137_500]);
    expect(registry.stats).toMatchObject({ pulls: 9, active: 0, peak: 4 });
  });

  it('refuses more pulls than it takes, and all of them when it is down', () => {
    const clock = new VirtualClock(0);
    const registry = new ImageRegistry(clock, { mostPulls: 1 });
    const problems: (string | undefined)[] = [];
    registry.pull('a', (problem) => problems.push(problem));
    registry.pull('b', (problem) => problems.push(problem));
    clock.advanceTo(60_000);
    registry.configure({ broken: true });
    registry.pull('c', (problem) => problems.push(problem));
    clock.advanceTo(120_000);
    expect(problems).toEqual([expect.stringContaining('429'), undefined, 'connection refused']);
  });
});

describe('nodes that start at once', () => {
  /** From its creation to its readiness, of the slowest of the pods on this many fresh nodes, s. */
  function secondsFor(nodes: number): number {
    const inside = new InsideCluster(1);
    const { cluster } = inside;
    cluster.model.runtime.registry.configure({ bytesPerSecond: 100 * mib, sizes: { agent: 200 * mib } });
    const template = {
      metadata: { labels: { app: 'agent' } },
      spec: { containers: [{ name: 'c', image: 'agent:1' }] },
    };
    inside.apply({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent', namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'agent' } }, template },
    });
    inside.settle(60_000);
    for (let n = 0; n < nodes; n++) cluster.launch();
    cluster.until(() => cluster.ready('app=agent').length === nodes + 1, 1_200_000);
    const waits = cluster.ready('app=agent').map((pod) => {
      const ready = pod.status.conditions?.find((each) => each.type === 'Ready')?.lastTransitionTime;
      return (Date.parse(ready ?? '') - Date.parse(pod.metadata.creationTimestamp)) / 1000;
    });
    return Math.max(...waits);
  }

  it('slow each other down: a pull storm', () => {
    expect(secondsFor(1)).toBeLessThan(10);
    expect(secondsFor(40)).toBeGreaterThan(20);
  });

  it('have no images; the same image on the same node is pulled once', () => {
    const inside = new InsideCluster(2);
    const { registry } = inside.cluster.model.runtime;
    inside.serve('one', { replicas: 4 });
    const before = registry.stats.pulls;
    inside.serve('two', { replicas: 4 });
    expect(registry.stats.pulls).toBe(before);
    const instance = inside.cluster.launch();
    inside.settle(120_000);
    inside.probe(['sleep', '--for', '1s'], { nodeName: inside.cluster.nodeName(instance) });
    expect(registry.stats.pulls).toBe(before + 1);
  });

  it('wait and try again while the registry is overloaded', () => {
    const inside = new InsideCluster(1);
    inside.cluster.model.runtime.registry.configure({ mostPulls: 0 });
    inside.cluster.create('/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', labels: { app: 'p' } },
      spec: { containers: [{ name: 'c', image: 'fresh:1' }] },
    });
    inside.settle(5_000);
    const waiting = () =>
      inside.cluster.get('/api/v1/namespaces/default/pods/p').status.containerStatuses[0].state.waiting;
    expect(waiting().reason).toBe('ErrImagePull');
    expect(waiting().message).toContain('429 Too Many Requests');
    inside.settle(30_000);
    expect(waiting().reason).toBe('ImagePullBackOff');
    inside.cluster.model.runtime.registry.configure({ mostPulls: 100 });
    inside.settle(120_000);
    expect(inside.cluster.ready('app=p')).toHaveLength(1);
  });
});

describe('a world', () => {
  it('has one registry and one public network for all of its clusters', () => {
    const world = new World({ seed: 1, startMs: 0 });
    const [a, b] = ['a', 'b'].map((id) => world.addCluster({ id, account: '111111111111', region: 'eu-central-1' }));
    expect(a?.runtime.registry).toBe(world.registry);
    expect(b?.runtime.registry).toBe(a?.runtime.registry);
    expect(b?.runtime.internet).toBe(world.internet);
  });
});
