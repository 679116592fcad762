/** What members of etcd do when their data is lost, others are out, or their boots are slow. */
import { describe, expect, it } from 'vitest';
import { EtcdFleet, type TrueEtcd } from '../../../src/simulator/model/etcd/etcd-fleet.ts';
import { VirtualClock } from '../../../src/support/clock.ts';
import { seededRandom } from '../../../src/support/random.ts';

class Members {
  readonly clock = new VirtualClock(0);
  readonly fleet = new EtcdFleet(this.clock, seededRandom('etcd'), () => {});
  readonly #flags: (member: number) => string;

  constructor(kind: 'kept' | 'fresh') {
    this.#flags = (member) => (kind === 'kept' ? `--member=${member} --volume=vol-${member}` : '');
    for (const member of [0, 1, 2]) this.launch(`i-${member}`, member);
    this.pass(120);
  }

  launch(id: string, member: number): void {
    this.fleet.instanceRunning({
      id,
      account: '1',
      region: 'r',
      zone: 'ra',
      instanceType: 'm5.large',
      imageId: 'ami-1',
      privateIp: this.ip(id),
      userData: `start-etcd --domain=etcd.internal --members=3 ${this.#flags(member)}`,
      tags: {},
      launchedAt: this.clock.now(),
      neverReady: false,
    });
  }

  ip(id: string): string {
    return `10.0.${id.startsWith('i') ? 0 : 1}.${id.slice(2)}`;
  }

  replace(old: string, id: string, member: number): void {
    this.fleet.instanceStopping(old);
    this.fleet.instanceGone(old);
    this.launch(id, member);
    this.pass(120);
  }

  pass(seconds: number): void {
    this.clock.advanceTo(this.clock.now() + seconds * 1000);
  }

  get etcd(): TrueEtcd {
    return this.fleet.all()[0] as TrueEtcd;
  }

  up(): string[] {
    return this.etcd.members.flatMap(({ up, instanceId = '' }) => (up ? [instanceId] : []));
  }

  remove(by: string, id: string): number | undefined {
    const body = JSON.stringify({ ID: id });
    const path = '/v3/cluster/member/remove';
    return this.fleet.answer({ method: 'POST', host: this.ip(by), port: 2379, path, body, client: 'etcdctl' })?.status;
  }
}

describe('simulated members of etcd', () => {
  it('come back under their name with their volume, and without its data only once etcd has let go of them', () => {
    const members = new Members('kept');
    members.replace('i-0', 'j-0', 0);
    expect(members.up()).toEqual(['j-0', 'i-1', 'i-2']);
    members.fleet.loseDisk('i-1');
    members.replace('i-1', 'j-1', 1);
    expect(members.up()).toEqual(['j-0', 'i-2']);
    const lost = members.etcd.members.find(({ data }) => !data);
    expect(lost).toMatchObject({ name: 'etcd-1', instanceId: undefined });
    expect(members.remove('i-2', lost?.id ?? '')).toBe(200);
    members.pass(60);
    expect(members.up()).toEqual(['j-0', 'i-2', 'j-1']);
    expect(members.etcd).toMatchObject({ lost: false, quorum: 2 });
  });

  it('let no new one in while those who have started were no majority with it', () => {
    const members = new Members('fresh');
    members.replace('i-0', 'j-0', 0);
    expect(members.up()).toEqual(['i-1', 'i-2']);
    expect(members.etcd.members).toHaveLength(3);
    const dead = members.etcd.members.find(({ instanceId }) => instanceId === undefined);
    expect(members.remove('i-1', dead?.id ?? '')).toBe(200);
    members.pass(60);
    expect(members.up()).toEqual(['i-1', 'i-2', 'j-0']);
  });

  it('catch up later where nobody has a quorum, and take as long as they are told', () => {
    const members = new Members('kept');
    members.fleet.slow.bootMs = 300_000;
    members.replace('i-0', 'j-0', 0);
    expect(members.up()).toEqual(['i-1', 'i-2']);
    expect(members.etcd.members[0]).toMatchObject({ up: false, downSince: 120_000 });
    members.pass(300);
    expect(members.up()).toEqual(['j-0', 'i-1', 'i-2']);
    expect(members.etcd.members[0]?.downSince).toBeUndefined();

    const fresh = new Members('fresh');
    const gone = fresh.etcd.members[0]?.id ?? '';
    fresh.remove('i-1', gone);
    fresh.fleet.instanceGone('i-0');
    fresh.launch('j-0', 0);
    fresh.pass(50);
    fresh.fleet.setSick('i-1', true);
    fresh.pass(600);
    expect(fresh.up()).toEqual(['i-2']);
    fresh.fleet.setSick('i-1', false);
    fresh.pass(60);
    expect(fresh.up().sort()).toEqual(['i-1', 'i-2', 'j-0']);
  });
});
