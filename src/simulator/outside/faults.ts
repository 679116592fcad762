/** What goes wrong with a simulated service on purpose: the next so many requests that match, in the order in which they were asked for. */
import type { WireAnswer, WireRequest } from '../wire/http-server.ts';

export interface OutsideFault {
  /** Only requests with this method, and whose path contains this text. */
  method?: string;
  path?: string;
  /** So many requests; 1 unless given. */
  times?: number;
  /**
   * `answer`: refused with `status` before anything is done · `lost`: done, and the connection is cut before the answer · `reset`: cut
   * before anything is done · `late`: answered after `delayMs` (wall time).
   */
  kind: 'answer' | 'lost' | 'reset' | 'late';
  status?: number;
  message?: string;
  headers?: Record<string, string>;
  delayMs?: number;
}

export class Faults {
  readonly #planned: { fault: OutsideFault; left: number }[] = [];

  plan(fault: OutsideFault): void {
    this.#planned.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#planned.length = 0;
  }

  /** The fault of this request, which is used up by it. */
  take({ method, path }: Pick<WireRequest, 'method' | 'path'>): OutsideFault | undefined {
    const found = this.#planned.find(
      ({ fault }) => (fault.method ?? method) === method && path.includes(fault.path ?? ''),
    );
    if (found === undefined) return undefined;
    found.left -= 1;
    if (found.left === 0) this.#planned.splice(this.#planned.indexOf(found), 1);
    return found.fault;
  }
}

/** Answers a request as the fault wants it. `refusal` gives the service's own form of an error. */
export async function withFaults(
  faults: Faults,
  request: WireRequest,
  sleep: (ms: number) => Promise<unknown>,
  refusal: (fault: OutsideFault) => WireAnswer,
  handle: () => Promise<WireAnswer>,
): Promise<WireAnswer> {
  const fault = faults.take(request);
  if (fault === undefined) return handle();
  if (fault.kind === 'reset') return { reset: true };
  if (fault.kind === 'answer') return refusal(fault);
  if (fault.kind === 'late') {
    await sleep(fault.delayMs ?? 1_000);
    return handle();
  }
  await handle();
  return { reset: true };
}

/** A fault as the control endpoint takes it; a text says what is wrong. */
export function readOutsideFault(value: unknown): OutsideFault | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'a fault is an object';
  const { kind, method, path, times, status, message, headers, delayMs } = value as Record<string, unknown>;
  if (kind !== 'answer' && kind !== 'lost' && kind !== 'reset' && kind !== 'late')
    return 'kind is answer, lost, reset or late';
  const texts = { method, path, message };
  for (const [name, text] of Object.entries(texts))
    if (text !== undefined && typeof text !== 'string') return `${name} is a text`;
  const numbers = { times, status, delayMs };
  for (const [name, number] of Object.entries(numbers))
    if (
      number !== undefined &&
      (!Number.isSafeInteger(number) || (number as number) < 1 || (number as number) > 600_000)
    )
      return `${name} is a whole number, 1 or more`;
  if (kind === 'answer' && (status === undefined || (status as number) < 400 || (status as number) > 599))
    return 'status is 400 to 599';
  if (headers !== undefined && (typeof headers !== 'object' || headers === null)) return 'headers is an object';
  return value as OutsideFault;
}
