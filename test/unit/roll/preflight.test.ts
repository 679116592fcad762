import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderPreflight } from '../../../src/cli/view/preflight-view.ts';
import { palette } from '../../../src/cli/view/terminal.ts';
import { forecastRoll } from '../../../src/planning/roll/forecast.ts';
import { type DryRunAnswer, planPreflight, podsToAsk, preflightSchema } from '../../../src/planning/roll/preflight.ts';
import { buildInput, type ClusterSpec, now, oldNodes } from '../../support/roll-builders.ts';

function preflight(spec: ClusterSpec, answers: [string, DryRunAnswer][] = [], without: string[] = []) {
  const { view, cloud, policy } = buildInput(spec);
  return planPreflight({
    cluster: 'aws:1:eu:kube-1',
    view,
    cloud,
    policy,
    pools: spec.pools.map((pool) => ({
      name: pool.name ?? 'workers',
      controlPlane: pool.controlPlane ?? false,
      surge: pool.surge,
      canary: { needed: true, reason: 'its content is new' },
      canaries: new Map(
        [pool, ...(pool.also ?? [])].flatMap(({ name, canary }) =>
          canary ? [[name ?? 'workers', canary] as const] : [],
        ),
      ),
    })),
    now,
    history: new Map(),
    answers: new Map(answers),
    zonesWithout: new Map([['workers', without.map((zone) => ({ group: 'workers', zone }))]]),
  });
}

describe('a preflight', () => {
  it('groups what blocks by its cause, names whom to ask, and puts what lasts first', () => {
    const found = preflight(
      {
        pools: [{ nodes: oldNodes(3) }],
        pods: [
          { name: 'db-1', app: 'db', node: 'old-1', labels: { team: 'payments' } },
          { name: 'db-2', app: 'db', node: 'old-2', labels: { team: 'payments' } },
          { name: 'web-1', app: 'web', node: 'old-3' },
          { name: 'free', node: 'old-3' },
        ],
        budgets: [
          { name: 'web', allowed: 0, expected: 3, desired: 2, healthy: 2 },
          { name: 'db', allowed: 0, expected: 2, desired: 2 },
        ],
      },
      [],
    );
    expect(found.blocks).toMatchObject([
      {
        code: 'budget-never-allows',
        lasts: 'lasting',
        budget: 'db',
        owner: 'team=payments',
        pods: ['db-1', 'db-2'],
        nodes: ['old-1', 'old-2'],
      },
      { code: 'budget-refuses', lasts: 'passing', budget: 'web', owner: 'app=web', pods: ['web-1'] },
    ]);
    expect(preflightSchema.safeParse(found).success).toBe(true);
  });

  it('believes the server where it sees more: a webhook that denies', () => {
    const spec: ClusterSpec = { pools: [{ nodes: oldNodes(1) }], pods: [{ name: 'web', node: 'old-1' }] };
    const denied: DryRunAnswer = { kind: 'admission-denied', message: 'policy says no' };
    expect(preflight(spec).blocks).toEqual([]);
    expect(preflight(spec, [['pod-web', denied]]).blocks).toMatchObject([
      { code: 'admission-denied', lasts: 'lasting', message: 'policy says no' },
    ]);
    const silent: DryRunAnswer = { kind: 'unknown', message: 'timed out' };
    expect(preflight(spec, [['pod-web', silent]]).blocks).toMatchObject([{ code: 'dry-run-failed', lasts: 'passing' }]);
  });

  it('asks about one pod of each workload and state, and no DaemonSet', () => {
    const { view, cloud } = buildInput({
      pools: [{ nodes: oldNodes(2) }],
      pods: [
        { name: 'a-1', app: 'a', node: 'old-1' },
        { name: 'a-2', app: 'a', node: 'old-2' },
        { name: 'a-3', app: 'a', node: 'old-2', ready: false },
        { name: 'bare', bare: true, node: 'old-1' },
        { name: 'proxy', daemon: 'proxy', node: 'old-1' },
        { name: 'going', node: 'old-1', deletingIn: 5_000 },
      ],
      daemons: ['proxy'],
    });
    expect(podsToAsk(view, cloud, 100).map((pod) => pod.name)).toEqual(['a-1', 'a-3', 'bare']);
    expect(podsToAsk(view, cloud, 2)).toHaveLength(2);
  });

  it('names zones that hold volumes and cannot get a node', () => {
    const spec: ClusterSpec = {
      pools: [{ nodes: oldNodes(1) }],
      pods: [{ name: 'db', node: 'old-1', claims: ['data'] }],
      volumes: [{ claim: 'shop/data', zones: ['eu-1a'] }],
    };
    expect(preflight(spec).zones).toEqual([]);
    expect(preflight(spec, [], ['eu-1a']).zones).toMatchObject([{ pool: 'workers', zone: 'eu-1a', nodes: 1 }]);
    const elsewhere = { ...spec, volumes: [{ claim: 'shop/data', zones: ['us-1z'] }] };
    expect(preflight(elsewhere).zones).toMatchObject([
      { zone: 'us-1z', message: 'no group of the pool launches there' },
    ]);
  });

  it('reads as a person would say it', () => {
    const found = preflight({
      pools: [{ nodes: oldNodes(2) }],
      pods: [{ name: 'db', node: 'old-1' }],
      budgets: [{ name: 'db', allowed: 0, expected: 1, desired: 1 }],
    });
    const text = renderPreflight(found, { wide: false, colors: palette(false) }).join('\n');
    expect(text).toMatch(/workers\s+2\s+2\s+1\s+\S+/);
    expect(text).toMatch(/for good\s+budget-never-allows\s+shop\/db\s+app=db\s+1\s+db/);
    expect(text).toContain('1 node could not be drained; clm explain CODE says what to do');
  });
});

