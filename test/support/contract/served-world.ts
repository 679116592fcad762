/** A contract world on loopback, reached through the real clients. */

import type { CloudProvider } from '../../../src/ports/cloud-provider.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import { type AwsClients, createAwsClients } from '../../../src/providers/aws/aws-clients.ts';
import { connectAws } from '../../../src/providers/aws/connect-aws.ts';
import { connectKube } from '../../../src/providers/kube/connect-kube.ts';
import type { World } from '../../../src/simulator/model/world.ts';
import { serveWorld } from '../../../src/simulator/wire/serve.ts';
import { ScaledClock } from '../../../src/support/clock.ts';
import { sleep, wallMs } from '../../../src/support/deadline.ts';
import { sampleCluster } from '../sample-cluster.ts';
import { contractAccount, contractRegion, makeContractWorld } from './contract-world.ts';

export interface ServedContractWorld {
  world: World;
  clock: ScaledClock;
  connectKube(): KubeCluster;
  connectCloud(): CloudProvider;
  until(what: string, condition: () => Promise<boolean> | boolean): Promise<void>;
  /** Simulated time. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

const patienceMs = 30_000;

/** `rate` simulated seconds pass in a second. */
export async function serveContractWorld(options: { rate: number; nodes: number }): Promise<ServedContractWorld> {
  const clock = new ScaledClock(new ScaledClock(0, 1).now(), options.rate);
  const world = makeContractWorld({ seed: 1, startMs: Math.floor(clock.now()), nodes: options.nodes });
  const errors: unknown[] = [];
  const served = await serveWorld({
    world,
    host: '127.0.0.1',
    port: 0,
    clock,
    onError: (_, error) => errors.push(error),
  });
  // The simulator reads the account out of the access key.
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: `AKIA${contractAccount}`, AWS_SECRET_ACCESS_KEY: 'any' });
  const clients: AwsClients = createAwsClients({ endpoint: served.awsEndpoint, userAgentSuffix: 'clm/contract' });
  return {
    world,
    clock,
    connectKube: () =>
      connectKube({
        cluster: sampleCluster.id,
        access: { kind: 'server', server: served.kubeUrl(sampleCluster.id), token: 'any' },
        userAgent: 'clm/contract',
      }),
    connectCloud: () => connectAws({ clients, account: contractAccount, region: contractRegion }),
    async until(what, condition) {
      const endsAt = wallMs() + patienceMs;
      while (!(await condition())) {
        if (errors.length > 0) throw errors[0];
        if (wallMs() > endsAt) throw new Error(`within ${patienceMs} ms it never came true: ${what}`);
        await sleep(5);
      }
    },
    pass: (ms) =>
      new Promise((resolve) => {
        clock.at(clock.now() + ms, resolve);
      }),
    async close() {
      clients.close();
      await served.stop();
    },
  };
}
