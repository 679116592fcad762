import type { Process } from '../../kube/process.ts';
import { numberOf, type ProbeArguments, textOf } from './arguments.ts';
import { attempt, type DnsAccess } from './asking.ts';
import type { Attempt } from './result.ts';

/** `clm-probe load`: requests at a steady rate, whatever becomes of those before. */
export function runLoad(
  process: Process,
  dns: DnsAccess,
  args: ProbeArguments,
  done: (result: Record<string, unknown>) => void,
): void {
  const url = textOf(args, 'url');
  const asked: ProbeArguments = {
    probe: 'http',
    values: { url: [url], connect: textOf(args, 'connect'), timeout: numberOf(args, 'timeout', 5_000) },
  };
  const rps = numberOf(args, 'rps', 50);
  const total = Math.max(1, Math.floor((rps * numberOf(args, 'for', 60_000)) / 1000));
  const startedAt = process.now();
  const record = new LoadRecord(url);
  let answered = 0;
  const send = (index: number): void => {
    const sentAt = process.now();
    const outcome = attempt(process, dns, asked, url);
    process.after(Math.max(1, Math.ceil(outcome.latencyMs)), () => {
      record.add(outcome, sentAt, process.now());
      answered += 1;
      if (answered === total) finish();
    });
    if (index + 1 < total)
      process.after(Math.max(0, startedAt + ((index + 1) * 1000) / rps - process.now()), () => send(index + 1));
  };
  const finish = (): void => {
    const target = record.toJson();
    const { failed, attempts } = record;
    const durationMs = process.now() - startedAt;
    const counts = { attempts, succeeded: attempts - failed, failed };
    done({ ok: failed === 0, startedAt: new Date(startedAt).toISOString(), durationMs, ...counts, targets: [target] });
  };
  send(0);
}

class LoadRecord {
  attempts = 0;
  failed = 0;
  readonly #url: string;
  readonly #times: number[] = [];
  readonly #statuses: Record<string, number> = {};
  readonly #errors = new Map<string, { kind: string; message: string; count: number }>();
  #outageFrom: number | undefined;
  #longestOutageMs = 0;

  constructor(url: string) {
    this.#url = url;
  }

  add(outcome: Attempt, sentAt: number, now: number): void {
    this.attempts += 1;
    const { status } = outcome;
    if (status !== undefined) this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    const broken =
      status !== undefined && status >= 500
        ? { kind: `status-${status}`, message: `answered with status ${status}` }
        : outcome.error;
    if (!broken) {
      this.#times.push(outcome.latencyMs);
      this.#outageFrom = undefined;
      return;
    }
    this.failed += 1;
    const known = this.#errors.get(broken.kind);
    if (known) known.count += 1;
    else this.#errors.set(broken.kind, { ...broken, count: 1 });
    this.#outageFrom ??= sentAt;
    this.#longestOutageMs = Math.max(this.#longestOutageMs, now - this.#outageFrom);
  }

  toJson(): Record<string, unknown> {
    const sorted = [...this.#times].sort((a, b) => a - b);
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
    const mean = sorted.reduce((sum, ms) => sum + ms, 0) / Math.max(1, sorted.length);
    return {
      target: this.#url,
      attempts: this.attempts,
      succeeded: this.attempts - this.failed,
      failed: this.failed,
      ms: { min: sorted[0] ?? 0, mean, max: sorted.at(-1) ?? 0, p50: at(0.5), p99: at(0.99) },
      longestOutageMs: Math.round(this.#longestOutageMs),
      statuses: this.#statuses,
      ...(this.#errors.size > 0 ? { errors: [...this.#errors.values()] } : {}),
    };
  }
}
