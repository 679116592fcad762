/** Every etcd that runs on instances of its own: what their user data starts, and what they answer. */
import type { Clock } from '../../../support/clock.ts';
import type { Random } from '../../../support/random.ts';
import type { SimInstance } from '../seams.ts';
import { type EtcdAnswer, EtcdCluster, type EtcdMember } from './etcd-cluster.ts';

/** What `start-etcd` of the image is told. */
interface StartFlags {
  /** Name of the whole: a DNS domain. */
  domain: string;
  /** Position of a member that keeps its name; undefined for one that joins as a new one each time. */
  member?: string;
  members: number;
  /** A volume that the next instance takes over. */
  volume?: string;
}

interface Machine {
  instance: SimInstance;
  flags: StartFlags;
  cluster: EtcdCluster;
  /** Its boot is over, and it tries to start whenever something changes. */
  booted: boolean;
  /** etcd has let go of its member: its data says so, and the process ends at once. */
  removed: boolean;
  /** Its volume is lost with it: the next instance finds an empty one. */
  diskLost: boolean;
}

export interface TrueEtcd {
  name: string;
  begun: boolean;
  lost: boolean;
  quorum: number;
  members: {
    id: string;
    name: string;
    instanceId: string | undefined;
    up: boolean;
    /** Since when it is not up; undefined while it is, or was never. */
    downSince: number | undefined;
    /** false: it can never come back under its id. */
    data: boolean;
  }[];
}

export interface EtcdRequest {
  method: string;
  /** An address of an instance, as long as it runs. */
  host: string;
  port: number;
  path: string;
  body: string;
  /** User agent: who is said to have done it. */
  client: string;
}

/** From a running instance to a process that tries to join, and from there until it has caught up. */
const bootMs = 45_000;
const catchUpMs = 20_000;
const healthPort = 2381;
const clientPort = 2379;

export type EtcdRemoval = (removed: { client: string; etcd: string; member: string; instanceId: string }) => void;

export class EtcdFleet {
  /** What boots and copies of data take longer than they should, for those that begin from now on. */
  readonly slow = { bootMs: 0, catchUpMs: 0 };
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onRemoved: EtcdRemoval;
  readonly #clusters = new Map<string, EtcdCluster>();
  readonly #machines = new Map<string, Machine>();
  readonly #sick = new Set<string>();
  /** Volumes whose data is lost: a member of their name joins anew once etcd has let go of the one that it was. */
  readonly #emptyVolumes = new Set<string>();

  constructor(clock: Clock, random: Random, onRemoved: EtcdRemoval) {
    this.#clock = clock;
    this.#random = random;
    this.#onRemoved = onRemoved;
  }

