/** HTTPS with a client certificate, for systems that let nobody else in: fetch cannot present one. */
import { readFile } from 'node:fs/promises';
import { request as send } from 'node:https';
import path from 'node:path';
import { FailureError, transient } from '../../domain/failure.ts';
import type { HttpRequest } from '../../ports/http-client.ts';

export interface CertifiedAnswer {
  status: number;
  retryAfter: string | null;
  body: AsyncIterable<Uint8Array>;
}

/** Read anew for each request: what mounts them renews them. Rejects with FailureError when one of the files cannot be read. */
async function filesIn(directory: string): Promise<{ ca: Buffer; cert: Buffer; key: Buffer }> {
  const missing: string[] = [];
  const read = async (name: string): Promise<Buffer> => {
    const file = path.join(directory, name);
    try {
      return await readFile(file);
    } catch (error) {
      missing.push(`${file} (${(error as NodeJS.ErrnoException).code ?? 'cannot be read'})`);
      return Buffer.alloc(0);
    }
  };
  const [ca, cert, key] = await Promise.all([read('ca.crt'), read('client.crt'), read('client.key')]);
  if (missing.length > 0) {
    const message = `to ask with a client certificate it needs ${missing.sort().join(', ')}`;
    throw new FailureError(transient('http-no-certificate', message));
  }
  return { ca, cert, key };
}

/** One exchange on a connection of its own; any status is an answer. */
export async function sendWithCertificate(
  { method, url, body }: HttpRequest,
  directory: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<CertifiedAnswer> {
  const files = await filesIn(directory);
  return new Promise((resolve, reject) => {
    const outgoing = send(url, { method, headers, signal, agent: false, ...files }, (incoming) => {
      const retryAfter = incoming.headers['retry-after'] ?? null;
      resolve({ status: incoming.statusCode ?? 0, retryAfter, body: incoming as AsyncIterable<Uint8Array> });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
