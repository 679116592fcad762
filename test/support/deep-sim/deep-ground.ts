/** Clusters of the simulator's model under a pipeline: real sessions, stacks, manifests, rolls and evictions, judged from the truth. */
import { accountNumber, type Cluster } from '../../../src/domain/cluster.ts';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import type { Engine } from '../../../src/engine/engine-options.ts';
import { nodePoolRollModule } from '../../../src/machines/node-pool-roll/versions.ts';
import { policyOfCluster } from '../../../src/planning/roll/cluster-policy.ts';
import { rollOverridesOf } from '../../../src/planning/roll/overrides.ts';
import type { ClusterSessions } from '../../../src/ports/cluster-session.ts';
import { createClusterSessions } from '../../../src/providers/session/create-cluster-sessions.ts';
import { connectSimulatedAws, connectSimulatedKube } from '../../../src/providers/simulated/connect-simulated.ts';
import { InvariantWatch } from '../../../src/simulator/invariants/checker.ts';
import { endInvariants, endStateOf, type RollEnd } from '../../../src/simulator/invariants/end-invariants.ts';
import { programOf, takeBaselines } from '../../../src/simulator/invariants/limits.ts';
import { nodeInvariants } from '../../../src/simulator/invariants/node-invariants.ts';
import { truthOf } from '../../../src/simulator/invariants/world-truth.ts';
import type { Actor, WorldEvent } from '../../../src/simulator/model/seams.ts';
import { World } from '../../../src/simulator/model/world.ts';
import { bootsKind, readBootRecords } from '../../../src/steps/roll/boot-records.ts';
import { bootSlot } from '../../../src/steps/roll/boot-slots.ts';
import { createRollSteps } from '../../../src/steps/roll/create-roll-steps.ts';
import { historyKey, historyKind, readHistory, readStops, stopsKind } from '../../../src/steps/roll/measurements.ts';
import type { VirtualClock } from '../../../src/support/clock.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { type Random, seededRandom } from '../../../src/support/random.ts';
import { crashing, crashingKube } from '../crashing-ports.ts';
import type { Ground, Life, LifeParts, SessionParts } from '../pipeline/ground.ts';
import { contentFor } from '../pipeline/scripted-render.ts';
import type { CommitContent } from '../pipeline/scripted-source.ts';
import { KubeGate } from '../roll-sim/kube-gate.ts';
import { limitsFor } from '../roll-sim/limits-for.ts';
import { others } from '../roll-sim/people.ts';
import type { Scenario } from '../roll-sim/scenario.ts';
import { drawWorkloads, storageClass, type Workload } from '../roll-sim/workloads.ts';
import { daemonSet } from '../roll-world.ts';
import { type DeepPool, groupName, imageOf, renderDeep } from './deep-render.ts';
import { lookingRunner } from './looking-runner.ts';

const minute = 60_000;
/** Nodes of the fleet that may boot at once. */
const bootLimit = 20;
/** A leap of time. */
const farAhead = minute;

/** One cluster, as what goes wrong with it sees it. */
export interface DeepCluster {
  cluster: Cluster;
  pools: DeepPool[];
  workloads: Workload[];
  gate: KubeGate;
}

export interface DeepGroundOptions {
  seed: string;
  startsAt: number;
  /** Faults of the cloud, the API and nodes that may strike, by their names in the roll simulation: what they excuse. */
  faults: string[];
}

export class DeepGround implements Ground {
  readonly world: World;
  readonly clock: VirtualClock;
  readonly restMs = 30 * minute;
  readonly clusters = new Map<string, DeepCluster>();
  /** Nodes that clm ended, and pods that it evicted. */
  replaced = 0;
  evictions = 0;
  /** Hears every event of the world. */
  onEvent: (event: WorldEvent) => void = () => {};
  /** Trouble that a commit was given on a cluster. */
  planted: (clusterId: string, runId: string) => string | undefined = () => undefined;
  /** What the checks of a run are for, by the commit's content. */
  contentOf: (commit: string) => CommitContent | undefined = () => undefined;
  readonly #options: DeepGroundOptions;
  readonly #random: Random;
  #watch: InvariantWatch | undefined;
  #before = new Map<string, unknown>();
  #lives = 0;

  constructor(options: DeepGroundOptions) {
    this.#options = options;
    this.#random = seededRandom(`deep/${options.seed}`);
    this.world = new World({ seed: options.seed, startMs: options.startsAt });
    this.clock = this.world.clock;
  }

