import type { Random } from '../../../support/random.ts';
import type { AddressBook } from './address-book.ts';
import type { Message, Reply, Transport } from './messages.ts';
import type { LinkRule, RuntimeFaults } from './runtime-faults.ts';

/** After a lost packet TCP tries again, later each time. */
const mostRetries = 6;

/** The wires between nodes, and from them to the outside. */
export class Links {
  readonly #book: AddressBook;
  readonly #faults: RuntimeFaults;
  readonly #random: Random;

  constructor(book: AddressBook, faults: RuntimeFaults, random: Random) {
    this.#book = book;
    this.#faults = faults;
    this.#random = random;
  }

  /** There and back, ms; or the message never arrives. */
  cross(from: string, to: string, transport: Transport, message: Message): number | 'lost' {
    let latency = this.#distance(from, to);
    for (const rule of this.#faults.values.links) {
      if (!this.#concerns(rule, from, to)) continue;
      latency += rule.extraLatencyMs ?? 0;
      if (rule.mtu !== undefined && sizeOf(message) > rule.mtu) return 'lost';
      const loss = rule.lossPercent ?? 0;
      for (let n = 0; loss > 0 && this.#random.next() * 100 < loss; n++) {
        if (transport === 'UDP' || n >= mostRetries) return 'lost';
        latency += 1000 * 2 ** n;
      }
    }
    return latency;
  }

  /** Whether an answer of this size comes back. */
  fits(from: string, to: string, reply: Reply): boolean {
    return !this.#faults.values.links.some(
      (rule) => rule.mtu !== undefined && sizeOf(reply) > rule.mtu && this.#concerns(rule, from, to),
    );
  }

  #distance(from: string, to: string): number {
    if (from === to) return 1;
    if (from === 'outside' || to === 'outside') return 20;
    return this.#book.zoneOf(from) === this.#book.zoneOf(to) ? 1 : 2;
  }

  #concerns(rule: LinkRule, from: string, to: string): boolean {
    // Nothing that stays on a node crosses a wire.
    if (from === to) return false;
    const is = (end: string, node: string): boolean =>
      end === node || (node !== 'outside' && (end === '*' || end === this.#book.zoneOf(node)));
    return (is(rule.from, from) && is(rule.to, to)) || (is(rule.from, to) && is(rule.to, from));
  }
}

function sizeOf(message: Message | Reply): number {
  switch (message.kind) {
    case 'http':
      return 200 + message.body.length;
    case 'bytes':
      return 40 + message.text.length;
    case 'dns':
      return 'records' in message ? 60 + 40 * message.records.length : 60;
    case 'grpc-health':
    case 'open':
      return 60;
  }
}
