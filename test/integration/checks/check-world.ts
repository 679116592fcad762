/** The check runner on a simulated cluster in this process, under a virtual clock. */
import type { CheckDefinition } from '../../../src/checks/contract.ts';
import { profiles } from '../../../src/checks/profiles.ts';
import { createCheckRunner } from '../../../src/checks/runner.ts';
import type { CheckLedger, CheckResult, CheckRunner, CheckRunRequest } from '../../../src/ports/check-runner.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import { createClusterSessions } from '../../../src/providers/session/create-cluster-sessions.ts';
import { createSimulatedConnections } from '../../../src/providers/simulated/simulated-world.ts';
import type { KubeModel } from '../../../src/simulator/model/kube/kube-model.ts';
import type { KubeOptions } from '../../../src/simulator/model/kube/options.ts';
import type { World } from '../../../src/simulator/model/world.ts';
import { yieldToEventLoop } from '../../../src/support/deadline.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { contractAccount, contractRegion, makeContractWorld } from '../../support/contract/contract-world.ts';
import { memoryLedger } from '../../support/memory-ledger.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

const turns = 40;
const longestRunMs = 6 * 3_600_000;
const bootMs = 10 * 60_000;

export const runId = 'e2e:update:dev:c0ffee:kube-1:1:1/0';

export class CheckWorld {
  readonly world: World;
  readonly kube: KubeModel;
  readonly cluster = structuredClone(sampleCluster);
  /** Survives every runner, as the store does. */
  readonly ledger = memoryLedger();
  /** Files that checks kept: `check/name`. */
  readonly artifacts = new Map<string, string>();

  private constructor(nodes: number, kube: Partial<KubeOptions>) {
    this.world = makeContractWorld({ seed: 7, startMs: Date.UTC(2026, 0, 1), nodes, kube });
    this.kube = this.world.kube(sampleCluster.id);
  }

  /** A cluster whose nodes and system workloads are ready. */
  static async create(nodes = 4, kube: Partial<KubeOptions> = {}): Promise<CheckWorld> {
    const world = new CheckWorld(nodes, kube);
    world.kube.seed([systemDeployment('coredns', 'coredns:1'), dnsService]);
    await world.pass(bootMs);
    return world;
  }

  /** A runner as a daemon has one; several one after another are restarts. */
  runner(
    extra: Record<string, CheckDefinition[]> = {},
    parts: { ledger?: CheckLedger; wrap?: (kube: KubeCluster) => KubeCluster } = {},
  ): { runner: CheckRunner; kill(): Promise<void> } {
    const { world } = this;
    const connections = createSimulatedConnections({ world, userAgent: 'clm/checks' });
    const wrap = parts.wrap ?? ((kube: KubeCluster) => kube);
    const sessions = createClusterSessions({
      ...connections,
      connectKube: (cluster) => wrap(connections.connectKube(cluster)),
      clusterOf: () => this.cluster,
      clock: world.clock,
      wall: world.clock,
      random: seededRandom(1),
      log: silentLogger(),
      idleReleaseMs: 3_600_000,
    });
    const runner = createCheckRunner({
      sessions,
      clusterOf: (id) => (id === this.cluster.id ? this.cluster : undefined),
      clock: world.clock,
      profiles: { ...profiles, ...extra },
      ledger: parts.ledger ?? this.ledger,
      artifacts: {
        write: async (_run, check, name, content) => {
          this.artifacts.set(`${check}/${name}`, Buffer.from(content).toString('utf8'));
        },
      },
      log: silentLogger(),
    });
    return { runner, kill: () => sessions.close() };
  }

  request(parts: Partial<CheckRunRequest> = {}): CheckRunRequest {
    return { runId, clusterId: this.cluster.id, profile: 'smoke', finished: [], ...parts };
  }

  /** Runs a profile to its end; results by check. */
  async run(
    parts: Partial<CheckRunRequest> = {},
    extra: Record<string, CheckDefinition[]> = {},
  ): Promise<Record<string, CheckResult>> {
    const { runner, kill } = this.runner(extra);
    const state = runner.ensure(this.request(parts), () => {});
    await this.until('the run is over', () => state.done);
    await kill();
    return Object.fromEntries(state.results.map((result) => [result.check, result]));
  }