describe('a forecast', () => {
  const history = fc.record({
    boots: fc.array(fc.integer({ min: 1_000, max: 600_000 }), { maxLength: 20 }),
    drains: fc.array(fc.integer({ min: 1_000, max: 600_000 }), { maxLength: 20 }),
  });
  const drains = fc.array(fc.integer({ min: 0, max: 900_000 }), { minLength: 1, maxLength: 40 });

  it('never promises less than a boot and the longest drain unlike any measured one, orders its quantiles, and is the same for the same question', () => {
    fc.assert(
      fc.property(drains, fc.integer({ min: 1, max: 10 }), history, (list, surge, measured) => {
        const ask = () => forecastRoll({ drains: list, surge, history: measured, pauseMs: 0, canary: true, seed: 'x' });
        const found = ask();
        const longest = Math.max(...list);
        const unlike = longest > 3 * Math.max(0, ...measured.drains);
        if (unlike) expect(found.p50Ms).toBeGreaterThanOrEqual(longest);
        expect(found.p50Ms).toBeGreaterThanOrEqual(Math.min(...measured.boots, 90_000));
        expect(found.p90Ms).toBeGreaterThanOrEqual(found.p50Ms);
        expect(ask()).toEqual(found);
      }),
      { numRuns: 60 },
    );
  });

  it('has one boot first for each content of a pool that nothing proves', () => {
    const group = (name: string, more: object) => {
      const nodes = oldNodes(4).map((one) => ({ ...one, name: `${name}-${one.name}` }));
      return { name, nodes, baseline: 4, surge: 8, template: `lt-${name}`, ...more };
    };
    const p50 = (a: object, b: object): number =>
      preflight({ pools: [{ ...group('a', a), also: [group('b', b)] }] }).pools[0]?.p50Seconds ?? 0;
    const proven = { canary: { needed: false, reason: 'others run it' } };
    const [none, one, shared, both] = [
      p50(proven, proven),
      p50({}, proven),
      p50({}, { template: 'lt-a' }),
      p50({}, {}),
    ];
    expect(none).toBeLessThan(one);
    expect(one).toBeLessThanOrEqual(shared);
    expect(shared).toBeLessThan(both);
  });

  it('is shorter with more surge, and nothing for no node', () => {
    const list = Array.from({ length: 30 }, () => 60_000);
    const at = (surge: number, canary = true): number =>
      forecastRoll({ drains: list, surge, history: { boots: [120_000], drains: [] }, pauseMs: 0, canary, seed: 'x' })
        .p50Ms;
    expect(at(1)).toBe(30 * 190_000);
    // The first node boots alone: a wave of one boot more.
    expect(at(10)).toBe(120_000 + 3 * 190_000);
    expect(at(10, false)).toBe(3 * 190_000);
    expect(
      forecastRoll({ drains: [], surge: 1, history: { boots: [], drains: [] }, pauseMs: 0, canary: true, seed: 'x' }),
    ).toEqual({
      p50Ms: 0,
      p90Ms: 0,
    });
  });
});
