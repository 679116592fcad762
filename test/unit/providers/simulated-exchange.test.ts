import { describe, expect, it } from 'vitest';
import type { KubeCluster, Resource } from '../../../src/ports/kube-cluster.ts';
import { randomLatency } from '../../../src/providers/simulated/latency.ts';
import {
  createSimulatedConnections,
  type SimulatedWorldOptions,
} from '../../../src/providers/simulated/simulated-world.ts';
import type { World } from '../../../src/simulator/model/world.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { settlePromises } from '../../support/contract/advancing-clock.ts';
import { makeContractWorld } from '../../support/contract/contract-world.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

const configMaps: Resource = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true };
const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });

function connect(options: Partial<SimulatedWorldOptions> | ((world: World) => Partial<SimulatedWorldOptions>) = {}): {
  world: World;
  kube: KubeCluster;
} {
  const world = makeContractWorld({ seed: 1, startMs: 0, nodes: 0 });
  const more = typeof options === 'function' ? options(world) : options;
  return { world, kube: createSimulatedConnections({ world, userAgent: 'clm/1', ...more }).connectKube(sampleCluster) };
}

describe('the in-process connection to a simulated cluster', () => {
  it('answers in a later turn without any time passing', async () => {
    const { kube } = connect();
    let answered = false;
    const answer = kube.get(configMaps, 'default', 'none').then(() => {
      answered = true;
    });
    expect(answered).toBe(false);
    await answer;
  });

  it('lets the time of the world pass on the way there and on the way back', async () => {
    const { world, kube } = connect((w) => ({
      latency: randomLatency({ clock: w.clock, random: seededRandom(1), leastMs: 10, mostMs: 10 }),
    }));
    let done = false;
    const created = kube.create(configMaps, configMap('a')).then(() => {
      done = true;
    });
    const exists = () => world.kube(sampleCluster.id).truth().objects('configmaps').size > 0;
    await settlePromises();
    world.advanceTo(9);
    await settlePromises();
    expect(exists()).toBe(false);
    world.advanceTo(10);
    await settlePromises();
    expect([exists(), done]).toEqual([true, false]);
    world.advanceTo(20);
    await created;
  });

  it.each([
    ['before', false],
    ['after', true],
  ] as const)('loses a call %s it took effect when it is told to', async (loss, tookEffect) => {
    const { kube } = connect({ loses: (call) => (call.method === 'POST' ? loss : 'no') });
    await expect(kube.create(configMaps, configMap('a'))).rejects.toMatchObject({
      failure: { kind: 'transient', code: 'kube-unreachable' },
    });
    expect((await kube.get(configMaps, 'default', 'a')) !== undefined).toBe(tookEffect);
  });

  it('fails as unreachable, watches included, while the API takes no connections', async () => {
    const { world, kube } = connect();
    world.kube(sampleCluster.id).faults.apiDown = 'refused';
    await expect(kube.list(configMaps)).rejects.toMatchObject({ failure: { code: 'kube-unreachable' } });
    const closed: string[] = [];
    kube.watch(configMaps, { resourceVersion: '1' }, { event: () => {}, closed: (reason) => closed.push(reason) });
    await settlePromises();
    expect(closed).toEqual(['error']);
  });

  it('closes its watches with itself', async () => {
    const { world, kube } = connect();
    const { resourceVersion } = await kube.list(configMaps);
    const closed: string[] = [];
    kube.watch(configMaps, { resourceVersion }, { event: () => {}, closed: (reason) => closed.push(reason) });
    await settlePromises();
    expect(world.kube(sampleCluster.id).truth().openWatches).toBe(1);
    kube.close();
    expect(world.kube(sampleCluster.id).truth().openWatches).toBe(0);
    expect(closed).toEqual(['error']);
    await expect(kube.list(configMaps)).rejects.toMatchObject({ failure: { code: 'kube-unreachable' } });
  });

  it('gives the same history for the same seed', async () => {
    const history = async (): Promise<string[]> => {
      const world = makeContractWorld({ seed: 7, startMs: 0, nodes: 2 });
      const events: string[] = [];
      world.subscribe((event) => events.push(JSON.stringify(event)));
      const kube = createSimulatedConnections({ world, userAgent: 'clm/1' }).connectKube(sampleCluster);
      for (let i = 0; i < 50; i += 1) {
        await kube.apply(configMaps, configMap(`c-${i}`));
        world.advanceTo(i * 5_000);
      }
      return events;
    };
    const first = await history();
    expect(first.length).toBeGreaterThan(3);
    expect(await history()).toEqual(first);
  });
});
