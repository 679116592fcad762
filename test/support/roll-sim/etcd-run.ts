/** Cluster updates that replace the members of a seed's etcd, and the people who look after what no update can mend. */
import type { ClusterUpdateInput } from '../../../src/domain/cluster-update.ts';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import { clusterUpdateModule } from '../../../src/machines/cluster-update/versions.ts';
import type { HttpClient } from '../../../src/ports/http-client.ts';
import type { Json } from '../../../src/ports/store.ts';
import type { Latency } from '../../../src/providers/simulated/latency.ts';
import { createSimulatedHttp } from '../../../src/providers/simulated/simulated-http.ts';
import { createPipelineSteps } from '../../../src/steps/create-pipeline-steps.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { type Random, seededRandom } from '../../../src/support/random.ts';
import { crashingHttp } from '../crashing-ports.ts';
import type { CrashPoint } from '../crashing-store.ts';
import { type EtcdGroup, etcdStack } from '../etcd-world.ts';
import { ScriptedSource } from '../pipeline/scripted-source.ts';
import { clusterId, type DaemonParts, type RollDaemon, type RollWorld } from '../roll-world.ts';
import { instancesOf } from './etcd-faults.ts';
import { cloud } from './people.ts';

const minute = 60_000;
/** People look so often. */
const lookEveryMs = 2 * minute;
/** What is not mended by itself within this time is mended by people. */
const patienceMs = 4 * minute;
const rollout = 'rollout:dev:c1';
/** The first phase behind etcd's: what comes from there on is none of this run's business. */
const behind = 'clusterStack';

export interface EtcdRunOptions {
  random: Random;
  latency: Latency;
  note(text: string): void;
  /** Done with the daemon that runs, or the next one. */
  ask(act: (daemon: RollDaemon) => Promise<void>): void;
  /** Called when all members are as the last commit has them. */
  onOver(): void;
}

export class EtcdRun {
  readonly group: EtcdGroup;
  /** Shares of the daemon's calls to members that are lost. */
  readonly way = { lostBefore: 0, lostAfter: 0 };
  over = false;
  readonly #roll: RollWorld;
  readonly #options: EtcdRunOptions;
  /** Last commit of the channel, and the update that is under way or was the last one. */
  #commit = 1;
  #attempt = 0;
  #row = { commit: 0, state: '', final: true };

  constructor(roll: RollWorld, group: EtcdGroup, options: EtcdRunOptions) {
    this.#roll = roll;
    this.group = group;
    this.#options = options;
    this.#arm();
  }

  isWhole(): boolean {
    return this.wrong().length === 0;
  }

  owns(group: string): boolean {
    return group.startsWith(`${etcdStack}-`);
  }

  // ---- what the daemon is made of ----

  more(seed: string, point: CrashPoint | undefined): NonNullable<DaemonParts['more']> {
    const { world, cluster } = this.#roll;
    return ({ sessions, store, wake }) => {
      const source = new ScriptedSource();
      source.branches.set('dev', source.add('c1', {}, undefined));
      const http = this.#http();
      const steps = createPipelineSteps({
        source,
        registry: () => ({ clusters: [cluster], accounts: [], problems: [] }),
        pipeline: () => ({ channels: [], maxParallel: 10, evidenceMaxAgeMs: 86_400_000 }),
        render: async (_cluster, commit) => ({
          ok: true,
          rendered: { ...this.group.rendered(imageOf(commit)), commit },
        }),
        http: point === undefined ? http : crashingHttp(http, point),
        sessions,
        store,
        clock: world.clock,
        random: seededRandom(`etcd/${seed}`),
        wake,
        log: silentLogger(),
      });
      const apply = steps['apply-stacks'] as NonNullable<(typeof steps)[string]>;
      steps['apply-stacks'] = async (input) =>
        input.state === behind
          ? { kind: 'waiting', reason: { code: 'behind', message: 'etcd is done' }, wakeAt: input.now + 60 * minute }
          : apply(input);
      return { machines: [clusterUpdateModule], steps };
    };
  }

  #http(): HttpClient {
    const inner = createSimulatedHttp(this.#roll.world, 'clm/sim');
    const { random, latency } = this.#options;
    const lost = (share: number): void => {
      if (share > 0 && random.next() < share)
        throw new FailureError(transient('http-timeout', 'the member does not answer in time'));
    };
    return {
      send: async (request) => {
        await latency.pass();
        lost(this.way.lostBefore);
        const answer = await inner.send(request);
        lost(this.way.lostAfter);
        await latency.pass();
        return answer;
      },
    };
  }

  // ---- its updates ----

