/** What the probe writes, by the contract in deploy/probe/README.md. */

const largestMessage = 4096;
const shownText = 120;
const mostBodies = 8;
const mostServers = 16;

/** One attempt: what came back, or why nothing did. */
export interface Attempt {
  ok: boolean;
  latencyMs: number;
  error?: { kind: string; message: string };
  status?: number;
  body?: string;
  server?: string;
  /** Fields of the target that the last attempt decides. */
  facts?: Record<string, unknown>;
}

/** The record of one target over its attempts. */
export class TargetRecord {
  readonly target: string;
  attempts = 0;
  succeeded = 0;
  readonly #errors = new Map<string, { kind: string; message: string; count: number }>();
  readonly #statuses = new Map<string, number>();
  readonly #bodies = new Map<string, number>();
  readonly #servers = new Map<string, number>();
  #facts: Record<string, unknown> = {};
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  constructor(target: string) {
    this.target = target;
  }

  get failed(): number {
    return this.attempts - this.succeeded;
  }

  add(attempt: Attempt): void {
    this.attempts += 1;
    if (attempt.ok) this.succeeded += 1;
    this.#sum += attempt.latencyMs;
    this.#min = Math.min(this.#min, attempt.latencyMs);
    this.#max = Math.max(this.#max, attempt.latencyMs);
    if (attempt.error) {
      const known = this.#errors.get(attempt.error.kind);
      if (known) known.count += 1;
      else this.#errors.set(attempt.error.kind, { ...attempt.error, count: 1 });
    }
    if (attempt.status !== undefined) count(this.#statuses, String(attempt.status), 100);
    if (attempt.body !== undefined) count(this.#bodies, attempt.body.slice(0, shownText), mostBodies);
    if (attempt.server !== undefined) count(this.#servers, attempt.server, mostServers);
    if (attempt.facts) this.#facts = { ...this.#facts, ...attempt.facts };
  }

  toJson(): Record<string, unknown> {
    return {
      target: this.target,
      attempts: this.attempts,
      succeeded: this.succeeded,
      failed: this.failed,
      ms: {
        min: this.attempts === 0 ? 0 : this.#min,
        mean: Math.round(this.#sum / Math.max(1, this.attempts)),
        max: this.#max,
      },
      ...(this.#errors.size > 0 ? { errors: [...this.#errors.values()] } : {}),
      ...(this.#statuses.size > 0 ? { statuses: Object.fromEntries(this.#statuses) } : {}),
      ...(this.#bodies.size > 0 ? { bodies: Object.fromEntries(this.#bodies) } : {}),
      ...(this.#servers.size > 0 ? { servers: Object.fromEntries(this.#servers) } : {}),
      ...this.#facts,
    };
  }
}

function count(map: Map<string, number>, key: string, most: number): void {
  const used = map.has(key) || map.size < most ? key : '…';
  map.set(used, (map.get(used) ?? 0) + 1);
}

export function shortText(text: string): string {
  return text.slice(0, shownText);
}

type Json = Record<string, unknown>;

/** The document as the termination message holds it: at most 4096 bytes, the least telling parts left out first. */
export function terminationText(document: Json): string {
  const whole = JSON.stringify(document);
  if (fits(whole)) return whole;
  const copy = JSON.parse(whole) as Json;
  copy['truncated'] = true;
  const parts = (copy['results'] as Json[] | undefined) ?? [copy];
  const eachTarget = (change: (target: Json) => void): void => {
    for (const part of parts) for (const target of (part['targets'] as Json[] | undefined) ?? []) change(target);
  };
  const steps: (() => void)[] = [
    () =>
      eachTarget((target) => {
        for (const error of (target['errors'] as { message: string }[] | undefined) ?? [])
          error.message = error.message.slice(0, 80);
      }),
    () => eachTarget((target) => delete target['ms']),
    () =>
      eachTarget((target) => {
        delete target['bodies'];
        delete target['headers'];
      }),
    () => {
      for (const part of parts)
        if (Array.isArray(part['targets']))
          part['targets'] = (part['targets'] as Json[]).filter((target) => target['failed'] !== 0);
    },
  ];
  for (const step of steps) {
    step();
    if (fits(JSON.stringify(copy))) return JSON.stringify(copy);
  }
  for (let left = parts.length - 1; left >= 0; left--) {
    const targets = parts[left]?.['targets'];
    while (Array.isArray(targets) && targets.length > 0) {
      targets.pop();
      if (fits(JSON.stringify(copy))) return JSON.stringify(copy);
    }
    if (copy['results'] !== undefined) {
      parts.pop();
      if (fits(JSON.stringify(copy))) return JSON.stringify(copy);
    }
  }
  return JSON.stringify(copy).slice(0, largestMessage);
}

function fits(text: string): boolean {
  return Buffer.byteLength(text) <= largestMessage;
}
