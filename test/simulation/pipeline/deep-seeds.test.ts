import { describe, expect, it } from 'vitest';
import type { Store } from '../../../src/ports/store.ts';
import type { DeepGround } from '../../support/deep-sim/deep-ground.ts';
import { type DeepScenario, drawDeepScenario, runDeepSeed } from '../../support/deep-sim/run-deep-seed.ts';
import type { PipelineWorld } from '../../support/pipeline/pipeline-world.ts';
import { cloud } from '../../support/roll-sim/people.ts';

const minute = 60_000;

/** A few days of three clusters with the given trouble only. */
function short(seed: string, more: Partial<DeepScenario>): DeepScenario {
  const { pipeline } = drawDeepScenario(seed);
  const channels = ['dev', 'stable'].map((name, index) => ({
    name,
    branch: name,
    promotesTo: index === 0 ? ['stable'] : [],
    waves: [],
    maxParallel: 2,
    maxFailures: 0,
    soakMs: 10 * minute,
    e2eProfile: 'smoke',
    blockLimitMs: 60 * minute,
    progressDeadlineMs: 360 * minute,
  }));
  const { windows: _, ...rest } = pipeline;
  return {
    seed,
    days: 2,
    clusters: { dev: 1, stable: 2 },
    pipeline: { ...rest, channels },
    troubles: [],
    faults: [],
    ...more,
  };
}

/** clm ends another control-plane node in the moment in which it ends one. */
function endTwoOfAQuorum(ground: DeepGround): void {
  let struck = false;
  ground.world.subscribe((event) => {
    if (struck || event.kind !== 'instance-terminate-requested' || !event.group.endsWith('-masters')) return;
    const group = ground.world.aws
      .truth()
      .groups(event.cluster)
      .find((one) => one.name === event.group);
    const other = group?.members.find((one) => one.outdated && one.instanceId !== event.instanceId);
    const found = ground.clusters.get(event.cluster);
    if (other === undefined || found === undefined || (group?.desired ?? 0) < 3) return;
    struck = true;
    const place = { world: ground.world, kube: ground.world.kube(event.cluster), cluster: found.cluster };
    cloud(place, 'clm', 'ec2', 'TerminateInstances', { InstanceIds: [other.instanceId] });
  });
}

/** What checks say of one version is written down as if it were said of another. */
function swapEvidence(world: PipelineWorld): void {
  const inner = world.store;
  const commit: Store['commit'] = (wanted) => {
    const journal = wanted.journal?.map((entry) =>
      entry.kind === 'e2e-finished'
        ? { ...entry, data: { ...(entry.data as object), version: `${'a0'.padEnd(40, '0')}#s-m-p` } }
        : entry,
    );
    return inner.commit({ ...wanted, ...(journal === undefined ? {} : { journal }) });
  };
  world.store = new Proxy(inner, {
    get: (store, name) => {
      if (name === 'commit') return commit;
      const value: unknown = Reflect.get(store, name);
      return typeof value === 'function' ? value.bind(store) : value;
    },
  });
}

describe('pipelines on clusters of the simulator', { timeout: 300_000 }, () => {
  it('hold the invariants of pipeline and nodes under crashes and faults, and leave nothing behind', async () => {
    const scenario = short('6', {
      troubles: ['crashes', 'clock-jumps', 'bad-commits'],
      faults: ['cloud-reply-lost', 'kube-reply-lost', 'instances-die'],
    });
    const { violations, checked, replaced, evictions } = await runDeepSeed('6', { scenario });
    expect(violations).toEqual([]);
    for (const judged of ['P1', 'P2', 'P3', 'P6', 'P7', 'P8', 'P10', 'nodes'])
      expect(checked[judged], judged).toBeGreaterThan(0);
    expect(Math.min(replaced, evictions)).toBeGreaterThan(0);
  });

  it('show a roll that ends two nodes of a quorum at once, and evidence of another version', async () => {
    const { violations } = await runDeepSeed('6', {
      scenario: short('6', { days: 1 }),
      plant: swapEvidence,
      plantGround: endTwoOfAQuorum,
    });
    const all = violations.join('\n');
    expect(all).toMatch(/^I4: .*dev-1 ip-\S+ terminated without a cordon/m);
    expect(all).toMatch(/^P2: .*its checks ran against a0+#s-m-p/m);
  });
});
