/** Secrets are planted in config items, encrypted as KMS of the simulated cloud does it; then everything that clm wrote is searched. */
import { execFileSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { adoptFleet, mergeChange } from '../../src/cli/demo/stage.ts';
import { accountNumber } from '../../src/domain/cluster.ts';
import { sleep, wallMs } from '../../src/support/deadline.ts';
import { runCli } from '../support/cli-io.ts';
import { withStage } from '../support/system/with-stage.ts';

const secret = 'Planted-9f3e7c51-hunter2-swordfish';
const forms = [secret, Buffer.from(secret).toString('base64').replace(/=+$/, ''), encodeURIComponent(secret)];

/** As the simulated KMS writes what it encrypts for an account. */
function ciphertext(account: string, region: string): string {
  const header = `simulated-kms:${account}:arn:aws:kms:${region}:${account}:key/planted\n`;
  return `aws:kms:${Buffer.from(header + secret).toString('base64')}`;
}

const manifest = `apiVersion: v1
kind: Secret
metadata: {name: planted, namespace: kube-system}
data: {token: "{{ base64 .Cluster.ConfigItems.planted_token }}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: planted, namespace: kube-system}
data: {config: "token={{ .Cluster.ConfigItems.planted_token }}"}
`;
/** The API server refuses it, and quotes what it refuses. */
const refused = `apiVersion: v1
kind: ConfigMap
metadata:
  name: refused
  namespace: kube-system
  labels: {token: "not a label: {{ .Cluster.ConfigItems.planted_token }}"}
`;

/** A receiver of news. Its signing secret is written to a file. */
async function hook(secretFile: string): Promise<{ url: string; bodies: string[]; close: () => Promise<void> }> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part.toString('utf8');
    });
    request.on('end', () => {
      bodies.push(body);
      response.end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  await writeFile(secretFile, `whsec_${Buffer.from('a key for signing news, of a test').toString('base64')}\n`);
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${port}/`, bodies, close };
}

// the SDK's own chain finds them, as it would for anybody at a shell
beforeAll(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIA000000000000');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'simulated');
});
afterAll(() => vi.unstubAllEnvs());

it('a planted secret reaches the cluster, and neither logs, plans, journal, errors nor the database', {
  timeout: 300_000,
}, async () => {
  await withStage({ clusters: 1, speed: 180, seed: 'planted' }, async (stage) => {
    const { directory, members, world, daemon } = stage;
    const registry = join(directory, 'registry', 'clusters');
    for (const file of await readdir(registry)) {
      const text = await readFile(join(registry, file), 'utf8');
      const member = members.find(({ cluster }) => text.includes(cluster.id));
      if (member === undefined) throw new Error(`${file} is of no cluster`);
      const { infrastructureAccount, region } = member.cluster;
      const item = `config_items:\n  planted_token: "${ciphertext(accountNumber(infrastructureAccount), region)}"`;
      await writeFile(join(registry, file), text.replace(/^config_items:( \{\})?$/m, item));
    }
    const settings = await readFile(daemon.configFile, 'utf8');
    const heard = await hook(join(directory, 'hook-secret'));
    const sink = `{name: hook, kind: webhook, url: '${heard.url}', secretFile: hook-secret, tell: [info, attention]}`;
    const quiet = settings.replace(/^logLevel: .*$/m, 'logLevel: debug');
    await writeFile(daemon.configFile, `${quiet}notifications: {sinks: [${sink}]}\n`);
    daemon.start();
    await adoptFleet(stage, new AbortController().signal);
    const environment = { CLM_CLOCK: stage.daemonSetup.clock };
    const clm = async (...args: string[]): Promise<string> => {
      const { out, err } = await runCli([...args, '--config', daemon.configFile], { environment });
      return out + err;
    };
    const until = async (what: string, holds: () => Promise<boolean> | boolean): Promise<void> => {
      const end = wallMs() + 120_000;
      while (!(await holds())) {
        if (wallMs() > end) throw new Error(`never happened: ${what}`);
        await sleep(250);
      }
    };
    const dev = members.find(({ cluster }) => cluster.channel === 'dev')?.cluster;
    if (dev === undefined) throw new Error('there is no cluster of dev');
    const read = (path: string) => world.kube(dev.id).handle({ method: 'GET', path, query: new URLSearchParams() });
    const adding = (subject: string, text: string) =>
      mergeChange(stage, {
        branch: 'dev',
        subject,
        edit: async (workTree) => {
          const manifests = join(workTree, 'cluster', 'manifests');
          const entries = await readdir(manifests, { withFileTypes: true });
          const component = entries.find((entry) => entry.isDirectory())?.name ?? '';
          const [file = ''] = await readdir(join(manifests, component));
          const path = join(manifests, component, file);
          await writeFile(path, `${await readFile(path, 'utf8')}\n---\n${text}`);
        },
      });

    const commit = await adding('Plant a secret', manifest);
    await until('the secret arrives', () => {
      const { status, body } = read('/api/v1/namespaces/kube-system/configmaps/planted');
      return status === 200 && JSON.stringify(body).includes(secret);
    });
    const plan = await clm('plan', commit);
    await adding('Refused with a secret in it', refused);
    await until('the refusal is told', async () => (await clm('events', '-o', 'json')).includes('kube-invalid'));

    const out = join(directory, 'rendered');
    const rendering = await clm('render', 'dev', '--live', '--out', out, '--cluster', dev.id);
    await until('people are told', () => heard.bodies.some((body) => body.includes('refused (HTTP 422)')));
    const livePlan = ['plan', 'dev', '--live', '--full', '--cluster', dev.id];
    const said: Record<string, string> = { plan, render: rendering };
    for (const args of [
      ['status'],
      ['status', '-o', 'json'],
      ['why', 'dev'],
      ['events'],
      ['events', '-o', 'json'],
      ['why', dev.id],
      livePlan,
      ['plan', 'dev', '-o', 'markdown', '--cluster', dev.id],
      ['audit', 'verify'],
      ['validate'],
    ]) {
      said[args.join(' ')] = await clm(...args);
    }
    // it leaves: what it runs is told once more
    for (const file of await readdir(registry)) {
      const text = await readFile(join(registry, file), 'utf8');
      await writeFile(
        join(registry, file),
        text.replace('lifecycle_status: ready', 'lifecycle_status: decommission-requested'),
      );
    }
    await until('its end is awaited', async () => (await clm('why', dev.id)).includes('decommission'));
    said['plan of a cluster that goes'] = await clm('plan', '--live', '-o', 'json', '--cluster', dev.id);
    said['why of one'] = await clm('why', dev.id);
    await daemon.stop();
    said['news'] = heard.bodies.join('\n');
    const objects = ['cat-file', '--batch-all-objects', '--batch'];
    for (const folder of [join(directory, 'state', 'mirror.git'), stage.repository.bare]) {
      const text = execFileSync('git', ['--git-dir', folder, ...objects], { maxBuffer: 64 * 1024 * 1024 });
      said[`git of ${folder}`] = text.toString('latin1');
    }
    await heard.close();
    for (const entry of await readdir(out, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      said[`rendered ${path}`] = await readFile(path, 'utf8');
    }
    const written = await readdir(join(directory, 'state'), { recursive: true, withFileTypes: true });
    const files = [
      join(directory, 'daemon.log'),
      ...written.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)),
    ];
    for (const file of files) said[file] = (await readFile(file)).toString('latin1');
    const leaks = Object.entries(said).flatMap(([where, text]) =>
      forms.filter((form) => text.includes(form)).map((form) => `${where}: ${form}`),
    );
    expect(leaks).toEqual([]);
    // what was searched did speak of it
    const saidIn = (start: string): string =>
      Object.entries(said)
        .flatMap(([where, text]) => (where.startsWith(start) ? [text] : []))
        .join('\n');
    expect(said['plan']).toContain('planted');
    expect(said[livePlan.join(' ')]).toMatch(/the API server refuses it.*\[redacted\]/);
    expect(saidIn('rendered ')).toContain('config: token=[redacted]');
    expect(said['news']).toContain('[redacted]');
    expect(saidIn('git of ').match(/Plant a secret/g)?.length).toBeGreaterThan(1);
    expect(saidIn('git of ')).toContain('clm overrides');
    expect(said['plan of a cluster that goes']).toContain('decommission');
    expect(said['events -o json']).toContain('ConfigMap');
    expect(said[files[0] ?? '']?.length).toBeGreaterThan(100);
    expect(files.some((file) => file.endsWith('.db'))).toBe(true);
  });
});
