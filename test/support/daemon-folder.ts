/** A folder as `clm init` makes it, with clusters, and a daemon on it in this process. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type DaemonConfig, loadDaemonConfig } from '../../src/daemon/config.ts';
import { type DaemonEnd, runDaemon } from '../../src/daemon/daemon.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { runCli } from './cli-io.ts';

export interface DaemonFolder {
  path: string;
  configFile: string;
  config(): DaemonConfig;
  write(file: string, text: string): void;
  git(...args: string[]): string;
  remove(): void;
}

export function clusterFile(number: number, channel: string, environment: 'test' | 'production' = 'test'): string {
  return `id: "aws:123456789012:eu-central-1:kube-${number}"
alias: cluster-${number}
local_id: kube-${number}
infrastructure_account: "aws:123456789012"
region: eu-central-1
provider: zalando-aws
api_server_url: https://127.0.0.1:1
channel: ${channel}
environment: ${environment}
criticality_level: 1
lifecycle_status: ready
config_items:
  vpc_id: vpc-1
  subnets: "eu-central-1a=subnet-1,eu-central-1b=subnet-2,eu-central-1c=subnet-3"
node_pools:
  - name: default-worker
    profile: worker-default
    instance_types: [m5.large]
    discount_strategy: none
    min_size: 3
    max_size: 9
    config_items: {}
`;
}

const accountsFile = `infrastructure_accounts:
  - id: "aws:123456789012"
    type: aws
    name: test
    owner: team
    cost_center: "1"
    environment: test
    criticality_level: 1
    external_id: "123456789012"
    lifecycle_status: ready
`;

let template: Promise<string> | undefined;

/** What `clm init` wrote once; every test gets a copy. */
function initialized(): Promise<string> {
  template ??= (async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'clm-init-'));
    const init = await runCli(['init', folder]);
    if (init.code !== 0) throw new Error(init.err);
    return folder;
  })();
  return template;
}

/** After the last test: removes what was kept for all of them. */
export async function removeTemplate(): Promise<void> {
  const folder = await template;
  template = undefined;
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

export async function daemonFolder(clusters: number): Promise<DaemonFolder> {
  const shipped = await initialized();
  const folder = mkdtempSync(path.join(tmpdir(), 'clm-daemon-'));
  cpSync(shipped, folder, { recursive: true });
  const write = (file: string, text: string): void => writeFileSync(path.join(folder, file), text);
  const configFile = path.join(folder, 'clm.yaml');
  write('infrastructure-accounts.yaml', accountsFile);
  for (let number = 1; number <= clusters; number++)
    write(`clusters/${number}.yaml`, clusterFile(number, number === 1 ? 'dev' : 'alpha'));
  write(
    'clm.yaml',
    `configRepository: {url: config.git, pollInterval: 1s}
registry: {path: clusters}
accounts: infrastructure-accounts.yaml
pipeline: pipeline.yaml
api: {metricsListen: '127.0.0.1:0'}
shutdownGrace: 2s
`,
  );
  return {
    path: folder,
    configFile,
    config: () => {
      const { config, problems } = loadDaemonConfig(configFile, {});
      if (config === undefined) throw new Error(JSON.stringify(problems));
      return config;
    },
    write,
    git: (...args) =>
      execFileSync('git', ['--git-dir', path.join(folder, 'config.git'), ...args], { encoding: 'utf8' }).trim(),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface RunningDaemon {
  addresses: { socket: string; metricsPort?: number };
  /** As SIGTERM would. */
  stop(): Promise<DaemonEnd>;
}

/** Resolves when its API answers; rejects when it cannot start. */
export function startDaemon(folder: DaemonFolder, onStandby?: () => void): Promise<RunningDaemon> {
  const end = new AbortController();
  return new Promise((resolve, reject) => {
    const ended = runDaemon(folder.config(), {
      signal: end.signal,
      log: silentLogger(),
      version: '1.2.3',
      environment: {},
      ...(onStandby === undefined ? {} : { onStandby }),
      onLeading: (addresses) =>
        resolve({
          addresses,
          stop: () => {
            end.abort();
            return ended;
          },
        }),
    });
    ended.catch(reject);
  });
}
