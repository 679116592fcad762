import type { Clock } from '../../../support/clock.ts';
import { type DnsAnswer, type DnsQuestion, type DnsRecord, httpAnswer, type Message, type Served } from './messages.ts';

/** Somebody outside of all clusters. `closed`: nothing listens there. */
export interface OutsideHost {
  serve(port: number, message: Message, from: string): Served | 'closed';
}

export const vpcResolver = '169.254.169.253';
const publicResolvers = ['1.1.1.1', '8.8.8.8'];
const longestAlias = 8;
const mostCached = 5_000;

/** A public zone and its authoritative servers. */
export class Zone {
  readonly name: string;
  readonly nameServers: readonly { name: string; address: string }[];
  /** How long resolvers remember that a name is not there, s. */
  readonly negativeTtl: number;
  readonly #records = new Map<string, { ttl: number; values: string[] }>();

  constructor(name: string, nameServers: readonly { name: string; address: string }[], negativeTtl = 60) {
    this.name = name;
    this.nameServers = nameServers;
    this.negativeTtl = negativeTtl;
  }

  /** Replaces the record set; an empty list removes it. */
  set(name: string, type: string, ttl: number, values: readonly string[]): void {
    const key = `${name.toLowerCase()} ${type}`;
    if (values.length === 0) this.#records.delete(key);
    else this.#records.set(key, { ttl, values: [...values].sort() });
  }

  values(name: string, type: string): readonly string[] {
    return this.#records.get(`${name.toLowerCase()} ${type}`)?.values ?? [];
  }

