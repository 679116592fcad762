/** Which clusters are updated before which others. */
import type { Cluster } from '../../domain/cluster.ts';
import type { WavePolicy } from '../../domain/pipeline.ts';

export interface PlannedWave {
  name: string;
  clusters: string[];
}

type Candidate = Pick<Cluster, 'id' | 'environment' | 'criticalityLevel' | 'nodePools'>;

/**
 * Splits clusters into waves. Sizes count against the clusters that no earlier wave has; percentages are rounded up. What the
 * policy leaves over becomes a last wave of its own, so that nobody is forgotten. Least critical first.
 */
export function planWaves(clusters: readonly Candidate[], policy: readonly WavePolicy[]): PlannedWave[] {
  const rest = [...clusters].sort(compareRisk).map((cluster) => cluster.id);
  const waves: PlannedWave[] = [];
  for (const wave of policy) {
    const taken = rest.splice(0, waveSize(wave.size, rest.length));
    if (taken.length > 0) waves.push({ name: wave.name, clusters: taken });
  }
  if (rest.length > 0) waves.push({ name: waves.length === 0 ? 'all' : 'rest', clusters: rest });
  return waves;
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
