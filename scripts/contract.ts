/** The contract suites that can run against a real control plane, on the binaries of one. `npm run contract -- --assets FOLDER` */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { assets: { type: 'string' } } });
const assets = values.assets ?? process.env['KUBEBUILDER_ASSETS'];
if (assets === undefined || assets === '') {
  process.stderr.write('say where etcd and kube-apiserver are: --assets FOLDER, or KUBEBUILDER_ASSETS=FOLDER\n');
  process.exit(2);
}
const missing = ['etcd', 'kube-apiserver'].filter((name) => !existsSync(path.join(assets, name)));
if (missing.length > 0) {
  process.stderr.write(`${assets} has no ${missing.join(' and no ')}\n`);
  process.exit(2);
}
const env = { ...process.env, KUBEBUILDER_ASSETS: path.resolve(assets) };
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'real'], { env, stdio: 'inherit' });
process.exit(status ?? 1);
