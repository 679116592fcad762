/** Gates that ask others, over HTTP: what answers, what does not, and what nobody can tell. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GateRecord } from '../../../src/domain/gate.ts';
import type { Pipeline } from '../../../src/domain/pipeline.ts';
import { createHttpClient } from '../../../src/providers/http/http-client.ts';
import { createPrometheus } from '../../../src/providers/metrics/prometheus.ts';
import { parsePipeline } from '../../../src/sources/pipeline/parse-pipeline.ts';
import type { PipelineDependencies } from '../../../src/steps/pipeline-dependencies.ts';
import { askGates } from '../../../src/steps/rollout/ask-gates.ts';
import { type OutsideWorld, outsideWorld } from '../../support/outside-world.ts';

const commit = 'a'.repeat(40);
const hour = 3_600_000;
let world: OutsideWorld;
let pipeline: Pipeline;
beforeEach(async () => {
  world = await outsideWorld();
  const { prometheus, verdict } = world.outside.at;
  const parsed = parsePipeline(
    'pipeline.yaml',
    `channels:
  - name: dev
    gates:
      - {name: errors, prometheus: {url: '${prometheus}', query: 'errors{channel="$channel"}', is: '< 0.01', patience: 1h, timeout: 1s}}
      - {name: change, http: {url: '${verdict}', patience: 1h, timeout: 1s}}
`,
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  pipeline = parsed.pipeline;
});
afterEach(() => world.close());

async function ask(now: number, before: GateRecord[] = []): Promise<GateRecord[]> {
  const http = createHttpClient(() => undefined);
  const deps = { http, metrics: createPrometheus(http), pipeline: () => pipeline } as unknown as PipelineDependencies;
  const context = { channel: 'dev', commit, tree: 'tree', gates: before };
  const input = { id: 'rollout:dev', now, context } as unknown as Parameters<typeof askGates>[1];
  const [policy] = pipeline.channels;
  if (policy === undefined) throw new Error('no channel');
  return askGates(deps, input, policy);
}
const states = (gates: GateRecord[]) => gates.map((gate) => gate.state);

describe('gates that ask others, over the wire', () => {
  it('open and close by what is measured and said of exactly this version', async () => {
    const { prometheus, verdict } = world.outside;
    prometheus.set([
      { name: 'errors', labels: { channel: 'dev' }, value: 0.001 },
      { name: 'errors', labels: { channel: 'beta' }, value: 1 },
    ]);
    expect(states(await ask(0))).toEqual(['open', 'open']);
    expect(prometheus.queries).toEqual(['errors{channel="dev"}']);
    expect(verdict.asked).toEqual([{ gate: 'change', channel: 'dev', commit, tree: 'tree', rollout: 'rollout:dev' }]);
    prometheus.set([{ name: 'errors', labels: { channel: 'dev' }, value: 0.5 }]);
    verdict.says = { verdict: 'closed', reason: 'not today' };
    const closed = await ask(0);
    expect(states(closed)).toEqual(['closed', 'closed']);
    expect(closed[1]?.reason).toContain('not today');
  });

  it('are never open when nobody answers, and inconclusive when that lasts', async () => {
    const { prometheus, verdict } = world.outside;
    prometheus.faults.plan({ kind: 'answer', status: 503, times: 2 });
    verdict.faults.plan({ kind: 'reset', times: 2 });
    const first = await ask(0);
    expect(states(first)).toEqual(['closed', 'closed']);
    expect(states(await ask(hour, first))).toEqual(['inconclusive', 'inconclusive']);
  });

  it('are not open on an answer that says nothing', async () => {
    world.outside.prometheus.set([]);
    world.outside.verdict.says = { verdict: 'maybe', reason: '' };
    for (const gate of await ask(0)) expect(gate.state).not.toBe('open');
  });
});
