/** Quantities as Kubernetes writes them. */

const factors: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const form = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/;

/** `250m` → 0.25, `1Gi` → 1073741824, `2e3` → 2000; undefined when it is no quantity. Numbers pass. */
export function parseQuantity(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = form.exec(value);
  if (match === null) return undefined;
  const [, number, exponent, suffix] = match;
  if (exponent !== undefined) return Number(`${number}${exponent}`);
  return Number(number) * (factors[suffix ?? ''] as number);
}

/** Thousandths of a core, rounded up as the scheduler does; 0 when absent. */
export function cpuMilliOf(value: unknown): number {
  // 0.1 + 0.2 must not become 301 thousandths.
  return Math.ceil(Number(((parseQuantity(value) ?? 0) * 1000).toFixed(6)));
}

/** Whole bytes, rounded up; 0 when absent. */
export function bytesOf(value: unknown): number {
  return Math.ceil(parseQuantity(value) ?? 0);
}
