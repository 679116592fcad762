import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TestCluster } from '../../unit/simulator-kube/test-cluster.ts';
import { WireCluster } from './wire-cluster.ts';

const player = resolve(import.meta.dirname, 'recorded/kube-transcript.mjs');
const recording = resolve(import.meta.dirname, 'recorded/kube-transcript.json');

describe('a conversation recorded against a real control plane', () => {
  it('goes the same way in all of its 100 steps', async () => {
    const cluster = TestCluster.withNodes(3, { lagMs: { controllers: [1, 4], disruption: [0, 0], scheduler: [1, 4] } });
    const wire = await WireCluster.start(cluster, 20);
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [
        player,
        '--server',
        wire.url,
        '--compare',
        recording,
        '-v',
      ]);
      expect(stdout.trim()).toBe('100 of 100 steps agree');
    } finally {
      await wire.stop();
    }
  });
});
