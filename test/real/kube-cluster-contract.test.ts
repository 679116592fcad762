/**
 * The contract of the KubeCluster port against a real control plane, from the binaries in KUBEBUILDER_ASSETS. vitest.config.ts has this
 * project only where that variable is set: `npm run contract -- --assets FOLDER`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { connectKube } from '../../src/providers/kube/connect-kube.ts';
import { sleep, wallMs } from '../../src/support/deadline.ts';
import { describeKubeClusterContract } from '../support/contract/kube-cluster-contract.ts';

const patienceMs = 60_000;

describeKubeClusterContract(
  'client-node against a real API server without nodes',
  async () => {
    const args = ['--import', 'tsx', 'scripts/real-control-plane.ts'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let file: string | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      file = /^export KUBECONFIG=(.+)$/.exec(line)?.[1];
      if (file !== undefined) break;
    }
    if (file === undefined) throw new Error('the control plane did not start; its own words are above');
    const access = { kind: 'kubeconfig', file } as const;
    const kube = connectKube({ cluster: 'real', access, userAgent: 'clm/contract' });
    return {
      kube,
      async until(what, condition) {
        const endsAt = wallMs() + patienceMs;
        while (!(await condition())) {
          if (wallMs() > endsAt) throw new Error(`within ${patienceMs} ms it never came true: ${what}`);
          await sleep(50);
        }
      },
      async close() {
        kube.close();
        const gone = once(child, 'exit');
        child.kill('SIGTERM');
        await gone;
      },
    };
  },
  { nodes: false },
);
