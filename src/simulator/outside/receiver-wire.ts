/**
 * A simulated receiver of webhooks that are signed as the Standard Webhooks specification says (webhook-id, webhook-timestamp,
 * webhook-signature): it verifies with the secret alone, and knows a repeat by its id.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { sleep } from '../../support/deadline.ts';
import type { WireAnswer, WireHandler, WireRequest } from '../wire/http-server.ts';
import { Faults, withFaults } from './faults.ts';

export interface Received {
  id: string;
  /** How often it came with this id. */
  times: number;
  body: unknown;
}

export interface ReceiverOptions {
  /** `whsec_` and base64. */
  secret: string;
  now: () => number;
}

const toleranceSeconds = 300;

export class ReceiverWire implements WireHandler {
  readonly name = 'receiver';
  /** What was let in, in the order of the first arrival. */
  readonly received: Received[] = [];
  readonly refused: string[] = [];
  readonly faults = new Faults();
  readonly #path: string;
  readonly #options: ReceiverOptions;

  constructor(path: string, options: ReceiverOptions) {
    this.#path = path;
    this.#options = options;
  }

  matches(_method: string, path: string): boolean {
    return path === this.#path;
  }

  async handle(request: WireRequest): Promise<WireAnswer> {
    const refusal = ({ status = 500, message = 'no', headers = {} }) => ({ status, headers, body: message });
    return withFaults(this.faults, request, sleep, refusal, async () => this.#receive(request));
  }

  #receive(request: WireRequest): WireAnswer {
    const why = this.#doubt(request);
    if (why !== undefined) {
      this.refused.push(why);
      return { status: 401, body: why };
    }
    const id = String(request.headers['webhook-id']);
    const known = this.received.find((one) => one.id === id);
    if (known) known.times += 1;
    else this.received.push({ id, times: 1, body: JSON.parse(request.body) });
    return { status: 204, body: '' };
  }

  #doubt({ headers, body }: WireRequest): string | undefined {
    const { 'webhook-id': id, 'webhook-timestamp': stamp, 'webhook-signature': signatures } = headers;
    if (typeof id !== 'string' || typeof stamp !== 'string' || typeof signatures !== 'string') return 'not signed';
    const age = Math.abs(this.#options.now() / 1000 - Number(stamp));
    if (!(age <= toleranceSeconds)) return 'too old or too new';
    const key = Buffer.from(this.#options.secret.replace(/^whsec_/, ''), 'base64');
    const wanted = createHmac('sha256', key).update(`${id}.${stamp}.${body}`).digest();
    const given = signatures
      .split(' ')
      .flatMap((one) => (one.startsWith('v1,') ? [Buffer.from(one.slice(3), 'base64')] : []));
    return given.some((one) => one.length === wanted.length && timingSafeEqual(one, wanted))
      ? undefined
      : 'wrong signature';
  }
}
