import { describe, expect, it } from 'vitest';
import { waveWarnings } from '../../../src/planning/pipeline/wave-warnings.ts';
import { parsePipeline } from '../../../src/sources/pipeline/parse-pipeline.ts';

const clusters = [
  { id: 'aws:1:eu:kube-1', alias: 'kube-1', channel: 'dev' },
  { id: 'aws:1:eu:kube-2', alias: 'kube-2', channel: 'stable' },
];

describe('clusters that waves name', () => {
  it('are warned of when the registry has none of that name, or has it on another channel', () => {
    const parsed = parsePipeline(
      'pipeline.yaml',
      `channels:
  - name: dev
    waves: [{name: first, clusters: [kube-1, 'aws:1:eu:kube-1x', kube-2, other]}, {name: rest, size: 100%}]
  - {name: stable}
`,
    );
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    expect(waveWarnings('pipeline.yaml', parsed.pipeline, clusters)).toEqual([
      {
        ...{ file: 'pipeline.yaml', path: 'channels.0.waves.0.clusters.1', remedy: 'write aws:1:eu:kube-1' },
        message: "the registry has no cluster 'aws:1:eu:kube-1x': wave first of dev goes without it",
      },
      {
        ...{ file: 'pipeline.yaml', path: 'channels.0.waves.0.clusters.2' },
        message: 'kube-2 is a cluster of stable: wave first of dev never takes it',
        remedy: 'leave it out, or name it in a wave of stable',
      },
      {
        ...{ file: 'pipeline.yaml', path: 'channels.0.waves.0.clusters.3' },
        message: "the registry has no cluster 'other': wave first of dev goes without it",
        remedy: 'leave it out, or add the cluster to the registry',
      },
    ]);
  });
});
