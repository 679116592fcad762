/** Secrets are planted in config items, encrypted as KMS of the simulated cloud does it; then everything that clm wrote is searched. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { adoptFleet, mergeChange } from '../../src/cli/demo/stage.ts';
import { accountNumber } from '../../src/domain/cluster.ts';
import { sleep, wallMs } from '../../src/support/deadline.ts';
import { runClm } from '../support/system/run-clm.ts';
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
    await writeFile(daemon.configFile, settings.replace(/^logLevel: .*$/m, 'logLevel: debug'));
    daemon.start();
    await adoptFleet(stage, new AbortController().signal);
    const clm = (...args: string[]) => runClm([...args, '--config', daemon.configFile], { cwd: directory });
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
    await until('the refusal is told', async () => (await clm('events', '-o', 'json')).stdout.includes('kube-invalid'));

    const said: Record<string, string> = { plan: plan.stdout + plan.stderr };
    for (const args of [
      ['status'],
      ['status', '-o', 'json'],
      ['why', 'dev'],
      ['events'],
      ['events', '-o', 'json'],
      ['why', dev.id],
    ]) {
      const { stdout, stderr } = await clm(...args);
      said[args.join(' ')] = stdout + stderr;
    }
    await daemon.stop();
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
    expect(said['plan']).toContain('planted');
    expect(said['events -o json']).toContain('ConfigMap');
    expect(said[files[0] ?? '']?.length).toBeGreaterThan(100);
    expect(files.some((file) => file.endsWith('.db'))).toBe(true);
  });
});