  // ---- the clusters ----

  added(cluster: Cluster): void {
    const { id, region } = cluster;
    const random = this.#random.fork(id);
    const masters = random.next() < 0.6 ? 1 : 3;
    const workers = 2 + random.int(masters === 1 ? 4 : 3);
    const pools: DeepPool[] = [
      { name: 'masters', nodes: masters, controlPlane: true, spot: false },
      { name: 'workers', nodes: workers, controlPlane: false, spot: random.next() < 0.3 },
    ];
    const { workloads } = drawWorkloads(random.fork('workloads'), { nodes: workers, pools: ['workers'] });
    this.clusters.set(id, { cluster, pools, workloads, gate: new KubeGate(this.clock, random.fork('gate')) });
    this.world.addCluster({ id, account: accountNumber(cluster.infrastructureAccount), region });
  }

  render(cluster: Cluster, commit: string, content: CommitContent): RenderedCluster {
    return renderDeep(cluster, this.clusters.get(cluster.id)?.pools ?? [], commit, content);
  }

  async settle(cluster: Cluster, rendered: RenderedCluster): Promise<void> {
    for (const stack of rendered.stacks) {
      this.cloud(cluster, 'CreateStack', {
        StackName: stack.name,
        TemplateBody: stack.template,
        EnableTerminationProtection: true,
        Tags: Object.entries(stack.tags).map(([Key, Value]) => ({ Key, Value })),
      });
    }
    const objects = rendered.components.flatMap((component) => component.objects);
    this.world.kube(cluster.id).seed([...objects, daemonSet('kube-proxy')], 'setup');
  }

  /** Stacks come up, teams put their workloads there, and from here on every event is judged. */
  async rest(): Promise<void> {
    this.world.advanceTo(this.clock.now() + 30 * minute);
    for (const { cluster, workloads } of this.clusters.values())
      this.world.kube(cluster.id).seed([storageClass, ...workloads.flatMap((one) => one.objects)], 'team');
    this.world.advanceTo(this.clock.now() + 15 * minute);
    for (const [id, { pools }] of this.clusters) {
      const nodes = this.world.kube(id).truth().nodes.size;
      const wanted = pools.reduce((sum, pool) => sum + pool.nodes, 0);
      if (nodes !== wanted) throw new Error(`${id} came up with ${nodes} nodes instead of ${wanted}`);
    }
    this.#judgeFromHere();
  }

  /** A call of somebody else than clm. */
  cloud(cluster: Cluster, action: string, params: Record<string, unknown>): void {
    const account = accountNumber(cluster.infrastructureAccount);
    const { region } = cluster;
    const call = { account, region, service: 'cloudformation' as const, action, params, userAgent: 'scenario' };
    const reply = this.world.aws.handle(call);
    if (!reply.ok) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
  }

  // ---- a life of the daemon ----

  sessions({ time, seed, point }: SessionParts): ClusterSessions {
    const { world } = this;
    const userAgent = `clm/sim epoch/${this.#lives}`;
    return createClusterSessions({
      connectKube: ({ id }) => {
        const model = world.kube(id);
        const gate = this.#clusterOf(id).gate;
        const api = gate.apiOf({
          apiReachable: () => model.apiReachable(),
          handle: (request) => {
            this.#heard(id, 'kube', userAgent, `${request.method} ${request.path}`, request.method !== 'GET');
            return model.handle(request);
          },
          watch: (request, sink) => model.watch(request, sink),
        });
        const loses: KubeGate['loses'] = (call) => gate.loses(call);
        const kube = connectSimulatedKube({ cluster: id, api, userAgent, loses });
        return point === undefined ? kube : crashingKube(kube, point);
      },
      connectCloud: ({ id, infrastructureAccount, region }) => {
        const api: { handle: World['aws']['handle'] } = {
          handle: (request) => {
            const { action } = request;
            this.#heard(id, 'cloud', userAgent, action, !/^(Describe|Detect|Get|List)/.test(action));
            return world.aws.handle(request);
          },
        };
        const cloud = connectSimulatedAws({ account: accountNumber(infrastructureAccount), region, userAgent, api });
        return point === undefined ? cloud : crashing(cloud, point);
      },
      clusterOf: (id) => this.clusters.get(id)?.cluster,
      clock: time,
      wall: this.clock,
      random: seededRandom(`${this.#options.seed}/sessions/${seed}`),
      log: silentLogger(),
      idleReleaseMs: 3_600_000,
    });
  }

