/** A cluster on loopback for `clm e2e run`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import type { World } from '../../../src/simulator/model/world.ts';
import { type ServedWorld, serveWorld } from '../../../src/simulator/wire/serve.ts';
import { environmentOfClock, scaledClockFromNow } from '../../../src/support/clock.ts';
import { type CliRun, runCli } from '../../support/cli-io.ts';
import { makeContractWorld } from '../../support/contract/contract-world.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';
import { dnsService, systemDeployment } from './check-world.ts';

const rate = 60;
const bootMs = 10 * 60_000;

export interface Stage {
  folder: string;
  kubeconfig: string;
  world: World;
  served: ServedWorld;
  environment: NodeJS.ProcessEnv;
  clm(...args: string[]): Promise<CliRun>;
  close(): Promise<void>;
}

/** A cluster on loopback that only a kubeconfig knows. */
export async function stage(nodes: number): Promise<Stage> {
  const clock = scaledClockFromNow(rate);
  const now = Math.floor(clock.now());
  const world = makeContractWorld({ seed: 3, startMs: now - bootMs, nodes });
  world.kube(sampleCluster.id).seed([systemDeployment('coredns', 'coredns:1'), dnsService]);
  world.advanceTo(now);
  const served = await serveWorld({ world, host: '127.0.0.1', port: 0, clock });
  const folder = mkdtempSync(path.join(tmpdir(), 'clm-e2e-'));
  const kubeconfig = path.join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, stringify(served.kubeconfig()));
  const environment = { CLM_CLOCK: environmentOfClock(clock), XDG_STATE_HOME: path.join(folder, 'state') };
  return {
    folder,
    kubeconfig,
    world,
    served,
    environment,
    clm: (...args) => runCli(args, { environment }),
    async close() {
      await served.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
