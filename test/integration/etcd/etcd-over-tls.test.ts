/** Members of etcd that let nobody in without a client certificate, asked by the daemon's own HTTP client. */

import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultEtcdSettings, type EtcdSettings } from '../../../src/domain/etcd.ts';
import { createHttpClient } from '../../../src/providers/http/http-client.ts';
import { askEtcd, removeMember } from '../../../src/steps/cluster-update/ask-etcd.ts';

const tls = (name: string): URL => new URL(`../../support/tls/loopback-${name}.pem`, import.meta.url);

describe('etcd behind client certificates', () => {
  let server: Server;
  let directory: string;
  let settings: EtcdSettings;
  const asked: string[] = [];
  const http = createHttpClient(() => undefined);
  const members = new Map([['i-0', '127.0.0.1']]);

  beforeAll(async () => {
    const [cert, key] = [readFileSync(tls('cert')), readFileSync(tls('key'))];
    server = createServer({ cert, key, ca: cert, requestCert: true, rejectUnauthorized: true }, (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        asked.push(`${request.method} ${request.url} ${body}`);
        const known = { ID: '7', name: 'etcd-0', peerURLs: [], clientURLs: ['https://127.0.0.1:2379'] };
        const refusal = body.includes('"9"') ? 'etcdserver: member not found' : 'etcdserver: unhealthy cluster';
        if (request.url === '/health') response.end('{"health":"true","reason":""}');
        else if (request.url === '/v3/cluster/member/list') response.end(JSON.stringify({ members: [known] }));
        else response.writeHead(503).end(JSON.stringify({ message: refusal }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    directory = await mkdtemp(path.join(tmpdir(), 'clm-etcd-'));
    await copyFile(tls('cert'), path.join(directory, 'ca.crt'));
    await copyFile(tls('cert'), path.join(directory, 'client.crt'));
    await copyFile(tls('key'), path.join(directory, 'client.key'));
    const { port } = server.address() as AddressInfo;
    const url = `https://{address}:${port}`;
    settings = { ...defaultEtcdSettings, healthUrl: `${url}/health`, clientUrl: url, tlsDirectory: directory };
  });
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(directory, { recursive: true, force: true });
  });

  it('says how a member is and who belongs to it', async () => {
    const { health, listed } = await askEtcd(http, settings, members);
    expect(health.get('i-0')).toEqual({ state: 'healthy', said: 'it is healthy' });
    expect(listed).toMatchObject([{ id: '7', name: 'etcd-0', learner: false }]);
    expect(asked).toEqual(['GET /health ', 'POST /v3/cluster/member/list {"linearizable":true}']);
  });

  it('is unknown without a certificate, or when one cannot be read', async () => {
    const { tlsDirectory: _, ...bare } = settings;
    const refused = await askEtcd(http, bare, members);
    expect(refused.health.get('i-0')).toMatchObject({
      state: 'unknown',
      said: expect.stringContaining('cannot be reached') as string,
    });
    expect(refused.listed).toBe('no member is healthy');
    const missing = await askEtcd(http, { ...settings, tlsDirectory: path.join(directory, 'none') }, members);
    expect(missing.health.get('i-0')?.said).toMatch(
      /needs \S*ca\.crt \(ENOENT\), \S*client\.crt \(ENOENT\), \S*client\.key \(ENOENT\)$/,
    );
  });

  it('forgets a member that is gone already, and says why it does not forget another one', async () => {
    await expect(removeMember(http, settings, '127.0.0.1', '9')).resolves.toBeUndefined();
    await expect(removeMember(http, settings, '127.0.0.1', '7')).rejects.toThrow(
      /does not remove member 7: 503 .*unhealthy cluster/,
    );
  });
});
