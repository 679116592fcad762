import type { KeyObject } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { Clock } from '../../../support/clock.ts';
import type { Internet } from '../network/internet.ts';
import { httpAnswer } from '../network/messages.ts';
import { selfSigned } from '../programs/certificates.ts';
import { type Authority, certificatePem, newAuthority } from './x509.ts';

export const acmeHost = 'acme.simulated.test';
const acmeAddress = '172.65.32.248';
const clientAddress = '203.0.113.80';
const lifetimeMs = 90 * 86_400_000;

export type ChallengeKind = 'http-01' | 'dns-01';

const servers = new WeakMap<Internet, AcmeServer>();

/** The world's certificate authority: looks whether a domain is the applicant's, from outside, and signs. */
export class AcmeServer {
  readonly #internet: Internet;
  readonly #clock: Clock;
  readonly #root: Authority;
  readonly #issuing: Authority;
  readonly #issuingPem: string;

  constructor(internet: Internet, clock: Clock) {
    this.#internet = internet;
    this.#clock = clock;
    this.#root = newAuthority('Simulated Root X1', 'acme-root', clock.now());
    const issuing = newAuthority('Simulated Issuing R3', 'acme-issuing', clock.now());
    const validity = { notBefore: clock.now() - 86_400_000, notAfter: clock.now() + 1825 * 86_400_000 };
    const input = { commonName: issuing.commonName, names: [], key: issuing.key, ...validity, isAuthority: true };
    this.#issuingPem = certificatePem(input, this.#root);
    this.#issuing = issuing;
    internet.trustedIssuers.add(`CN=${issuing.commonName}`);
    internet.addSite(acmeHost, acmeAddress, {
      serve: (port, message) => {
        if (port !== 443) return 'closed';
        if (message.kind === 'open') return { reply: message, afterMs: 0 };
        if (message.kind !== 'http' || !message.tls) return 'reset';
        const certificate = { ...selfSigned(acmeHost, [acmeHost], clock.now()), trusted: true };
        const found = message.path === '/directory';
        const links = { newNonce: `https://${acmeHost}/nonce`, newOrder: `https://${acmeHost}/order` };
        const answer = found ? httpAnswer(200, JSON.stringify(links)) : httpAnswer(404, 'not found');
        return { reply: { ...answer, certificate }, afterMs: 30 };
      },
    });
  }

  /** The one of this world, made by the first to ask. */
  static of(internet: Internet, clock: Clock): AcmeServer {
    let server = servers.get(internet);
    if (!server) {
      server = new AcmeServer(internet, clock);
      servers.set(internet, server);
    }
    return server;
  }

  /** What the TXT record of a dns-01 challenge must say. */
  static digest(key: string): string {
    return createHash('sha256').update(key).digest('base64url');
  }

  /** Undefined: the challenge is met. Else what was found instead. */
  validate(kind: ChallengeKind, domain: string, token: string, key: string): string | undefined {
    return kind === 'dns-01' ? this.#validateDns(domain, key) : this.#validateHttp(domain, token, key);
  }

  #validateDns(domain: string, key: string): string | undefined {
    const name = `_acme-challenge.${domain.replace(/^\*\./, '')}`;
    const found = this.#internet.zoneOf(name)?.values(name, 'TXT') ?? [];
    return found.includes(`"${AcmeServer.digest(key)}"`)
      ? undefined
      : `DNS problem: no correct TXT record found for ${name}`;
  }

  #validateHttp(domain: string, token: string, key: string): string | undefined {
    const answer = this.#internet.ask({ kind: 'dns', name: domain, type: 'A' });
    const address = answer.records.find((each) => each.type === 'A')?.data;
    if (address === undefined) return `DNS problem: ${answer.rcode} looking up A for ${domain}`;
    const path = `/.well-known/acme-challenge/${token}`;
    const headers = { 'user-agent': 'acme-validation' };
    const request = { kind: 'http', method: 'GET', path, host: domain, headers, body: '', tls: false } as const;
    const served = this.#internet.hostAt(address)?.serve(80, request, clientAddress) ?? 'silent';
    if (typeof served === 'string')
      return `Fetching http://${domain}${path}: ${served === 'closed' ? 'Connection refused' : 'Timeout'}`;
    const { reply } = served;
    if (reply.kind !== 'http' || reply.status !== 200)
      return `Invalid response from http://${domain}${path}: ${reply.kind === 'http' ? reply.status : 'no HTTP'}`;
    return reply.body === key ? undefined : `The key authorization file from the server did not match this challenge`;
  }

  /** The chain of a new certificate: leaf, then issuing authority. */
  issue(names: readonly string[], key: KeyObject): { chain: string; root: string; notAfter: number } {
    const now = this.#clock.now();
    const notAfter = now + lifetimeMs;
    const leaf = certificatePem({ commonName: names[0] ?? '', names, key, notBefore: now, notAfter }, this.#issuing);
    return { chain: `${leaf}${this.#issuingPem}`, root: this.#root.pem, notAfter };
  }
}