  get #rowId(): string {
    return `update:dev:c${this.#row.commit}:${clusterId}:${this.#attempt}`;
  }

  /** The database is lost: whether etcd is as it should be is to be found out again. */
  forget(): void {
    this.over = false;
    this.#attempt = 0;
    this.#row = { commit: 0, state: '', final: true };
  }

  newCommit(): void {
    if (this.over) return;
    this.#options.note('a newer commit changes etcd once more');
    this.#commit += 1;
  }

  /** What the last life committed in its last moment is known from the store alone. */
  async live(daemon: RollDaemon): Promise<void> {
    if (this.over) return;
    const row = await daemon.store.load(this.#rowId);
    if (row) this.committed(row.id, JSON.stringify(row.value).replaceAll('"', ''), row.status === 'final');
    await this.#mind(daemon);
  }

  committed(id: string, state: string, final: boolean): void {
    if (id !== this.#rowId || this.over) return;
    if (state !== this.#row.state) this.#options.note(`update of etcd: ${state}`);
    Object.assign(this.#row, { state, final });
    if (state !== behind || this.#row.commit !== this.#commit) return;
    this.over = true;
    this.#options.ask((daemon) => this.#tell(daemon, { type: 'SUPERSEDE', by: 'pools' }));
    this.#options.onOver();
  }

  #arm(): void {
    const { clock } = this.#roll.world;
    clock.at(clock.now() + lookEveryMs, () => {
      if (!this.over) this.#options.ask((daemon) => this.#mind(daemon));
      this.#mend();
      this.#arm();
    });
  }

  /** What a rollout and an operator do: said again until it is so, as a kill may come between. */
  async #mind(daemon: RollDaemon): Promise<void> {
    if (this.over) return;
    if (this.#row.final) {
      this.#attempt += 1;
      this.#row = { commit: this.#commit, state: '', final: false };
      this.#options.note(`an update begins, which changes etcd (attempt ${this.#attempt})`);
    }
    if (this.#row.state === '') await this.#start(daemon);
    else if (this.#row.commit !== this.#commit) await this.#tell(daemon, { type: 'SUPERSEDE', by: 'newer' });
    else if (this.#row.state === 'paused')
      await this.#tell(daemon, { type: 'RESUME', by: 'operator', reason: 'go on' });
  }

  /** Orders of an operator. */
  async tell(daemon: RollDaemon, event: { type: string; [key: string]: string | null }): Promise<void> {
    if (!this.over && !this.#row.final) await this.#tell(daemon, event);
  }

  async #tell(daemon: RollDaemon, event: { type: string; [key: string]: string | null }): Promise<void> {
    // lost with a kill
    await daemon.engine.post({ to: this.#rowId, event }).catch(() => {});
  }

  async #start(daemon: RollDaemon): Promise<void> {
    const commit = `c${this.#row.commit}`;
    const input: ClusterUpdateInput = {
      clusterId,
      channel: 'dev',
      commit,
      tree: 'tree',
      rolloutId: rollout,
      attempt: this.#attempt,
      policy: {
        e2eProfile: 'smoke',
        e2eGate: { baseline: false, maxFlaky: 3 },
        blockLimitMs: 30 * minute,
        progressDeadlineMs: 24 * 60 * minute,
        channelMaxParallel: 1,
        fleetMaxParallel: 1,
      },
    };
    const about = { channel: 'dev', cluster: clusterId, commit };
    const started = (machine: string, to: string, of: Json, parent: string | null) =>
      daemon.engine
        .post({
          to,
          event: { type: 'START', input: of },
          start: { machine, parent, ...about },
          key: `start ${to}`,
        })
        .catch(() => {});
    await started('listener', rollout, {}, null);
    await started('clusterUpdate', this.#rowId, input as unknown as Json, rollout);
  }

  // ---- people ----

  /** Data that is lost comes back with a new member, and an instance that never serves is replaced, when people say so. */
  #mend(): void {
    const { world } = this.#roll;
    const { members } = this.group.etcd;
    const old = (since = 0): boolean => world.clock.now() - since > patienceMs;
    const dead = members.find((one) => one.instanceId === undefined && !one.data && old(one.downSince));
    if (dead !== undefined) this.#forgetMember(dead.id, dead.name);
    if (this.#row.state !== 'failed') return;
    const up = new Set(members.flatMap((one) => (one.up ? [one.instanceId] : [])));
    const silent = instancesOf(this.group).filter((id) => !up.has(id));
    const [first, second] = silent;
    // two at once may be all that a quorum needs
    if (first === undefined || second !== undefined) return;
    this.#options.note(`somebody ends ${first}, which does not become a member of etcd`);
    cloud(this.#roll, 'aws-cli/2', 'ec2', 'TerminateInstances', { InstanceIds: [first] });
  }

  #forgetMember(id: string, name: string): void {
    const { world } = this.#roll;
    const well = this.group.etcd.members.find(({ up }) => up)?.instanceId;
    if (well === undefined) return;
    const found = this.#roll.call('ec2', 'DescribeInstances', { InstanceIds: [well] });
    const host = found.Reservations[0].Instances[0].PrivateIpAddress as string;
    const request = { method: 'POST', host, port: 2379, path: '/v3/cluster/member/remove', client: 'etcdctl/3.5' };
    const answer = world.etcd.answer({ ...request, body: JSON.stringify({ ID: id }) });
    this.#options.note(`somebody removes member ${name}, whose data is lost: ${answer?.status ?? 'no answer'}`);
  }

  // ---- the end ----

  /** What is not as a run without faults leaves it. */
  wrong(): string[] {
    const { etcd, members, marks, lost } = {
      etcd: this.group.etcd,
      members: this.group.members,
      marks: this.group.marks(),
      lost: this.group.etcd.lost,
    };
    const current = this.group.runOn(imageOf(`c${this.#commit}`));
    return [
      ...(lost ? ['L1: etcd has lost its data'] : []),
      ...(current === members && etcd.members.length === members
        ? []
        : [`L1: ${current} of ${members} members of etcd run on the new image, and etcd has ${etcd.members.length}`]),
      ...(marks.length === 0 ? [] : [`L4: groups of etcd are still marked: ${marks.join(', ')}`]),
    ];
  }
}

const imageOf = (commit: string): string => `ami-0000000000000000${Number(commit.slice(1, 2)) + 1}`;
