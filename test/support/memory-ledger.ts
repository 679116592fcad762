/** A ledger that lives as long as the test. */
import type { CheckLedger, LedgerEntry } from '../../src/ports/check-runner.ts';

export function memoryLedger(): CheckLedger & { entries: LedgerEntry[]; written: LedgerEntry[] } {
  const ledger = {
    entries: [] as LedgerEntry[],
    written: [] as LedgerEntry[],
    write: async (entry: LedgerEntry) => {
      if (ledger.entries.some((one) => one.run === entry.run && one.seq === entry.seq)) {
        throw new Error(`the ledger has entry ${entry.seq} of ${entry.run} already`);
      }
      ledger.entries.push(entry);
      ledger.written.push(entry);
    },
    close: async (run: string, check: string) => {
      ledger.entries = ledger.entries.filter((entry) => entry.run !== run || entry.check !== check);
    },
    openRuns: async (cluster: string) => [
      ...new Set(ledger.entries.filter((entry) => entry.cluster === cluster).map((entry) => entry.run)),
    ],
    open: async (run: string) => ledger.entries.filter((entry) => entry.run === run),
  };
  return ledger;
}