  /** Whatever carries a run's label now, of every kind that a check makes. */
  leftBehind(): string[] {
    const kinds = [
      'namespaces',
      'pods',
      'services',
      'persistentvolumes',
      'persistentvolumeclaims',
      'deployments.apps',
      'validatingwebhookconfigurations.admissionregistration.k8s.io',
      'clusterrolebindings.rbac.authorization.k8s.io',
      'horizontalpodautoscalers.autoscaling',
      'poddisruptionbudgets.policy',
      'jobs.batch',
      'statefulsets.apps',
      'daemonsets.apps',
      'ingresses.networking.k8s.io',
      'networkpolicies.networking.k8s.io',
      'configmaps',
      'serviceaccounts',
    ];
    const ours = (name: string, object: { metadata: { labels?: Record<string, string> } }): boolean =>
      ![undefined, '00000000'].includes(object.metadata.labels?.['clm.e2e/run']) ||
      (name.includes('clm-e2e-') && !name.includes('-00000000-'));
    return kinds.flatMap((kind) =>
      [...this.kube.truth().objects(kind)]
        .filter(([name, object]) => ours(name, object))
        .map(([name]) => `${kind}/${name}`),
    );
  }

  /** A call of the cluster's own account and region. */
  cloud(service: 'autoscaling' | 's3', action: string, params: Record<string, unknown>): Record<string, unknown> {
    const reply = this.world.aws.handle({ account: contractAccount, region: contractRegion, service, action, params });
    if (!reply.ok) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
    return reply.result;
  }

  createBucket(name: string): void {
    this.cloud('s3', 'CreateBucket', { Bucket: name });
  }

  resizeGroup(limits: { MinSize?: number; MaxSize?: number }): void {
    this.cloud('autoscaling', 'UpdateAutoScalingGroup', { AutoScalingGroupName: 'workers', ...limits });
  }

  tagGroup(key: string, value: string): void {
    const about = { ResourceId: 'workers', ResourceType: 'auto-scaling-group', PropagateAtLaunch: true };
    this.cloud('autoscaling', 'CreateOrUpdateTags', { Tags: [{ ...about, Key: key, Value: value }] });
  }

  patchNode(name: string, body: object, subresource?: string): void {
    const tail = subresource === undefined ? '' : `/${subresource}`;
    const answer = this.kube.handle({
      method: 'PATCH',
      path: `/api/v1/nodes/${name}${tail}`,
      query: new URLSearchParams(),
      contentType: 'application/merge-patch+json',
      body,
    });
    if (answer.status !== 200)
      throw new Error(`patch of node ${name}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  nodeNames(): string[] {
    return [...this.kube.truth().nodes.keys()];
  }

  /** Does something once so many objects of a kind are there whose key has the text in it. */
  when(text: string, kind: string, count: number, act: () => void): void {
    const look = (): void => {
      const found = [...this.kube.truth().objects(kind).keys()].filter((key) => key.includes(text));
      if (found.length >= count) act();
      else this.world.clock.at(this.world.clock.now() + 250, look);
    };
    look();
  }

  label(node: string, labels: Record<string, string>): void {
    const found = this.kube.truth().nodes.get(node) as unknown as { metadata: { labels?: object } };
    const metadata = { ...found.metadata, labels: { ...found.metadata.labels, ...labels } };
    this.kube.seed([{ apiVersion: 'v1', kind: 'Node', ...found, metadata }]);
  }

  annotate(node: string, annotations: Record<string, string>): void {
    const found = this.kube.truth().nodes.get(node) as unknown as { metadata: object };
    this.kube.seed([{ apiVersion: 'v1', kind: 'Node', ...found, metadata: { ...found.metadata, annotations } }]);
  }

  /** Namespaces of checks that are there now. */
  sandboxes(): string[] {
    return [...this.kube.truth().objects('namespaces').keys()].filter((name) => name.includes('clm-e2e-'));
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    const { clock } = this.world;
    const end = clock.now() + longestRunMs;
    for (;;) {
      await settle();
      if (condition()) return;
      const next = clock.nextAt();
      if (next === undefined || next > end) throw new Error(`never came true: ${what}`);
      clock.advanceTo(next);
    }
  }

  async pass(ms: number): Promise<void> {
    const end = this.world.clock.now() + ms;
    this.world.clock.at(end, () => {});
    await this.until(`${ms} ms passed`, () => this.world.clock.now() >= end);
  }
}

export const dnsService = {
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
};

/** Promises go on for as long as they can without time passing. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  await yieldToEventLoop();
}

export function systemDeployment(name: string, image: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'kube-system' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'server', image }] } },
    },
  };
}