  /** `name type`, sorted. */
  keys(): string[] {
    return [...this.#records.keys()].sort();
  }

  ask(question: DnsQuestion): DnsAnswer {
    const { name, type } = question;
    if (name === this.name && (type === 'NS' || type === 'SOA')) {
      const first = this.nameServers[0]?.name ?? '';
      const soa = `${first} hostmaster.${this.name} 1 7200 900 1209600 ${this.negativeTtl}`;
      const data = type === 'NS' ? this.nameServers.map((each) => each.name) : [soa];
      return { kind: 'dns', rcode: 'NOERROR', records: data.map((text) => ({ name, type, ttl: 300, data: text })) };
    }
    const set = this.#records.get(`${name} ${type}`);
    if (set) return { kind: 'dns', rcode: 'NOERROR', records: recordsOf(name, type, set) };
    const alias = this.#records.get(`${name} CNAME`);
    if (alias) return { kind: 'dns', rcode: 'NOERROR', records: recordsOf(name, 'CNAME', alias) };
    const exists =
      name === this.name ||
      this.keys().some((key) => key.startsWith(`${name} `) || key.split(' ')[0]?.endsWith(`.${name}`));
    return { kind: 'dns', rcode: exists ? 'NOERROR' : 'NXDOMAIN', records: [] };
  }
}

function recordsOf(name: string, type: string, set: { ttl: number; values: readonly string[] }): DnsRecord[] {
  return set.values.map((data) => ({ name, type, ttl: set.ttl, data }));
}

/** Everything outside of the clusters of a world: public names, resolvers, and hosts that answer. */
export class Internet {
  /** Names of the authorities that every client trusts, as certificates write them. */
  readonly trustedIssuers = new Set<string>();
  readonly #clock: Clock;
  readonly #zones = new Map<string, Zone>();
  readonly #hosts = new Map<string, OutsideHost>();
  /** Names that are not in a zone of ours: the provider's, for load balancers. */
  readonly #names = new Map<string, readonly string[]>();
  /** resolver → question → answer. */
  readonly #caches = new Map<string, Map<string, { until: number; answer: DnsAnswer }>>();
  #nextServer = 1;
  #nextAddress = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.addSite('example.com', '93.184.215.14', {
      serve: (port, message) => {
        if (port !== 80 && port !== 443) return 'closed';
        const body = message.kind === 'http' ? 'Example Domain' : '';
        return message.kind === 'open' || message.kind === 'http'
          ? { reply: message.kind === 'open' ? message : httpAnswer(200, body, dated(this.#clock.now())), afterMs: 1 }
          : 'reset';
      },
    });
    for (const address of [...publicResolvers, vpcResolver]) {
      this.#hosts.set(address, {
        serve: (port, message) => {
          if (port !== 53) return 'closed';
          return message.kind === 'dns' ? { reply: this.recurse(address, message), afterMs: 4 } : 'silent';
        },
      });
    }
  }

  /** The zone of this name, made when there is none. */
  zone(name: string): Zone {
    const known = this.#zones.get(name);
    if (known) return known;
    const nameServers = [1, 2].map((n) => ({ name: `ns${n}.${name}`, address: `205.251.192.${this.#nextServer++}` }));
    const made = new Zone(name, nameServers);
    this.#zones.set(name, made);
    for (const server of nameServers) {
      this.#names.set(server.name, [server.address]);
      this.#hosts.set(server.address, {
        serve: (port, message) => {
          if (port !== 53) return 'closed';
          return message.kind === 'dns' ? { reply: this.#authoritative(made, message), afterMs: 2 } : 'silent';
        },
      });
    }
    return made;
  }

  zones(): string[] {
    return [...this.#zones.keys()].sort();
  }

  /** The zone that a name belongs to. */
  zoneOf(name: string): Zone | undefined {
    let rest = name;
    for (;;) {
      const zone = this.#zones.get(rest);
      if (zone) return zone;
      const dot = rest.indexOf('.');
      if (dot < 0) return undefined;
      rest = rest.slice(dot + 1);
    }
  }

  addSite(name: string, address: string, host: OutsideHost): void {
    this.#names.set(name, [address]);
    this.#hosts.set(address, host);
  }

  /** Public addresses for something that has none yet. */
  freshAddress(): string {
    const n = this.#nextAddress++;
    return `52.${16 + ((n >> 16) & 63)}.${(n >> 8) & 255}.${n & 255}`;
  }

  /** A name outside of all zones, served at these addresses; none takes it away. */
  setName(name: string, addresses: readonly string[]): void {
    if (addresses.length === 0) this.#names.delete(name.toLowerCase());
    else this.#names.set(name.toLowerCase(), addresses);
  }

  setHost(address: string, host: OutsideHost | undefined): void {
    if (host) this.#hosts.set(address, host);
    else this.#hosts.delete(address);
  }

  hostAt(address: string): OutsideHost | undefined {
    return this.#hosts.get(address);
  }

  /** What the authoritative servers say now, aliases followed. */
  ask(question: DnsQuestion): DnsAnswer {
    return this.#chase(question, 0);
  }

  /** What a resolver answers: out of its cache as long as that holds, absence included. */
  recurse(resolver: string, question: DnsQuestion): DnsAnswer {
    const now = this.#clock.now();
    let cache = this.#caches.get(resolver);
    if (!cache || cache.size > mostCached) {
      cache = new Map();
      this.#caches.set(resolver, cache);
    }
    const key = `${question.name} ${question.type}`;
    const cached = cache.get(key);
    if (cached && cached.until > now) return cached.answer;
    const answer = this.#chase(question, 0);
    const seconds =
      answer.records.length > 0
        ? Math.min(...answer.records.map((each) => each.ttl))
        : (this.zoneOf(question.name)?.negativeTtl ?? 30);
    cache.set(key, { until: now + seconds * 1000, answer });
    return answer;
  }

  #authoritative(zone: Zone, question: DnsQuestion): DnsAnswer {
    const inside = question.name === zone.name || question.name.endsWith(`.${zone.name}`);
    return inside ? zone.ask(question) : { kind: 'dns', rcode: 'REFUSED', records: [] };
  }

  #chase(question: DnsQuestion, depth: number): DnsAnswer {
    const { name, type } = question;
    const direct = this.#names.get(name);
    if (direct) {
      const records = type === 'A' ? direct.map((data) => ({ name, type: 'A', ttl: 60, data })) : [];
      return { kind: 'dns', rcode: 'NOERROR', records };
    }
    const zone = this.zoneOf(name);
    if (!zone) return { kind: 'dns', rcode: 'NXDOMAIN', records: [] };
    const answer = zone.ask(question);
    const alias = answer.records.find((each) => each.type === 'CNAME');
    if (!alias || type === 'CNAME') return answer;
    if (depth >= longestAlias) return { kind: 'dns', rcode: 'SERVFAIL', records: [] };
    const rest = this.#chase({ kind: 'dns', name: alias.data, type }, depth + 1);
    return { kind: 'dns', rcode: rest.rcode, records: [alias, ...rest.records] };
  }
}

function dated(now: number): Record<string, string> {
  return { date: new Date(now).toUTCString(), 'content-type': 'text/html' };
}
