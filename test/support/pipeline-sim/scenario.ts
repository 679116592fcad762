/** What one seed stands for: a fleet, its pipeline file, and how often what goes wrong. Plain data. */
import type { GatePolicy } from '../../../src/domain/gate.ts';
import type { ChannelPolicy, Pipeline, WavePolicy } from '../../../src/domain/pipeline.ts';
import type { TimeWindow } from '../../../src/domain/time-window.ts';
import { type Random, seededRandom } from '../../../src/support/random.ts';

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** Things that go wrong, each on or off in a seed. */
export const troubles = [
  'crashes',
  'clock-jumps',
  'unreachable-clusters',
  'sick-clusters',
  'bad-measurements',
  'git-outages',
  'foreign-heads',
  'forced-branches',
  'bad-commits',
  'failing-rolls',
  'blocked-rolls',
  'registry-changes',
  'operators',
  'lost-webhooks',
] as const;
export type Trouble = (typeof troubles)[number];

export interface PipelineScenario {
  seed: string;
  days: number;
  /** Clusters a channel, in the order of promotion. */
  clusters: Record<string, number>;
  pipeline: Pipeline;
  troubles: Trouble[];
}

const pick = <T>(random: Random, list: readonly T[]): T => list[random.int(list.length)] as T;

/** Clusters of a fleet, drawn on a scale of their logarithm. */
export interface FleetSize {
  fewest: number;
  most: number;
  /** How many times as many a channel has as the one before it. */
  growth: number;
}

const wideFleets: FleetSize = { fewest: 5, most: 300, growth: 4 };

/** The same seed draws the same scenario, whatever machine draws it. */
export function drawPipelineScenario(seed: string, size: FleetSize = wideFleets): PipelineScenario {
  const random = seededRandom(`pipeline/${seed}`);
  const total = Math.round(size.fewest * (size.most / size.fewest) ** random.next());
  const edges = pick(random, shapes);
  const clusters = share(
    edges.map(([name]) => name),
    total,
    size.growth,
  );
  const channels = edges.map(([name, promotesTo], index) =>
    drawPolicy(random.fork(name), { name, promotesTo, clusters: clusters[name] ?? 1, first: index === 0 }),
  );
  const quiet = random.next() < 0.08;
  return {
    seed,
    days: 20,
    clusters,
    pipeline: {
      channels,
      maxParallel: 4 + random.int(40),
      evidenceMaxAgeMs: 24 * hour,
      roles: { sre: ['ada', 'bob'] },
      ...(random.next() < 0.25
        ? { windows: [window('deny', 'weekends', { days: [6, 7], from: '00:00', to: '24:00' })] }
        : {}),
    },
    troubles: quiet ? [] : troubles.filter(() => random.next() < 0.5),
  };
}

type Edge = [name: string, promotesTo: string[]];
const shapes: Edge[][] = [
  [
    ['dev', ['alpha']],
    ['alpha', ['beta']],
    ['beta', ['stable']],
    ['stable', []],
  ],
  [
    ['dev', ['alpha']],
    ['alpha', ['beta']],
    ['beta', ['stable']],
    ['stable', []],
  ],
  [
    ['dev', ['stable']],
    ['stable', []],
  ],
  [
    ['dev', ['alpha', 'canary']],
    ['alpha', ['stable']],
    ['canary', ['stable']],
    ['stable', []],
  ],
];

/** Few on the first channels, most on the last; none is empty. */
function share(names: string[], total: number, growth: number): Record<string, number> {
  const weights = names.map((_, index) => growth ** index);
  const sum = weights.reduce((a, b) => a + b, 0);
  return Object.fromEntries(
    names.map((name, index) => [name, Math.max(1, Math.round(((weights[index] ?? 1) / sum) * total))]),
  );
}