  /** Answers whether the instance is one of etcd's. */
  instanceRunning(instance: SimInstance): boolean {
    const flags = startFlags(instance.userData);
    if (flags === undefined) return false;
    const key = `${instance.account}/${instance.region}/${flags.domain}`;
    let cluster = this.#clusters.get(key);
    if (cluster === undefined) {
      cluster = new EtcdCluster(flags.domain, flags.members, () => this.#clock.now());
      this.#clusters.set(key, cluster);
    }
    const machine: Machine = { instance, flags, cluster, booted: false, removed: false, diskLost: false };
    this.#machines.set(instance.id, machine);
    this.#clock.at(this.#clock.now() + bootMs + this.slow.bootMs, () => {
      machine.booted = true;
      this.#settle(machine.cluster);
    });
    return true;
  }

  instanceStopping(instanceId: string): void {
    const machine = this.#machines.get(instanceId);
    const member = machine?.cluster.of(instanceId);
    if (machine === undefined || member === undefined) return;
    machine.cluster.stop(member);
  }

  instanceGone(instanceId: string): void {
    const machine = this.#machines.get(instanceId);
    if (machine === undefined) return;
    this.#machines.delete(instanceId);
    this.#sick.delete(instanceId);
    const { cluster, flags, diskLost } = machine;
    const member = cluster.of(instanceId);
    if (member !== undefined) cluster.leave(member, flags.volume !== undefined && !diskLost);
    if (diskLost && flags.volume !== undefined) this.#emptyVolumes.add(flags.volume);
    this.#settle(cluster);
  }

  /** The volume of the member is lost when its instance goes. */
  loseDisk(instanceId: string): void {
    const machine = this.#machines.get(instanceId);
    if (machine !== undefined) machine.diskLost = true;
  }

  /** The process of the member dies and does not come back, though its instance runs; or may run again. */
  setSick(instanceId: string, sick: boolean): void {
    if (sick) this.#sick.add(instanceId);
    else this.#sick.delete(instanceId);
    const machine = this.#machines.get(instanceId);
    const member = machine?.cluster.of(instanceId);
    if (machine === undefined) return;
    if (sick && member !== undefined) machine.cluster.stop(member);
    this.#settle(machine.cluster);
  }

  /** The etcd that the instance is for; a process that has left it, or never came up, is not among its members. */
  of(instanceId: string): TrueEtcd | undefined {
    const cluster = this.#machines.get(instanceId)?.cluster;
    return cluster && truthOf(cluster);
  }

  all(): TrueEtcd[] {
    return [...this.#clusters.values()].map(truthOf);
  }

  /** undefined: nothing listens there. */
  answer(request: EtcdRequest): EtcdAnswer | undefined {
    const machine = [...this.#machines.values()].find(({ instance }) => instance.privateIp === request.host);
    const member = machine?.cluster.of(machine.instance.id);
    if (machine === undefined || member?.up !== true) return undefined;
    const { cluster } = machine;
    const what = `${request.method} ${request.port}${request.path}`;
    if (what === `GET ${healthPort}/health` || what === `GET ${clientPort}/health`) return cluster.health();
    if (what === `POST ${clientPort}/v3/cluster/member/list`) return cluster.list();
    if (what === `POST ${clientPort}/v3/cluster/member/remove`) return this.#remove(cluster, request);
    return { status: 404, body: { message: 'Not Found' } };
  }

  #remove(cluster: EtcdCluster, { body, client }: EtcdRequest): EtcdAnswer {
    const id = /"ID"\s*:\s*"?(\d+)/.exec(body)?.[1];
    if (id === undefined) return { status: 400, body: { message: 'invalid request' } };
    const going = cluster.members.get(id);
    const instanceId = going?.instanceId ?? '';
    const { removed, ...answer } = cluster.remove(id);
    const machine = this.#machines.get(instanceId);
    if (removed !== undefined && machine !== undefined) machine.removed = true;
    if (removed !== undefined) this.#settle(cluster);
    if (removed !== undefined) this.#onRemoved({ client, etcd: cluster.name, member: removed.name, instanceId });
    return answer;
  }

  /** Something has changed: every machine that waits for its place tries again. */
  #settle(cluster: EtcdCluster): void {
    for (const machine of this.#machines.values()) if (machine.cluster === cluster) this.#join(machine);
  }

  #join({ instance, flags, cluster, booted, removed }: Machine): void {
    if (!booted || removed || instance.neverReady || this.#sick.has(instance.id)) return;
    const own = cluster.of(instance.id);
    if (own !== undefined) {
      if (!own.up) this.#catchUp(cluster, own, instance.id);
      return;
    }
    const member = this.#place(instance, flags, cluster);
    if (member === undefined) return;
    member.instanceId = instance.id;
    member.address = instance.privateIp;
    this.#catchUp(cluster, member, instance.id);
  }

  /** The member that the machine becomes; undefined while there is no place for it. */
  #place(instance: SimInstance, flags: StartFlags, cluster: EtcdCluster): EtcdMember | undefined {
    if (flags.member !== undefined && flags.volume !== undefined) {
      const name = `etcd-${flags.member}`;
      const known = cluster.named(name);
      // a volume is attached to one instance at a time
      // one that has a vote and no data would break what the others have agreed on: etcd does not let it start
      if (known !== undefined) return known.instanceId === undefined && known.data ? known : undefined;
      if (!cluster.begun) return this.#newMember(cluster, name);
      // its data says that it belongs to an etcd that has let go of it, unless it has none
      if (!this.#emptyVolumes.has(flags.volume) || !cluster.takesMember()) return undefined;
      this.#emptyVolumes.delete(flags.volume);
      return this.#newMember(cluster, name);
    }
    // a new member is added by those who are there
    return cluster.takesMember() ? this.#newMember(cluster, instance.id) : undefined;
  }

  #newMember(cluster: EtcdCluster, name: string): EtcdMember {
    const id = ((BigInt(this.#random.int(2 ** 31)) << 32n) + BigInt(this.#random.int(2 ** 31)) + 1n).toString();
    const member: EtcdMember = { id, name, up: false, data: !cluster.begun };
    cluster.add(member);
    return member;
  }

  #catchUp(cluster: EtcdCluster, member: EtcdMember, instanceId: string): void {
    this.#clock.at(this.#clock.now() + catchUpMs + this.slow.catchUpMs, () => {
      const there = cluster.members.get(member.id) === member && member.instanceId === instanceId;
      if (!there || member.up || this.#sick.has(instanceId) || cluster.lost) return;
      // a new one copies the data from those who have it
      if (!member.data && !cluster.hasQuorum()) return;
      member.data = true;
      cluster.start(member);
      this.#settle(cluster);
    });
  }
}

function truthOf(cluster: EtcdCluster): TrueEtcd {
  const { name, begun, lost, quorum } = cluster;
  const members = [...cluster.members.values()].map(({ id, name: own, instanceId, up, downSince, data }) => ({
    id,
    name: own,
    instanceId,
    up,
    downSince,
    data,
  }));
  return { name, begun, lost, quorum, members };
}

/** Of the line that starts etcd; the flags stand behind it, one a line or in one. */
function startFlags(userData: string): StartFlags | undefined {
  const at = userData.indexOf('start-etcd');
  if (at < 0) return undefined;
  const flag = (name: string): string | undefined =>
    new RegExp(`--${name}[=\\s]+"?([^\\s"',\\]]+)`).exec(userData.slice(at))?.[1];
  const domain = flag('domain');
  if (domain === undefined) return undefined;
  const [member, volume] = [flag('member'), flag('volume')];
  return {
    domain,
    members: Number(flag('members') ?? '1'),
    ...(member === undefined ? {} : { member }),
    ...(volume === undefined ? {} : { volume }),
  };
}
