/**
 * Says on the forge how far each channel's version is. Level-triggered, as the registry is told: what should stand there is made from the
 * status document, and written where it differs from what was written last.
 */
import { FailureError } from '../domain/failure.ts';
import { reportsFor, type ToldReport } from '../planning/explain/forge-reports.ts';
import type { StatusDocument, StatusProblem } from '../planning/explain/status-document.ts';
import type { ForgeReports } from '../ports/scm.ts';
import type { Store } from '../ports/store.ts';
import type { Logger } from '../support/logger.ts';

export interface ForgeReporterOptions {
  reports: ForgeReports;
  status: () => Promise<StatusDocument>;
  store: Pick<Store, 'facts' | 'post'>;
  leaseHeld: () => boolean;
  log: Logger;
  now: () => number;
}

const toldKind = 'forge-report';

export class ForgeReporter {
  readonly #options: ForgeReporterOptions;
  #failed: { code: string; message: string } | undefined;

  constructor(options: ForgeReporterOptions) {
    this.#options = options;
  }

  /** false when something could not be said and has to be tried again. */
  async pass(): Promise<boolean> {
    const { reports, status, store, leaseHeld, log, now } = this.#options;
    const document = await status();
    // before it is adopted, a fleet is only looked at: that goes for its forge too
    if (!document.adopted) return true;
    const told = (await store.facts(toldKind)).map((fact) => ({
      ...(fact.value as unknown as ToldReport),
      channel: fact.key,
    }));
    for (const report of reportsFor(document, told)) {
      if (!leaseHeld()) return true;
      try {
        await reports.report(report);
      } catch (error) {
        if (!(error instanceof FailureError)) throw error;
        const { code, message } = error.failure;
        if (this.#failed?.code !== code) log.warn({ code }, message);
        this.#failed = { code, message };
        return false;
      }
      const { channel, commit, state, description } = report;
      if (state === 'superseded') continue;
      await store.post({
        facts: [{ kind: toldKind, key: channel, value: { commit, state, description } }],
        now: now(),
      });
    }
    this.#failed = undefined;
    return true;
  }

  problems(): StatusProblem[] {
    if (this.#failed === undefined) return [];
    const { code, message } = this.#failed;
    const said = `How far versions are is not said on the forge: ${message}`;
    return [
      {
        severity: 'warning',
        scope: 'daemon',
        subject: 'forge',
        code,
        message: said,
        remedy: `it is tried again; clm explain ${code}`,
      },
    ];
  }
}
