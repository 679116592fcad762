import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
} from '@aws-sdk/client-auto-scaling';
import { afterEach, describe, expect, test } from 'vitest';
import { type ServedWorld, serveWorld } from '../../../src/simulator/wire/serve.ts';
import { ScaledClock } from '../../../src/support/clock.ts';
import { account, clusterId, region, smallWorld } from '../../unit/simulator-aws/small-world.ts';

const speed = 600;

describe('a served world', () => {
  let served: ServedWorld;
  const errors: unknown[] = [];
  afterEach(async () => {
    await served.stop();
    expect(errors).toEqual([]);
  });

  /** The world's present is the wall's: `rate` times as fast from now on. */
  async function serve() {
    const { world, events } = smallWorld();
    const wall = new ScaledClock(0, 1).now();
    const epoch = Math.round((world.clock.now() - speed * wall) / (1 - speed));
    const clock = new ScaledClock(epoch, speed);
    served = await serveWorld({
      world,
      host: '127.0.0.1',
      port: 0,
      clock,
      onError: (_handler, error) => errors.push(error),
    });
    return { world, events, clock };
  }

  const client = (): AutoScalingClient =>
    new AutoScalingClient({
      endpoint: served.awsEndpoint,
      region,
      credentials: { accessKeyId: `AKIA${account}`, secretAccessKey: 'x' },
    });

  test('answers AWS and Kubernetes on one port, and counts both', async () => {
    await serve();
    const { AutoScalingGroups } = await client().send(new DescribeAutoScalingGroupsCommand({}));
    expect(AutoScalingGroups?.map((group) => group.AutoScalingGroupName).sort()).toEqual(['masters', 'workers']);
    const nodes = (await (await fetch(`${served.kubeUrl(clusterId)}/api/v1/nodes`)).json()) as { items: unknown[] };
    expect(nodes.items).toHaveLength(6);
    expect((await fetch(`${served.kubeUrl('nobody')}/api/v1/nodes`)).status).toBe(404);
    expect(served.stats()).toEqual({ awsCalls: 1, kubeCalls: 2 });
    expect(served.kubeUrl('{id}')).toBe(`${served.awsEndpoint}/clusters/{id}`);
  });

  test('lets time pass on its own, so that a watch hears of a new node unasked', async () => {
    const { world } = await serve();
    const watch = await fetch(
      `${served.kubeUrl(clusterId)}/api/v1/nodes?watch=true&sendInitialEvents=false&resourceVersion=${world.kube(clusterId).truth().revision}`,
    );
    await client().send(new SetDesiredCapacityCommand({ AutoScalingGroupName: 'workers', DesiredCapacity: 4 }));
    const reader = (watch.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    while (!/"type":"ADDED"/.test(text)) {
      const { done, value } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    await reader.cancel();
    expect(text).toContain('"node.kubernetes.io/node-pool":"workers"');
    expect(served.stats().kubeCalls).toBe(1);
  });

  test('holds an answer back for the simulated time of a latency fault', async () => {
    const { world, clock } = await serve();
    world.faults.add({ kind: 'latency', latencyMs: 60_000, times: 1 });
    const before = clock.now();
    await client().send(new DescribeAutoScalingGroupsCommand({}));
    expect(clock.now() - before).toBeGreaterThanOrEqual(60_000);
  });

  test('writes a kubeconfig with a context for each cluster', async () => {
    await serve();
    expect(served.kubeconfig()).toMatchObject({
      kind: 'Config',
      'current-context': clusterId,
      clusters: [{ name: clusterId, cluster: { server: served.kubeUrl(clusterId) } }],
      users: [{ name: clusterId, user: { token: `simulator:${clusterId}` } }],
      contexts: [{ name: clusterId, context: { cluster: clusterId, user: clusterId } }],
    });
  });

  test('knows the cluster by its token where a client leaves the path of the server out', async () => {
    await serve();
    const ask = async (path: string, token: string): Promise<{ status: number; text: string }> => {
      const answer = await fetch(`${served.awsEndpoint}${path}`, { headers: { authorization: `Bearer ${token}` } });
      return { status: answer.status, text: await answer.text() };
    };
    expect(await ask('/readyz', `simulator:${clusterId}`)).toEqual({ status: 200, text: 'ok' });
    expect((await ask('/api/v1/nodes', `simulator:${clusterId}`)).text).toContain('NodeList');
    expect((await ask('/api/v1/nodes', 'simulator:nobody')).status).toBe(404);
    expect((await ask('/api/v1/nodes', 'another')).status).toBe(404);
  });

  test('is gone when it is stopped', async () => {
    await serve();
    const { awsEndpoint } = served;
    await served.stop();
    await expect(fetch(awsEndpoint)).rejects.toThrow();
  });
});
