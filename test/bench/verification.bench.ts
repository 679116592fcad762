import { verifyFleetBesideARoll } from '../support/fleet-verification.ts';
import type { BenchRow } from './bench-row.ts';

const clusters = 84;

/** `npm run bench -- verification`: smoke on 84 simulated clusters at once, beside a roll; simulated time. */
export async function run(): Promise<{ rows: BenchRow[]; document: object }> {
  const seen = await verifyFleetBesideARoll(clusters);
  const row = (name: string, value: number, unit: string, note: string): BenchRow => ({ name, value, unit, note });
  return {
    rows: [
      row('clusters verified at once', seen.clusters, '', `${seen.passed} of them pass`),
      row('slowest smoke', seen.slowestSeconds, 's', `simulated; median ${seen.medianSeconds} s; 180 s are allowed`),
      row('a roll beside them', seen.rollBesideSeconds, 's', `simulated; ${seen.rollAloneSeconds} s when it is alone`),
    ],
    document: { verification: seen },
  };
}
