/** The sample configuration applied to a served world through the real clients: once, and then again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stage, setUpStage } from '../../../src/cli/demo/stage.ts';
import { accountNumber } from '../../../src/domain/cluster.ts';
import type { ClusterUpdateState } from '../../../src/domain/cluster-update.ts';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import type { ClusterSessions } from '../../../src/ports/cluster-session.ts';
import { type AwsClients, createAwsClients } from '../../../src/providers/aws/aws-clients.ts';
import { connectAws } from '../../../src/providers/aws/connect-aws.ts';
import { connectKube } from '../../../src/providers/kube/connect-kube.ts';
import { createClusterSessions } from '../../../src/providers/session/create-cluster-sessions.ts';
import { sleep } from '../../../src/support/deadline.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { bench, output } from '../../support/pipeline/update-bench.ts';

const phases = [
  ['etcdStack', 'apply-stacks'],
  ['etcdRoll', 'roll-etcd'],
  ['clusterStack', 'apply-stacks'],
  ['controlPlaneStacks', 'apply-stacks'],
  ['workerStacks', 'apply-stacks'],
  ['preDeletions', 'delete-objects'],
  ['manifests', 'apply-manifests'],
  ['postDeletions', 'delete-objects'],
] as const;
const reads = /^(Describe|Detect|Get|List|Head)/;

describe('the sample configuration, applied over the wire', { timeout: 240_000 }, () => {
  let directory: string;
  let stage: Stage;
  let clients: AwsClients;
  let sessions: ClusterSessions;
  /** Everything that was asked of the world, as `PATCH /api/…` or `CreateStack`. */
  const calls: string[] = [];
  const mutations = (): string[] => calls.filter((call) => !reads.test(call) && !call.startsWith('GET '));

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'clm-applied-'));
    stage = await setUpStage({ directory, clusters: 1, speed: 600, seed: 'applied', say: () => {} });
    const { world, served, members } = stage;
    const aws = world.aws.handle.bind(world.aws);
    world.aws.handle = (request) => {
      calls.push(request.action);
      return aws(request);
    };
    for (const { cluster } of members) {
      const kube = world.kube(cluster.id);
      const handle = kube.handle.bind(kube);
      kube.handle = (request) => {
        calls.push(`${request.method} ${request.path}`);
        return handle(request);
      };
    }
    const [account = ''] = members.map(({ cluster }) => accountNumber(cluster.infrastructureAccount));
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: `AKIA${account}`, AWS_SECRET_ACCESS_KEY: 'any' });
    clients = createAwsClients({ endpoint: served.awsEndpoint, userAgentSuffix: 'clm/test' });
    sessions = createClusterSessions({
      connectKube: ({ id }) =>
        connectKube({
          cluster: id,
          access: { kind: 'server', server: served.kubeUrl(id), token: 'any' },
          userAgent: 'clm/test',
        }),
      connectCloud: (cluster) =>
        connectAws({ clients, account: accountNumber(cluster.infrastructureAccount), region: cluster.region }),
      clusterOf: (id) => members.find(({ cluster }) => cluster.id === id)?.cluster,
      clock: stage.clock,
      random: seededRandom(1),
      log: silentLogger(),
      idleReleaseMs: 600_000,
    });
  }, 240_000);
  afterAll(async () => {
    await sessions?.close();
    clients?.close();
    await stage?.served.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** All phases that touch stacks and objects, each until it is done. `units` = what the plan says has changed. */
  async function update(at: ReturnType<typeof bench>, rendered: RenderedCluster): Promise<void> {
    const plan = {
      ...at.plan,
      digest: rendered.digest,
      stacks: rendered.stacks.map((stack) => stack.name),
      components: rendered.components.map((component) => component.name),
    };
    let kept: Partial<ClusterUpdateState> = { plan };
    for (const [state, step] of phases) {
      for (let pass = 0; ; pass += 1) {
        if (pass > 200) throw new Error(`${state} does not end`);
        const outcome = await at.run(step, state, kept);
        if (outcome.kind === 'failed') throw new Error(outcome.failure.message);
        const progress = (
          outcome.kind === 'waiting' ? outcome.progress : output(outcome)
        ) as Partial<ClusterUpdateState>;
        kept = {
          ...kept,
          stacks: { ...kept.stacks, ...progress.stacks },
          ...(progress.components === undefined ? {} : { components: progress.components }),
        };
        if (outcome.kind === 'done' && output(outcome).kind === 'next') break;
        await sleep(50);
      }
    }
  }

  it('sends no mutation the second time, and nothing at all once it is recorded', async () => {
    const [member] = stage.members;
    if (member === undefined) throw new Error('the stage has no cluster');
    const { cluster, rendered } = member;
    const at = bench(rendered, {}, { cluster, sessions });
    await update(at, rendered);
    expect(mutations().some((call) => call.startsWith('PATCH '))).toBe(true);
    expect(mutations()).not.toContain('UpdateStack');

    // nothing is known of what was applied, as after a lost database: change sets are made and thrown away
    calls.length = 0;
    await update(at, rendered);
    expect(new Set(mutations())).toEqual(new Set(['CreateChangeSet', 'DeleteChangeSet']));

    // what is recorded is compared by digest
    calls.length = 0;
    at.facts.set(`cluster/${cluster.id}`, { digest: rendered.digest });
    const outcome = await at.run('plan-update', 'rendering');
    expect(output(outcome).kind).toBe('noop');
    expect(calls).toEqual([]);
  });
});
