/** What goes over the simulated network: one question, one answer. */

export type Transport = 'TCP' | 'UDP';

export interface HttpRequest {
  kind: 'http';
  method: string;
  /** With its query. */
  path: string;
  /** As in the Host header, without a port. */
  host: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: string;
  tls: boolean;
}

export interface HttpAnswer {
  kind: 'http';
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Of the server, when it spoke TLS. */
  certificate?: PeerCertificate;
}

/** What a TLS client learns of the server. */
export interface PeerCertificate {
  subject: string;
  issuer: string;
  names: readonly string[];
  /** Epoch ms. */
  notBefore: number;
  notAfter: number;
  /** Certificates sent. */
  chain: number;
  /** By the authorities that every client of the world knows. */
  trusted: boolean;
}

export interface Bytes {
  kind: 'bytes';
  text: string;
}

export interface DnsQuestion {
  kind: 'dns';
  /** Absolute, without the final dot, lower case. */
  name: string;
  type: string;
}

export interface DnsRecord {
  name: string;
  type: string;
  ttl: number;
  /** As a zone file writes it: an address, a name without the final dot, `0 100 80 web.x`, a text. */
  data: string;
}

export interface DnsAnswer {
  kind: 'dns';
  rcode: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED';
  records: readonly DnsRecord[];
}

/** grpc.health.v1.Health/Check. */
export interface GrpcHealthCheck {
  kind: 'grpc-health';
  service: string;
}

export interface GrpcHealthAnswer {
  kind: 'grpc-health';
  status: 'SERVING' | 'NOT_SERVING' | 'UNIMPLEMENTED';
}

/** `open` is a bare connection. */
export type Message = HttpRequest | Bytes | DnsQuestion | GrpcHealthCheck | { kind: 'open' };
export type Reply = HttpAnswer | Bytes | DnsAnswer | GrpcHealthAnswer | { kind: 'open' };

export type NetworkErrorKind =
  | 'refused'
  | 'timeout'
  | 'reset'
  | 'unreachable'
  | 'tls'
  | 'protocol'
  | 'dns-nxdomain'
  | 'dns-nodata'
  | 'dns-servfail'
  | 'dns-refused'
  | 'dns-timeout';

/** How an exchange ended, and after which virtual time. */
export type Exchange =
  | { ok: true; latencyMs: number; address: string; reply: Reply }
  | { ok: false; latencyMs: number; address?: string; error: NetworkErrorKind; message: string };

/** What a server does with a message: an answer after a while, silence, or a cut. */
export type Served = { reply: Reply; afterMs: number } | 'silent' | 'reset';

export function httpAnswer(status: number, body: string, headers: Record<string, string> = {}): HttpAnswer {
  return { kind: 'http', status, headers, body };
}
