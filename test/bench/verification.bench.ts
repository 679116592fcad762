import { verifyFleetBesideARoll } from '../support/fleet-verification.ts';
import type { BenchRow } from './bench-row.ts';

/** `CLM_BENCH_CLUSTERS` says otherwise: a machine with other work does fewer. */
const clusters = Number(process.env['CLM_BENCH_CLUSTERS'] ?? 84);
/** What smoke may take of a cluster. */
const allowedSeconds = 180;

/** `npm run bench -- verification`: smoke on 84 simulated clusters at once (`CLM_BENCH_CLUSTERS`), beside a roll; simulated time. */
export async function run(): Promise<{ rows: BenchRow[]; document: object }> {
  if (!Number.isInteger(clusters) || clusters < 1) throw new Error('CLM_BENCH_CLUSTERS is no number of clusters');
  const before = process.cpuUsage();
  const seen = await verifyFleetBesideARoll(clusters);
  const used = process.cpuUsage(before);
  const cpuSeconds = (used.user + used.system) / 1e6;
  const verdict = seen.slowestSeconds < allowedSeconds ? 'holds' : 'does not hold';
  const row = (name: string, value: number, unit: string, note: string): BenchRow => ({ name, value, unit, note });
  return {
    rows: [
      row('clusters verified at once', seen.clusters, '', `${seen.passed} of them pass`),
      row(
        'slowest smoke',
        seen.slowestSeconds,
        's',
        `simulated; median ${seen.medianSeconds} s; under ${allowedSeconds} s a cluster ${verdict}`,
      ),
      row('a roll beside them', seen.rollBesideSeconds, 's', `simulated; ${seen.rollAloneSeconds} s when it is alone`),
      row(
        'CPU',
        Math.round(cpuSeconds),
        's',
        `${(cpuSeconds / clusters).toFixed(1)} s a cluster, the two rolls included`,
      ),
    ],
    document: { verification: { ...seen, cpuSeconds } },
  };
}
