/** Which clusters are updated before which others. */
import type { Cluster } from '../../domain/cluster.ts';
import type { WavePolicy } from '../../domain/pipeline.ts';
import { type Described, featuresOf, valuesOf } from './dimensions.ts';

export interface PlannedWave {
  name: string;
  clusters: string[];
  /** Share of the values in the wave's dimensions that it and the waves before it show, 0 to 1. */
  coverage?: number;
}

type Candidate = Pick<Cluster, 'id' | 'environment' | 'criticalityLevel' | 'nodePools'> & Described;

/**
 * Splits clusters into waves. Sizes count against the clusters that no earlier wave has; percentages are rounded up. What the
 * policy leaves over becomes a last wave of its own, so that nobody is forgotten. Least critical first.
 */
export function planWaves(clusters: readonly Candidate[], policy: readonly WavePolicy[]): PlannedWave[] {
  let rest = [...clusters].sort(compareRisk);
  const waves: PlannedWave[] = [];
  const taken: Candidate[] = [];
  for (const wave of policy) {
    const chosen = choose(wave, rest);
    if (chosen.length === 0) continue;
    taken.push(...chosen);
    rest = rest.filter((cluster) => !chosen.includes(cluster));
    waves.push({ name: wave.name, clusters: chosen.map(({ id }) => id), ...coverageOf(wave, taken, clusters) });
  }
  if (rest.length > 0) {
    waves.push({ name: waves.length === 0 ? 'all' : 'rest', clusters: rest.map(({ id }) => id) });
  }
  return waves;
}

function choose(wave: WavePolicy, rest: Candidate[]): Candidate[] {
  const eligible = rest.filter((cluster) => isNamed(wave, cluster) && isMatched(wave, cluster));
  const most = waveSize(wave.size, eligible.length);
  return wave.coverage === undefined ? eligible.slice(0, most) : cover(eligible, wave.coverage, most);
}

function isNamed({ clusters }: WavePolicy, cluster: Candidate): boolean {
  return clusters === undefined || clusters.includes(cluster.id) || clusters.includes(cluster.alias ?? '');
}

function isMatched({ match }: WavePolicy, cluster: Candidate): boolean {
  return Object.entries(match ?? {}).every(([dimension, wanted]) =>
    valuesOf(cluster, dimension).some((value) => wanted.includes(value)),
  );
}

/** Greedily the cluster that adds most, the least risky of equals; at least one, so that a wave is never empty for want of values. */
function cover(eligible: Candidate[], dimensions: string[], most: number): Candidate[] {
  const missing = new Set(eligible.flatMap((cluster) => featuresOf(cluster, dimensions)));
  const left = [...eligible];
  const chosen: Candidate[] = [];
  while (chosen.length < most && left.length > 0 && (missing.size > 0 || chosen.length === 0)) {
    let best = 0;
    let bestGain = -1;
    for (const [index, cluster] of left.entries()) {
      const gain = featuresOf(cluster, dimensions).filter((feature) => missing.has(feature)).length;
      if (gain > bestGain) [best, bestGain] = [index, gain];
    }
    const [cluster] = left.splice(best, 1) as [Candidate];
    for (const feature of featuresOf(cluster, dimensions)) missing.delete(feature);
    chosen.push(cluster);
  }
  return chosen;
}

function coverageOf(wave: WavePolicy, taken: Candidate[], all: readonly Candidate[]): { coverage?: number } {
  const dimensions = wave.coverage;
  if (dimensions === undefined) return {};
  const wanted = new Set(all.flatMap((cluster) => featuresOf(cluster, dimensions)));
  const shown = new Set(taken.flatMap((cluster) => featuresOf(cluster, dimensions)));
  return { coverage: wanted.size === 0 ? 1 : [...wanted].filter((feature) => shown.has(feature)).length / wanted.size };
}

function waveSize(size: WavePolicy['size'], left: number): number {
  if (left === 0) return 0;
  if (typeof size === 'number') return Math.min(Math.max(1, Math.floor(size)), left);
  const percent = Number(size.slice(0, -1));
  return Math.min(Math.max(1, Math.ceil((left * percent) / 100)), left);
}

/** Test before production, low criticality before high, few node pools before many; the id decides the rest, always alike. */
function compareRisk(a: Candidate, b: Candidate): number {
  return (
    Number(a.environment === 'production') - Number(b.environment === 'production') ||
    a.criticalityLevel - b.criticalityLevel ||
    a.nodePools.length - b.nodePools.length ||
    (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
  );
}
