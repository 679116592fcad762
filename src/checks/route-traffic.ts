/** What routes are judged by, however the cluster spells them. */
import { type CheckContext, CheckFailed, CheckTimedOut } from './contract.ts';
import { type ProbeTarget, probe, troubleOf } from './probe.ts';

/** Requests by which shares are judged. */
const sampleSize = 200;
/** One wrong verdict in a thousand: chi-square with one degree of freedom. */
const chiSquareLimit = 10.83;
const settleWithinMs = 3 * 60_000;
const againAfterMs = 5_000;

export class RouteTraffic {
  readonly #context: CheckContext;
  readonly #address: string;
  #asked = 0;

  constructor(context: CheckContext, address: string) {
    this.#context = context;
    this.#address = address;
  }

  /** Asks through the address of the proxy. Throws CheckFailed when nobody answers. */
  async ask(url: string, more: readonly string[] = []): Promise<ProbeTarget> {
    const name = `ask-${++this.#asked}`;
    const args = ['http', '--url', url, '--connect', `${this.#address}:80`, '--timeout', '5s', ...more];
    const { targets } = await probe(this.#context, { name, args, withinMs: 8 * 60_000 });
    const [target] = targets;
    const trouble = target && troubleOf(target);
    if (target === undefined || trouble !== undefined) throw new CheckFailed(trouble ?? `${name} names no target`);
    return target;
  }

  /** Asks until `wrong` says nothing more: a proxy takes a moment to learn of a route. Throws CheckTimedOut with its last words. */
  async until(
    url: string,
    more: readonly string[],
    wrong: (target: ProbeTarget) => string | undefined,
  ): Promise<ProbeTarget> {
    const { clock } = this.#context;
    const deadline = clock.now() + settleWithinMs;
    for (;;) {
      const target = await this.ask(url, ['--retry-for', '2m', ...more]);
      const problem = wrong(target);
      if (problem === undefined) return target;
      if (clock.now() >= deadline)
        throw new CheckTimedOut(`${url}${more.length === 0 ? '' : ` (${more.join(' ')})`}: ${problem}`);
      await this.#context.pause(againAfterMs);
    }
  }

  /** The share of `service` among answers is `wanted` (0 … 1), as far as chance lets one say. */
  async mustShare(url: string, service: string, wanted: number): Promise<string> {
    const target = await this.ask(url, ['--count', String(sampleSize)]);
    const hits = answersOf(target, service);
    const all = Object.values(target.servers ?? {}).reduce((sum, count) => sum + count, 0);
    if (all < sampleSize)
      throw new CheckFailed(`${all} of ${sampleSize} answers of ${url} come from a server of the check`);
    const problem = unlikely(hits, all, wanted);
    if (problem !== undefined) throw new CheckFailed(`${service} gives ${problem} of ${url}`);
    return `${hits} of ${all}`;
  }
}

/** Answers by pods of the service. */
export function answersOf(target: ProbeTarget, service: string): number {
  const found = Object.entries(target.servers ?? {}).filter(([name]) => name.startsWith(`${service}-`));
  return found.reduce((sum, [, count]) => sum + count, 0);
}

/** Why so many hits are not what a share of `wanted` leads to; none and all are judged exactly. */
export function unlikely(hits: number, all: number, wanted: number): string | undefined {
  const said = `${hits} of ${all} answers, and ${Math.round(wanted * 100)} % are wanted`;
  if (wanted <= 0) return hits === 0 ? undefined : said;
  if (wanted >= 1) return hits === all ? undefined : said;
  const expected = all * wanted;
  const chiSquare = (hits - expected) ** 2 / expected + (hits - expected) ** 2 / (all - expected);
  return chiSquare <= chiSquareLimit ? undefined : `${said} (chi-square ${chiSquare.toFixed(1)})`;
}

export const servedBy =
  (service: string) =>
  (target: ProbeTarget): string | undefined =>
    answersOf(target, service) === target.attempts
      ? undefined
      : `is served by ${Object.keys(target.servers ?? {}).join(', ') || 'nobody'} (status ${Object.keys(target.statuses ?? {}).join()}), not by ${service}`;

export const answeredWith =
  (status: number) =>
  (target: ProbeTarget): string | undefined => {
    const statuses = Object.keys(target.statuses ?? {}).join();
    return statuses === String(status) ? undefined : `answers with status ${statuses || 'none'}, not ${status}`;
  };
