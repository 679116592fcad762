import { splitHostPort } from '../network/addresses.ts';

export interface HttpTarget {
  /** Of the URL, for the Host header and the certificate. */
  hostname: string;
  /** Where to connect. */
  host: string;
  port: number;
  path: string;
  tls: boolean;
}

/** Where a URL leads, or `connect` (`host:port`) instead; undefined when it is no http(s) address. */
export function httpTarget(url: string, connect: string): HttpTarget | undefined {
  const match = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(url);
  if (!match) return undefined;
  const tls = match[1]?.toLowerCase() === 'https';
  const own = splitHostPort((match[2] as string).toLowerCase(), tls ? 443 : 80);
  const to = connect === '' ? own : splitHostPort(connect, own.port);
  const rest = match[3] ?? '';
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  return { hostname: own.host, host: to.host, port: to.port, path, tls };
}
