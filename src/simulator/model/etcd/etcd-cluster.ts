/** One etcd as its members see it: who belongs to it, who runs, who holds data, and whether a majority agrees. */

export interface EtcdMember {
  /** 64 bits, in decimal digits. */
  id: string;
  /** `etcd-0` of a member that keeps its name over instances; the instance's id of one that does not. */
  name: string;
  /** Instance whose process is this member; undefined between two instances. */
  instanceId?: string;
  address?: string;
  /** The process runs and has caught up. */
  up: boolean;
  /** Since when it is not up; undefined while it is, or was never. */
  downSince?: number;
  /** false: its disk went with its instance, and the member can never come back. */
  data: boolean;
}

/** Answers as a process of etcd gives them; undefined = nothing listens. */
export interface EtcdAnswer {
  status: number;
  body: object;
}

const grpcError = (status: number, code: number, message: string): EtcdAnswer => ({
  status,
  body: { error: message, code, message, details: [] },
});

export class EtcdCluster {
  readonly name: string;
  /** Members that it begins with: it answers nobody before all of them have met once. */
  readonly initial: number;
  readonly members = new Map<string, EtcdMember>();
  readonly #now: () => number;
  #begun = false;
  #lost = false;

  constructor(name: string, initial: number, now: () => number) {
    this.name = name;
    this.initial = initial;
    this.#now = now;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** More members lost their data than a majority could do without: what was stored is gone, whoever comes. */
  get lost(): boolean {
    return this.#lost;
  }

  get quorum(): number {
    return Math.floor(this.members.size / 2) + 1;
  }

  up(): EtcdMember[] {
    return [...this.members.values()].filter((member) => member.up);
  }

  hasQuorum(): boolean {
    return this.#begun && !this.#lost && this.up().length >= this.quorum;
  }

  add(member: EtcdMember): void {
    this.members.set(member.id, member);
    this.#judge();
  }

  named(name: string): EtcdMember | undefined {
    return [...this.members.values()].find((member) => member.name === name);
  }

  of(instanceId: string): EtcdMember | undefined {
    return [...this.members.values()].find((member) => member.instanceId === instanceId);
  }

  start(member: EtcdMember): void {
    member.up = true;
    delete member.downSince;
    this.#judge();
  }

  stop(member: EtcdMember): void {
    if (member.up) member.downSince = this.#now();
    member.up = false;
  }

  /** The instance is gone; `keeps`: its disk is not. */
  leave(member: EtcdMember, keeps: boolean): void {
    this.stop(member);
    delete member.instanceId;
    delete member.address;
    if (!keeps) member.data = false;
    this.#judge();
  }

  #judge(): void {
    if (!this.#begun) this.#begun = this.up().length >= this.initial;
    const holders = [...this.members.values()].filter((member) => member.data).length;
    if (this.#begun && holders < this.quorum) this.#lost = true;
  }

  /** What the member's process says on GET /health: a read that a majority confirms. */
  health(): EtcdAnswer {
    if (this.hasQuorum()) return { status: 200, body: { health: 'true', reason: '' } };
    return { status: 503, body: { health: 'false', reason: 'RAFT NO LEADER' } };
  }

  list(): EtcdAnswer {
    if (!this.hasQuorum()) return grpcError(503, 14, 'etcdserver: no leader');
    const members = [...this.members.values()].map(({ id, name, address, data, up }) => ({
      ID: id,
      ...(up || data ? { name } : {}),
      ...(address === undefined ? {} : { peerURLs: [`https://${address}:2380`] }),
      // a member publishes these when it has started for the first time
      ...(address === undefined || !data ? {} : { clientURLs: [`https://${address}:2379`] }),
    }));
    return { status: 200, body: { members } };
  }

  /** A new member is refused when those who have started would be no majority with it (strict reconfiguration check). */
  takesMember(): boolean {
    if (!this.#begun) return this.members.size < this.initial;
    return this.hasQuorum() && this.up().length >= Math.floor((this.members.size + 1) / 2) + 1;
  }

  /** Refused when those who have started would be no majority of what is left (strict reconfiguration check). */
  remove(id: string): EtcdAnswer & { removed?: EtcdMember } {
    if (!this.hasQuorum()) return grpcError(503, 14, 'etcdserver: no leader');
    const member = this.members.get(id);
    if (member === undefined) return grpcError(404, 5, 'etcdserver: member not found');
    const left = this.members.size - 1;
    const started = this.up().filter((one) => one !== member).length;
    if (started < Math.floor(left / 2) + 1)
      return grpcError(503, 14, 'etcdserver: re-configuration failed due to not enough started members');
    this.members.delete(id);
    this.stop(member);
    return { status: 200, body: { members: [] }, removed: member };
  }
}
