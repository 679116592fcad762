/** A whole cluster update in this process: the engine, its real steps and the real checks, on a simulated cloud and cluster. */
import { profiles } from '../../src/checks/profiles.ts';
import { createCheckRunner } from '../../src/checks/runner.ts';
import type { Cluster } from '../../src/domain/cluster.ts';
import type { ClusterUpdateInput } from '../../src/domain/cluster-update.ts';
import type { E2eGatePolicy } from '../../src/domain/pipeline.ts';
import type { RenderedCluster } from '../../src/domain/rendered.ts';
import { clusterUpdateModule } from '../../src/machines/cluster-update/versions.ts';
import { e2eRunModule } from '../../src/machines/e2e-run/versions.ts';
import type { HttpClient } from '../../src/ports/http-client.ts';
import type { Json, Store } from '../../src/ports/store.ts';
import { createSimulatedHttp } from '../../src/providers/simulated/simulated-http.ts';
import type { WorldEvent } from '../../src/simulator/model/seams.ts';
import { createPipelineSteps } from '../../src/steps/create-pipeline-steps.ts';
import { createCheckSteps } from '../../src/steps/e2e/run-checks.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { seededRandom } from '../../src/support/random.ts';
import { ScriptedSource } from './pipeline/scripted-source.ts';
import { clusterId, type DaemonParts, type RollDaemon, type RollWorld, startDaemon } from './roll-world.ts';

export const commit = 'c1'.padEnd(40, '0');
export const updateId = updateIdOf(1);

export function updateIdOf(attempt: number): string {
  return `update:dev:${commit}:${clusterId}:${attempt}`;
}

/** What runs in every cluster that resolves names. */
export const dnsAddon: object[] = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'coredns', namespace: 'kube-system' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'coredns' } },
      template: {
        metadata: { labels: { app: 'coredns' } },
        spec: { containers: [{ name: 'dns', image: 'coredns:1' }] },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: {
      clusterIP: '172.20.0.10',
      selector: { app: 'coredns' },
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    },
  },
];

/** Something happens to every node that joins from now on. */
export function onNewNodes(roll: RollWorld, act: (node: string) => void): void {
  roll.world.subscribe((event: WorldEvent) => {
    if (event.kind === 'node-added') act(event.node);
  });
}

/** A daemon that can bring the cluster to `commit`, which renders to new nodes for these pools. */
export async function startUpdateDaemon(
  roll: RollWorld,
  pools: string[],
  parts: {
    store?: Store;
    others?: readonly Cluster[];
    /** What the commit renders to instead. */
    rendered?: () => RenderedCluster;
    wrapKube?: DaemonParts['wrapKube'];
    wrapCloud?: DaemonParts['wrapCloud'];
    lease?: DaemonParts['lease'];
    wrapHttp?: (http: HttpClient) => HttpClient;
  } = {},
): Promise<RollDaemon> {
  const { world, cluster } = roll;
  const clusters = [cluster, ...(parts.others ?? [])];
  const clusterOf = (id: string): Cluster | undefined => clusters.find((one) => one.id === id);
  const source = new ScriptedSource();
  source.branches.set('dev', source.add('c1', {}, undefined));
  const http = createSimulatedHttp(world, 'clm/test');
  const render = parts.rendered ?? (() => renderedWith(pools));
  return startDaemon(roll, {
    ...(parts.store === undefined ? {} : { store: parts.store }),
    ...(parts.wrapKube === undefined ? {} : { wrapKube: parts.wrapKube }),
    ...(parts.wrapCloud === undefined ? {} : { wrapCloud: parts.wrapCloud }),
    ...(parts.lease === undefined ? {} : { lease: parts.lease }),
    clusterOf,
    more: ({ sessions, store, wake }) => {
      const runner = createCheckRunner({
        sessions,
        clusterOf,
        clock: world.clock,
        profiles,
        ledger: store.e2e,
        log: silentLogger(),
      });
      return {
        machines: [clusterUpdateModule, e2eRunModule],
        steps: {
          ...createPipelineSteps({
            source,
            registry: () => ({ clusters, accounts: [], problems: [] }),
            pipeline: () => ({ channels: [], maxParallel: 10, evidenceMaxAgeMs: 86_400_000 }),
            render: async () => ({ ok: true, rendered: render() }),
            http: parts.wrapHttp?.(http) ?? http,
            sessions,
            store,
            clock: world.clock,
            random: seededRandom('update'),
            wake,
            log: silentLogger(),
          }),
          ...createCheckSteps({
            runner,
            wake,
            history: store.e2e,
            about: async () => ({ request: {}, provider: 'aws', region: cluster.region, environment: 'test' }),
            runnerVersion: '0.0.0',
          }),
        },
      };
    },
  });
}

function renderedWith(pools: string[]): RenderedCluster {
  return {
    clusterId,
    commit,
    digest: 'new',
    stacks: [],
    components: [],
    pools: pools.map((name) => ({
      name,
      profile: 'worker-default',
      controlPlane: false,
      stackName: `nodepool-${name}`,
      digest: 'new',
    })),
    karpenterPools: [],
    deletions: { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] },
  };
}

/** Starts the update as a rollout does. */
export async function startUpdate(
  daemon: RollDaemon,
  e2eProfile: string,
  e2eGate: E2eGatePolicy,
  attempt = 1,
): Promise<void> {
  const input: ClusterUpdateInput = {
    clusterId,
    channel: 'dev',
    commit,
    tree: 'tree',
    rolloutId: `rollout:dev:${commit}`,
    attempt,
    policy: {
      e2eProfile,
      e2eGate,
      blockLimitMs: 1_800_000,
      progressDeadlineMs: 6 * 3_600_000,
      channelMaxParallel: 1,
      fleetMaxParallel: 1,
    },
  };
  const about = { channel: 'dev', cluster: clusterId, commit };
  await daemon.engine.post({
    to: input.rolloutId,
    event: { type: 'START', input: {} },
    start: { machine: 'listener', parent: null, ...about },
    key: `start rollout ${attempt}`,
  });
  await daemon.engine.post({
    to: updateIdOf(attempt),
    event: { type: 'START', input: input as unknown as Json },
    start: { machine: 'clusterUpdate', parent: input.rolloutId, ...about },
    key: `start update ${attempt}`,
  });
}