  live(parts: LifeParts): Life {
    this.#lives += 1;
    const { store, time: clock, seed, wake } = parts;
    const sessions = this.sessions(parts);
    const clusterOf = (id: string): Cluster | undefined => this.clusters.get(id)?.cluster;
    const steps = createRollSteps({
      sessions,
      clock,
      random: seededRandom(`${this.#options.seed}/steps/${seed}`),
      wake,
      log: silentLogger(),
      clusterOf,
      policyOf: (id) => policyOfCluster(clusterOf(id)),
      fleet: {
        bootLimit,
        booting: () => store.slotHolders(bootSlot),
        historyOf: async (cluster, pool) =>
          readHistory((await store.fact(historyKind, historyKey(cluster, pool)))?.value),
        bootRecords: async (prefix) => readBootRecords(await store.facts(bootsKind, prefix)),
        stopsOf: async (cluster) => readStops((await store.fact(stopsKind, cluster))?.value),
      },
      overridesOf: async (id) => rollOverridesOf(await store.facts('override'), id),
    });
    return {
      sessions,
      steps,
      machines: [nodePoolRollModule],
      runner: lookingRunner((id, runId) => this.#look(id, runId), this.clock),
      stop: async (engine: Engine) => {
        await sessions.close();
        // what it is in the middle of may wait for time that does not pass
        void engine.stop().catch(() => {});
      },
    };
  }

  /** Steps may wait for time to pass (a call that is tried again): they are given turns, and not waited for. */
  async settled(engine: Engine | undefined): Promise<void> {
    const next = this.clock.nextAt();
    const leap = next === undefined || next - this.clock.now() > farAhead;
    for (let quiet = 0, turns = 0; quiet < (leap ? 3 : 1) && turns < 50; turns += 1) {
      let settled = engine === undefined;
      void engine?.settled().then(() => {
        settled = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      quiet = settled ? quiet + 1 : 0;
    }
  }

  // ---- what is wrong ----

  cutOff(id: string): (() => void) | undefined {
    if (!this.clusters.has(id)) return undefined;
    const kube = this.world.kube(id);
    kube.faults.apiDown = 'refused';
    kube.closeWatches();
    return () => {
      kube.faults.apiDown = 'no';
    };
  }

  /** The network of one of its nodes is broken: pods there are not ready. */
  makeSick(id: string): (() => void) | undefined {
    if (!this.clusters.has(id)) return undefined;
    const kube = this.world.kube(id);
    const node = [...kube.truth().nodes.keys()].at(-1) ?? '';
    kube.faults.unreadyNodes.add(node);
    return () => void kube.faults.unreadyNodes.delete(node);
  }

  #look(id: string, runId: string): { message: string; forGood: boolean } | undefined {
    const planted = this.planted(id, runId);
    if (planted !== undefined) return { message: planted, forGood: true };
    const message = this.#notWell(id) ?? this.#notOfVersion(id, runId.split(':')[3] ?? '');
    return message === undefined ? undefined : { message, forGood: false };
  }

  #notWell(id: string): string | undefined {
    const truth = this.world.kube(id).truth();
    const ready = truthOf(this.world)
      .nodes(id)
      .filter((node) => node.ready && !node.unschedulable).length;
    const wanted = this.#clusterOf(id).pools.reduce((sum, pool) => sum + pool.nodes, 0);
    if (ready < wanted) return `${ready} of ${wanted} nodes are Ready and open`;
    for (const [name, pod] of truth.pods) {
      if (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') continue;
      if (pod.metadata.deletionTimestamp === undefined && !truth.trulyReady(pod)) return `pod ${name} is not ready`;
    }
    if (!truth.objects('services').has('kube-system/kube-dns')) return 'names are not resolved: there is no kube-dns';
    return undefined;
  }

  #notOfVersion(id: string, commit: string): string | undefined {
    const content = this.contentOf(commit);
    if (content === undefined) return `there is no commit ${commit}`;
    const found = this.#config(id);
    const wanted = contentFor(this.#clusterOf(id).cluster, content).manifest;
    return found === wanted ? undefined : `the configuration of ${commit.slice(0, 6)} is ${wanted}, found ${found}`;
  }

  #config(id: string): string | undefined {
    const object = this.world.kube(id).truth().objects('configmaps').get('kube-system/coredns');
    return (object?.['data'] as { config?: string } | undefined)?.config;
  }

  differences(cluster: Cluster, whole: CommitContent): string[] {
    const found: string[] = [];
    const { id } = cluster;
    const account = accountNumber(cluster.infrastructureAccount);
    for (const { name, template } of renderDeep(cluster, this.#clusterOf(id).pools, '', whole).stacks) {
      const params = { StackName: name };
      const call = {
        account,
        region: cluster.region,
        service: 'cloudformation' as const,
        params,
        userAgent: 'scenario',
      };
      const reply = this.world.aws.handle({ ...call, action: 'GetTemplate' });
      const live = reply.ok ? (reply.result as { TemplateBody?: string }).TemplateBody : reply.code;
      if (live !== template) found.push(`stack ${name} is ${live}`);
    }
    for (const group of this.world.aws.truth().groups(id))
      for (const member of group.members) {
        if (member.outdated) found.push(`${member.instanceId} of ${group.name} runs an old template`);
      }
    const { manifest } = contentFor(cluster, whole);
    if (this.#config(id) !== manifest) found.push(`${id} has manifest ${this.#config(id)}`);
    return found;
  }

  // ---- what is judged ----

  #judgeFromHere(): void {
    const truth = truthOf(this.world);
    const baselines = takeBaselines(truth);
    for (const id of this.clusters.keys()) this.#before.set(id, endStateOf(truth, id));
    const groups = [...this.clusters.values()].flatMap(({ cluster, pools }) =>
      pools.map((pool) => groupName(cluster.localId, pool.name)),
    );
    const end: RollEnd = { groups, maxBlocked: 0 };
    const watch = new InvariantWatch(
      [...nodeInvariants(baselines, this.#limits(), truth), ...endInvariants(end)],
      truth,
    );
    this.#watch = watch;
    this.world.subscribe((event) => {
      watch.onEvent(event);
      if (isClm(event.actor) && event.kind === 'instance-terminate-requested') this.replaced += 1;
      if (isClm(event.actor) && event.kind === 'eviction-accepted') this.evictions += 1;
      this.onEvent(event);
    });
  }

  /** What a roll of the roll simulation may do under these faults, for as many days and rolls as there are. */
  #limits() {
    const { faults } = this.#options;
    const scenario = { surge: 'adaptive', maxUnavailable: 0, faults, pools: [] } as unknown as Scenario;
    const {
      movesPerPod: _,
      resumeMs: __,
      isRemoved: ___,
      removedAtOnce: ____,
      ...limits
    } = limitsFor(scenario, others);
    // beside the rolls there are stacks, manifests and drift to look at
    return {
      ...limits,
      cloudCalls: { perSecond: 2, burst: 400, perStart: 60 },
      kubeChanges: { perSecond: 5, burst: 500 },
    };
  }

  judge(): { checked: Record<string, number>; violations: string[] } {
    const watch = this.#watch;
    if (watch === undefined) throw new Error('nothing was judged');
    const now = this.clock.now();
    watch.atEnd(now);
    const truth = truthOf(this.world);
    const violations = watch.violations.map(
      (one) => `${one.invariant}: ${new Date(one.at).toISOString()} ${one.cluster} ${one.message}`,
    );
    for (const [id, before] of this.#before) {
      const [found, wanted] = [endStateOf(truth, id), before].map((state) => JSON.stringify(state));
      if (found !== wanted) violations.push(`L4: ${id} ends as ${found}, it began as ${wanted}`);
      for (const error of this.world.kube(id).truth().internalErrors) violations.push(`simulator: ${error}`);
    }
    return { checked: { nodes: watch.checked }, violations };
  }

  #heard(cluster: string, api: 'cloud' | 'kube', client: string, action: string, mutates: boolean): void {
    this.#watch?.onCall({ at: this.clock.now(), cluster, api, client, action, mutates });
  }

  #clusterOf(id: string): DeepCluster {
    const found = this.clusters.get(id);
    if (found === undefined) throw new Error(`no cluster ${id}`);
    return found;
  }
}

const isClm = (actor: Actor): boolean => programOf(actor) === 'clm';

/** Of the nodes of all clusters. */
export const deepImage = (ground: DeepGround): string =>
  imageOf([...ground.clusters.values()][0]?.cluster.region ?? '');
