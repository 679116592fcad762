/** `clm init`: everything that a first `clm validate` and `clm daemon` need. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { parsePipeline } from '../../sources/pipeline/parse-pipeline.ts';
import { projectRoot } from '../../support/project.ts';
import type { CommandContext } from '../command.ts';
import { badInput } from '../exit.ts';

const run = promisify(execFile);
const shipped = `${projectRoot}channels/`;

export async function runInit(folder: string, { io }: CommandContext): Promise<void> {
  const target = path.resolve(folder);
  const places = {
    configuration: path.join(target, 'clm.yaml'),
    repository: path.join(target, 'config.git'),
    pipeline: path.join(target, 'pipeline.yaml'),
    clusters: path.join(target, 'clusters'),
    accounts: path.join(target, 'infrastructure-accounts.yaml'),
  };
  const inTheWay = Object.values(places).filter((place) => existsSync(place));
  if (inTheWay.length > 0) {
    throw badInput(
      'nothing was written',
      inTheWay.map((place) => ({
        file: place,
        message: 'is there already',
        remedy: 'choose another folder: clm init FOLDER',
      })),
    );
  }
  const pipelineText = readFileSync(path.join(shipped, 'pipeline.yaml'), 'utf8');
  const parsed = parsePipeline('pipeline.yaml', pipelineText);
  if (!parsed.ok) throw badInput('the shipped pipeline is broken', parsed.problems);
  mkdirSync(places.clusters, { recursive: true });
  await seedRepository(
    places.repository,
    parsed.pipeline.channels.map((channel) => channel.branch),
  );
  writeFileSync(places.pipeline, withoutSchemaLine(pipelineText));
  writeFileSync(path.join(places.clusters, 'README.md'), clustersReadme);
  writeFileSync(places.accounts, accountsText);
  writeFileSync(places.configuration, configurationText);
  const shown = path.relative(process.cwd(), target) || '.';
  io.out(
    [
      `${path.join(shown, 'config.git')}  the configuration repository: branches ${parsed.pipeline.channels.map((one) => one.branch).join(', ')}`,
      `${path.join(shown, 'pipeline.yaml')}  channels, waves, soak times`,
      `${path.join(shown, 'clusters')}  one file a cluster; see its README.md`,
      `${path.join(shown, 'infrastructure-accounts.yaml')}  the accounts that they live in`,
      `${path.join(shown, 'clm.yaml')}  the daemon's settings`,
      '',
      `Next: cd ${shown}, describe a cluster and its account, then: clm validate, clm daemon, clm adopt`,
      '',
    ].join('\n'),
  );
}

/** A bare repository with one branch a channel, all at one first commit. */
async function seedRepository(bare: string, branches: string[]): Promise<void> {
  const work = mkdtempSync(path.join(tmpdir(), 'clm-init-'));
  const git = (cwd: string, ...args: string[]) =>
    run('git', ['-c', 'commit.gpgsign=false', '-c', 'core.hooksPath=/dev/null', ...args], { cwd });
  try {
    await git(work, 'init', '-q', '-b', 'main');
    cpSync(path.join(shipped, 'cluster'), path.join(work, 'cluster'), { recursive: true });
    await git(work, 'add', '-A');
    const author = ['-c', 'user.name=clm', '-c', 'user.email=clm@localhost'];
    await git(work, ...author, 'commit', '-q', '-m', 'Start the channel configuration');
    await git(work, 'init', '-q', '--bare', '-b', branches[0] ?? 'main', bare);
    for (const branch of branches) await git(work, 'push', '-q', bare, `HEAD:refs/heads/${branch}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The line that names a schema is relative to the project it was shipped in. */
function withoutSchemaLine(text: string): string {
  return text.replace(/^# yaml-language-server:.*\n/, '');
}

const accountsText = `# The accounts that clusters live in. Only those listed here are ever touched.
infrastructure_accounts: []
#  - id: "aws:123456789012"
#    type: aws
#    name: my-account
#    owner: my-team
#    cost_center: "0000"
#    environment: test
#    criticality_level: 1
#    external_id: "123456789012"
#    lifecycle_status: ready
#    # the role that the daemon takes before it touches anything there
#    assume_role_arn: arn:aws:iam::123456789012:role/cluster-lifecycle-manager
`;

const clustersReadme = `# One file a cluster

    id: "aws:123456789012:eu-central-1:kube-1"
    alias: my-cluster
    local_id: kube-1
    infrastructure_account: "aws:123456789012"
    region: eu-central-1
    provider: zalando-aws
    api_server_url: https://kube-1.my-cluster.example.org
    channel: dev
    environment: test
    criticality_level: 1
    lifecycle_status: ready
    config_items:
      vpc_id: vpc-0123456789abcdef0
      subnets: "eu-central-1a=subnet-0a,eu-central-1b=subnet-0b,eu-central-1c=subnet-0c"
    node_pools:
      - name: default-master
        profile: master-default
        instance_types: [m5.large]
        discount_strategy: none
        min_size: 1
        max_size: 2
        config_items: {}
      - name: default-worker
        profile: worker-default
        instance_types: [m5.large]
        discount_strategy: none
        min_size: 3
        max_size: 9
        config_items: {}

\`clm validate\` says what is wrong with a file, and renders every cluster.
`;

const configurationText = `# Settings of the clm daemon. Any of them may come from the environment instead: configRepository.url is
# CLM_CONFIG_REPOSITORY_URL. Relative paths are relative to this file.

# Where the daemon keeps its database, its mirror of the repository and its API socket.
stateDir: .clm

# The configuration repository: one branch a channel.
configRepository:
  url: config.git
  # Folder of the channel configuration in it.
  path: cluster
  pollInterval: 30s
  # Whose commits count for channels with signatures: required; lines as of ssh: jo@example.org namespaces="git" ssh-ed25519 AAAA…
  # allowedSigners: allowed-signers
  # Signs the records of branch moves (clm audit verify): a private ssh key without passphrase; its public half belongs into
  # allowedSigners: clm@example.org namespaces="clm-evidence" ssh-ed25519 AAAA…
  # signingKey: evidence-key

# The clusters, one file each (kind: file for one file with all of them).
registry:
  kind: directory
  path: clusters
  # Or a service, which also learns how far each cluster is; accounts come from it too.
  # kind: http
  # url: https://registry.example.org
  # tokenFile: /var/run/secrets/clm/registry-token   # read again at every request

accounts: infrastructure-accounts.yaml

# Channels, waves and gates: a file here, or {repositoryFile: pipeline.yaml, branch: dev} for one in the repository.
pipeline: pipeline.yaml

# store: sqlite:.clm/clm.db

concurrency:
  # Steps under way at once.
  steps: 32
  # Clusters in flight at once, whatever the pipeline says.
  clusters: 40
  # nodes that boot at once over the fleet: they pull from one registry
  boots: 100

api:
  # socket: .clm/clm.sock
  # /metrics and /healthz; off turns them off.
  metricsListen: 127.0.0.1:9095

providers:
  aws: {}
  #   roleName: cluster-lifecycle-manager   # taken in each account that names no assume_role_arn
  #   endpoint: https://aws.internal.example
  kubernetes: {}
  #   kubeconfig: ~/.kube/fleet             # one context a cluster, named by its id
  #   tokenFile: /var/run/secrets/clm/token # with the api_server_url of each cluster
  #   urlTemplate: https://gateway.example/clusters/{id}

logLevel: info
`;