function drawPolicy(
  random: Random,
  { name, promotesTo, clusters, first }: { name: string; promotesTo: string[]; clusters: number; first: boolean },
): ChannelPolicy {
  const chance = (share: number): boolean => random.next() < share;
  const gates = drawGates(random);
  return {
    name,
    branch: name,
    promotesTo,
    waves: drawWaves(random, clusters, gates),
    maxParallel: Math.min(25, 1 + random.int(Math.max(2, Math.ceil(clusters / 4)))),
    maxFailures: random.int(3),
    soakMs: pick(random, [10 * minute, 30 * minute, hour, 2 * hour, 4 * hour]),
    e2eProfile: 'smoke',
    blockLimitMs: pick(random, [10 * minute, hour]),
    progressDeadlineMs: pick(random, [3 * hour, 6 * hour, 12 * hour]),
    finish: pick(random, ['node', 'node', 'pool', 'cluster'] as const),
    gates,
    ...(chance(0.3) ? { sameFailureLimit: 2 + random.int(2) } : {}),
    ...(chance(0.15) ? { siblings: ['configItems.pair'] } : {}),
    ...(chance(0.2) ? { soakDemands: { clusterHours: clusters } } : {}),
    ...(chance(0.2) ? { newCommits: 'queue' as const } : {}),
    ...(chance(0.2) ? { minDwellMs: 2 * hour } : {}),
    ...(!first && chance(0.2) ? { rollback: 'automatic' as const } : drawBisect(random.fork('bisect'))),
    ...(!first && chance(0.15) ? { promotion: 'pull-request' as const } : {}),
    ...(!first && chance(0.15) ? { unprovenHeads: 'adopt' as const } : {}),
    ...(!first && chance(0.3) ? { needs: 'all' as const } : {}),
    ...(chance(0.35) ? { windows: drawWindows(random) } : {}),
  };
}

function drawBisect(random: Random): Pick<ChannelPolicy, 'bisect'> {
  if (random.next() > 0.4) return {};
  return { bisect: { clusters: 1 + random.int(2), attempts: 4 + random.int(12) } };
}

function drawWaves(random: Random, clusters: number, gates: GatePolicy[]): WavePolicy[] {
  const drawn = random.next();
  if (drawn < 0.3 || clusters < 3) return [];
  const soakBefore = random.next() < 0.5 ? { soakBeforeMs: 20 * minute } : {};
  const gated = random.next() < 0.3 && gates[0] !== undefined ? { gatesBefore: [gates[0].name] } : {};
  const canary: WavePolicy =
    drawn < 0.6
      ? { name: 'canary', size: 1 }
      : { name: 'canary', size: '50%', coverage: ['criticality', 'configItems.pair'] };
  return [canary, { name: 'some', size: '25%', ...soakBefore }, { name: 'rest', size: '100%', ...gated }];
}

function drawGates(random: Random): GatePolicy[] {
  const gates: GatePolicy[] = [];
  if (random.next() < 0.12)
    gates.push({ kind: 'approval', name: 'release', quorum: 1 + random.int(2), roles: ['sre'] });
  if (random.next() < 0.12) {
    const timing = { timeoutMs: 10_000, patienceMs: hour };
    gates.push({
      kind: 'prometheus',
      name: 'errors',
      url: 'http://p',
      query: 'healthy',
      comparison: '<',
      value: 1,
      ...timing,
    });
  }
  if (random.next() < 0.12) {
    const hours = { days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00' };
    gates.push({ kind: 'schedule', name: 'office', windows: [window('allow', 'office hours', hours)] });
  }
  return gates;
}

function drawWindows(random: Random): TimeWindow[] {
  return pick(random, [
    [window('deny', 'weekends', { days: [6, 7], from: '00:00', to: '24:00' }, ['promotions'])],
    [window('allow', 'by day', { days: [1, 2, 3, 4, 5, 6, 7], from: '06:00', to: '20:00' })],
    [window('deny', 'lunch', { days: [1, 2, 3, 4, 5], from: '12:00', to: '13:30' }, ['updates'])],
  ]);
}

function window(
  effect: TimeWindow['effect'],
  label: string,
  { days, from, to }: { days: number[]; from: string; to: string },
  work: TimeWindow['work'] = ['updates', 'promotions'],
): TimeWindow {
  // midnight is a moment of the next day
  const times = { kind: 'days' as const, days, from, to: to === '24:00' ? '00:00' : to };
  return { effect, label, work, zone: 'Europe/Berlin', times };
}
