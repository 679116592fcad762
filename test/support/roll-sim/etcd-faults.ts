/** An etcd of its own that one in eight seeds has, and what goes wrong with it. Drawn apart, so that all others stay what they were. */
import { type Random, seededRandom } from '../../../src/support/random.ts';
import { type EtcdGroup, type EtcdKind, etcdStack } from '../etcd-world.ts';
import { type FaultRun, spells, strike } from './fault-classes.ts';
import { cloud } from './people.ts';

export interface EtcdScenario {
  kind: EtcdKind;
  members: 3 | 5;
  faults: string[];
  /** Simulated ms that the faults of the whole seed strike longer, as its pools wait for etcd. */
  extraMs: number;
  /** And from the beginning so long with etcd. */
  strikesForMs: number;
}

export interface EtcdFaultRun extends FaultRun {
  etcd: EtcdGroup;
  /** The way of the daemon to the members. */
  way: { lostBefore: number; lostAfter: number };
  /** Another commit takes over. */
  newCommit(): void;
}

interface EtcdFault {
  name: string;
  share: number;
  /** The only kind that it can strike. */
  kind?: EtcdKind;
  start(run: EtcdFaultRun): void;
}

const minute = 60_000;

/** Instances of etcd that serve as the cloud knows it. */
export function instancesOf({ roll }: EtcdGroup): string[] {
  const groups = roll.world.aws.truth().groups();
  return groups
    .filter((group) => group.tags['aws:cloudformation:stack-name'] === etcdStack)
    .flatMap((group) => group.members.filter((one) => one.state === 'InService').map((one) => one.instanceId));
}

/** All that were there are there, and none of them is about to go. */
const isWhole = (group: EtcdGroup): boolean => {
  const { members } = group.etcd;
  return members.length === group.members && members.every(({ up }) => up) && group.marks().length === 0;
};

function anyInstance(group: EtcdGroup, random: Random): string | undefined {
  const instances = instancesOf(group);
  return instances[random.int(Math.max(1, instances.length))];
}

const faults: readonly EtcdFault[] = [
  {
    name: 'etcd-slow',
    share: 0.35,
    start: (run) =>
      spells(run, 20 * minute, 'slowness of members of etcd', () => {
        const { slow } = run.roll.world.etcd;
        slow.bootMs = run.random.int(5 * minute);
        slow.catchUpMs = run.random.int(10 * minute);
        return () => {
          slow.bootMs = 0;
          slow.catchUpMs = 0;
        };
      }),
  },
  {
    name: 'etcd-sick',
    share: 0.5,
    start: (run) =>
      strike(run, 1 + run.random.int(3), (random) => {
        const ill = anyInstance(run.etcd, random);
        if (ill === undefined) return;
        run.note(`the member of etcd on ${ill} is ill`);
        run.roll.world.etcd.setSick(ill, true);
        const well = (): void => {
          run.note(`the member of etcd on ${ill} may run again`);
          run.roll.world.etcd.setSick(ill, false);
        };
        run.undo.push(well);
        run.roll.world.clock.at(run.roll.world.clock.now() + minute / 2 + random.next() * 25 * minute, well);
      }),
  },
  {
    name: 'etcd-dies',
    share: 0.35,
    start: (run) =>
      strike(run, 1 + run.random.int(2), (random) => {
        // two members of three that lose their data at once lose it for all: nobody could do anything about that
        if (run.etcd.kind === 'fresh' && !isWhole(run.etcd)) return;
        const victim = anyInstance(run.etcd, random);
        if (victim === undefined) return;
        run.note(`somebody ends ${victim}, a member of etcd`);
        cloud(run.roll, 'aws-cli/2', 'ec2', 'TerminateInstances', { InstanceIds: [victim] });
      }),
  },
  {
    name: 'etcd-disk-lost',
    share: 0.3,
    kind: 'kept',
    start: (run) =>
      strike(run, 1, (random) => {
        const victim = anyInstance(run.etcd, random);
        if (victim === undefined) return;
        run.note(`the volume of ${victim} will be lost with it`);
        run.roll.world.etcd.loseDisk(victim);
      }),
  },
  {
    name: 'etcd-cut-off',
    share: 0.3,
    start: (run) =>
      spells(run, 10 * minute, 'loss of calls to etcd', () => {
        run.way.lostBefore = run.random.next() * 0.5;
        run.way.lostAfter = run.random.next() * 0.5;
        return () => {
          run.way.lostBefore = 0;
          run.way.lostAfter = 0;
        };
      }),
  },
  {
    name: 'etcd-changes',
    share: 0.2,
    start: (run) => strike(run, 1, () => run.newCommit()),
  },
];

export function drawEtcd(seed: string): EtcdScenario | undefined {
  const random = seededRandom(`etcd-group/${seed}`);
  if (random.next() >= 1 / 8) return undefined;
  const kind = random.next() < 0.5 ? 'kept' : 'fresh';
  const members = random.next() < 0.7 ? 3 : 5;
  const quiet = random.next() < 0.1;
  const possible = faults.filter((one) => one.kind === undefined || one.kind === kind);
  const drawn = possible.filter((one) => random.next() < one.share).map((one) => one.name);
  const extraMs = members * 4 * minute;
  return { kind, members, faults: quiet ? [] : drawn, extraMs, strikesForMs: extraMs + 10 * minute };
}

/** `run.random` is that of one fault. */
export function startEtcdFaults(scenario: EtcdScenario, runOf: (name: string) => EtcdFaultRun): void {
  for (const one of faults) if (scenario.faults.includes(one.name)) one.start(runOf(one.name));
}
