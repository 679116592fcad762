import type { Service } from '../kube/kinds.ts';
import { isTerminating } from '../kube/kinds.ts';
import { fieldsOf, listOf, type SimObject, shownText } from '../kube/object.ts';
import { isAddress } from '../network/addresses.ts';
import type { Zone } from '../network/internet.ts';
import { Addon, type AddonContext } from './addon.ts';

const hostnameAnnotation = 'external-dns.alpha.kubernetes.io/hostname';
const ttlAnnotation = 'external-dns.alpha.kubernetes.io/ttl';
const defaultTtl = 300;
const defaultIntervalMs = 60_000;

interface Wanted {
  name: string;
  type: 'A' | 'CNAME';
  targets: string[];
  ttl: number;
  resource: string;
}

/** external-dns: public names of services and ingresses, in the zones that its flags allow, with a TXT record that says whose they are. */
export class ExternalDns extends Addon {
  readonly name = 'external-dns';
  readonly images = ['external-dns'];

  constructor(ctx: AddonContext) {
    super(ctx, 'external-dns');
  }

  protected watch(): void {
    for (const resource of ['services', 'ingresses.networking.k8s.io', 'dnsendpoints.externaldns.k8s.io'])
      this.onChange(resource, (object) => {
        if (names(object).length > 0) this.#soon();
        return [];
      });
  }

  protected resync(): void {
    this.enqueue('all');
  }

  /** It looks at everything once an interval; nothing happens while nothing changes. */
  #soon(): void {
    const match = /^(\d+)(s|m)/.exec(this.flag('interval') ?? '');
    const interval = match ? Number(match[1]) * (match[2] === 'm' ? 60_000 : 1_000) : defaultIntervalMs;
    this.enqueue('all', interval - (this.ctx.core.clock.now() % interval));
  }

  protected sync(): void {
    const owner = this.flag('txt-owner-id') ?? 'default';
    const filters = (this.flag('domain-filter') ?? '').split(',').filter((each) => each !== '');
    const wanted = new Map<string, Wanted>();
    for (const each of this.#wanted()) wanted.set(`${each.name} ${each.type}`, each);
    const { internet } = this.ctx.runtime;
    for (const zoneName of internet.zones()) {
      if (filters.length > 0 && !filters.some((each) => zoneName === each || zoneName.endsWith(`.${each}`))) continue;
      const zone = internet.zone(zoneName);
      if (this.flag('policy') !== 'upsert-only') this.#withdraw(zone, owner, wanted);
      for (const each of wanted.values()) if (internet.zoneOf(each.name) === zone) this.#publish(zone, owner, each);
    }
  }

  #publish(zone: Zone, owner: string, wanted: Wanted): void {
    const { name, type, targets, ttl } = wanted;
    const taken = [...zone.values(name, 'A'), ...zone.values(name, 'CNAME')].length > 0;
    const mine = owns(zone, owner, name);
    // Somebody else's record is left alone.
    if (taken && !mine) return;
    zone.set(name, type === 'A' ? 'CNAME' : 'A', ttl, []);
    zone.set(name, type, ttl, targets);
    zone.set(heritageName(name), 'TXT', ttl, [
      `"heritage=external-dns,external-dns/owner=${owner},external-dns/resource=${wanted.resource}"`,
    ]);
  }

  #withdraw(zone: Zone, owner: string, wanted: ReadonlyMap<string, Wanted>): void {
    for (const key of zone.keys()) {
      const [name = '', type = ''] = key.split(' ');
      if ((type !== 'A' && type !== 'CNAME') || wanted.has(key) || !owns(zone, owner, name)) continue;
      zone.set(name, type, defaultTtl, []);
      const stillWanted = wanted.has(`${name} A`) || wanted.has(`${name} CNAME`);
      if (!stillWanted) zone.set(heritageName(name), 'TXT', defaultTtl, []);
    }
  }

  #wanted(): Wanted[] {
    const found: Wanted[] = [];
    const sources = [...(this.all('services') as Service[]), ...this.all('ingresses.networking.k8s.io')];
    for (const object of sources) {
      if (isTerminating(object)) continue;
      const given = listOf(fieldsOf(fieldsOf(object['status'])['loadBalancer'])['ingress']).map(fieldsOf);
      const targets = given
        .map((each) => shownText(each['hostname'] ?? each['ip'] ?? ''))
        .filter((each) => each !== '');
      if (targets.length === 0) continue;
      const ttl = Number(object.metadata.annotations?.[ttlAnnotation] ?? defaultTtl) || defaultTtl;
      const type = targets.every(isAddress) ? 'A' : 'CNAME';
      const resource = `${object.kind.toLowerCase()}/${this.keyOf(object)}`;
      for (const name of names(object)) found.push({ name, type, targets, ttl, resource });
    }
    for (const object of this.all('dnsendpoints.externaldns.k8s.io')) {
      if (isTerminating(object)) continue;
      for (const each of listOf(fieldsOf(object['spec'])['endpoints']).map(fieldsOf)) {
        const type = each['recordType'] === 'CNAME' ? 'CNAME' : 'A';
        const targets = listOf(each['targets']).map(shownText);
        const ttl = typeof each['recordTTL'] === 'number' ? each['recordTTL'] : defaultTtl;
        found.push({ name: shownText(each['dnsName']), type, targets, ttl, resource: `crd/${this.keyOf(object)}` });
      }
    }
    return found;
  }
}

/** Hosts that the object asks names for. */
function names(object: SimObject): string[] {
  const annotated = (object.metadata.annotations?.[hostnameAnnotation] ?? '').split(',');
  const rules = object.kind === 'Ingress' ? listOf(fieldsOf(object['spec'])['rules']).map(fieldsOf) : [];
  const endpoints = object.kind === 'DNSEndpoint' ? ['crd'] : [];
  const hosts = rules.flatMap((rule) => (typeof rule['host'] === 'string' ? [rule['host']] : []));
  return [...annotated, ...hosts, ...endpoints]
    .map((each) => each.trim().replace(/\.$/, '').toLowerCase())
    .filter((each) => each !== '');
}

function heritageName(name: string): string {
  return `cname-${name}`;
}

function owns(zone: Zone, owner: string, name: string): boolean {
  return zone.values(heritageName(name), 'TXT').some((text) => text.includes(`external-dns/owner=${owner},`));
}
