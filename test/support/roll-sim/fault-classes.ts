/** Each class of trouble that a seed may switch on. A class strikes within the safety phase, and `undo` ends what would last. */
import type { AwsFaultRule } from '../../../src/simulator/model/aws/aws-faults.ts';
import type { Random } from '../../../src/support/random.ts';
import { budget, type RollWorld, zones } from '../roll-world.ts';
import type { KubeGate } from './kube-gate.ts';
import { cloud, cordon, insist, instanceOf, kubectl, nodesOf, type Place, workloadsOn } from './people.ts';
import type { Scenario } from './scenario.ts';

export interface FaultRun {
  roll: Place & Pick<RollWorld, 'group' | 'outdate'>;
  scenario: Pick<Scenario, 'pools' | 'rolled' | 'workloads'>;
  random: Random;
  gate: KubeGate;
  /** Bounds of the safety phase. */
  from: number;
  until: number;
  note(text: string): void;
  /** Called in reverse order when the liveness phase begins. */
  undo: (() => void)[];
  /** Operator's orders to the rolls under way. */
  tell(event: { type: string; [key: string]: string | null }): void;
}

interface FaultClass {
  name: string;
  /** Share of seeds that have it. */
  share: number;
  start(run: FaultRun): void;
}

/** Calls `strike` at `times` drawn moments of the safety phase. */
export function strike(run: FaultRun, times: number, act: (random: Random) => void): void {
  const { random, roll } = run;
  for (let i = 0; i < times; i += 1) {
    const at = run.from + random.next() * (run.until - run.from);
    roll.world.clock.at(at, () => {
      if (roll.world.clock.now() < run.until) act(random);
    });
  }
}

/** On for a drawn while, once or twice, and surely off in the end. */
export function spells(run: FaultRun, longestMs: number, what: string, on: () => () => void): void {
  strike(run, 1 + run.random.int(2), (random) => {
    const off = on();
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      off();
      run.note(`${what} is over`);
    };
    run.note(`${what} begins`);
    run.undo.push(end);
    run.roll.world.clock.at(run.roll.world.clock.now() + 5_000 + random.next() * longestMs, end);
  });
}

function cloudRule(
  name: string,
  share: number,
  rule: (random: Random) => AwsFaultRule,
  longestMs = 600_000,
): FaultClass {
  return {
    name,
    share,
    start: (run) =>
      spells(run, longestMs, name, () => {
        const id = run.roll.world.faults.add(rule(run.random));
        return () => run.roll.world.faults.remove(id);
      }),
  };
}

const some = (random: Random, least: number, most: number): number => least + random.next() * (most - least);

const cloudFaults: FaultClass[] = [
  cloudRule('cloud-reply-lost', 0.25, (r) => ({
    kind: 'lost-after',
    service: 'autoscaling',
    probability: some(r, 0.1, 0.6),
  })),
  cloudRule('cloud-call-lost', 0.2, (r) => ({ kind: 'lost-before', probability: some(r, 0.1, 0.5) })),
  cloudRule('cloud-throttles', 0.2, (r) => ({ kind: 'throttle', probability: some(r, 0.2, 0.7) })),
  cloudRule('cloud-fails', 0.2, (r) => ({ kind: 'server-error', probability: some(r, 0.1, 0.6) })),
  cloudRule('cloud-stale', 0.25, (r) => ({
    kind: 'stale',
    action: 'DescribeAutoScalingGroups',
    staleMs: 1_000 + r.int(29_000),
    probability: some(r, 0.2, 0.9),
  })),
  cloudRule('health-stale', 0.1, (r) => ({
    kind: 'stale',
    action: r.next() < 0.5 ? 'DescribeTargetHealth' : 'DescribeInstanceHealth',
    staleMs: 1_000 + r.int(20_000),
  })),
  cloudRule('launch-refused', 0.06, () => ({
    kind: 'refuse',
    action: 'LaunchInstances',
    code: 'AccessDenied',
    message: 'is not authorized to perform: autoscaling:LaunchInstances',
    status: 403,
  })),
  {
    name: 'no-capacity',
    share: 0.25,
    start: (run) =>
      spells(run, 900_000, 'missing capacity in a zone', () => {
        const zone = zones()[run.random.int(3)] as string;
        const id = run.roll.world.faults.addCapacity({ zone });
        return () => run.roll.world.faults.remove(id);
      }),
  },
  {
    name: 'bad-boots',
    share: 0.12,
    start: (run) =>
      spells(run, 240_000, 'nodes that do not boot', () => {
        const { badImages } = run.roll.world.faults;
        const images = ['ami-00000000000000002', 'ami-00000000000000003'];
        for (const image of images) badImages.add(image);
        run.roll.kube.faults.badBoot = run.random.next() < 0.5 ? 'not-ready' : 'never-registers';
        return () => {
          for (const image of images) badImages.delete(image);
        };
      }),
  },
];

function gated(name: string, share: number, set: (gate: KubeGate, random: Random) => () => void): FaultClass {
  return { name, share, start: (run) => spells(run, 420_000, name, () => set(run.gate, run.random)) };
}

const kubeFaults: FaultClass[] = [
  gated('kube-call-lost', 0.2, (gate, r) => {
    gate.lostBefore = some(r, 0.05, 0.4);
    return () => {
      gate.lostBefore = 0;
    };
  }),
  gated('kube-reply-lost', 0.25, (gate, r) => {
    gate.lostAfter = some(r, 0.05, 0.4);
    return () => {
      gate.lostAfter = 0;
    };
  }),
  gated('kube-throttles', 0.2, (gate, r) => {
    gate.throttled = some(r, 0.1, 0.6);
    return () => {
      gate.throttled = 0;
    };
  }),
  gated('kube-fails', 0.2, (gate, r) => {
    gate.failing = some(r, 0.05, 0.4);
    return () => {
      gate.failing = 0;
    };
  }),
  gated('kube-conflicts', 0.15, (gate, r) => {
    gate.conflicting = some(r, 0.1, 0.7);
    return () => {
      gate.conflicting = 0;
    };
  }),
  {
    name: 'watch-late',
    share: 0.2,
    start: (run) => {
      run.gate.watchDelayMs = 100 + run.random.int(3_000);
      run.roll.kube.closeWatches();
      run.undo.push(() => {
        run.gate.watchDelayMs = 0;
        run.roll.kube.closeWatches();
      });
    },
  },
  {
    name: 'watches-cut',
    share: 0.25,
    start: (run) =>
      strike(run, 1 + run.random.int(4), (random) => {
        const forgets = random.next() < 0.5;
        run.note(`watches are cut${forgets ? ', and the history is gone (410)' : ''}`);
        if (forgets) run.roll.kube.compact();
        run.roll.kube.closeWatches();
      }),
  },
  {
    name: 'api-down',
    share: 0.15,
    start: (run) =>
      spells(run, 180_000, 'API server down', () => {
        run.roll.kube.faults.apiDown = run.random.next() < 0.5 ? 'refused' : 'error';
        run.roll.kube.closeWatches();
        return () => {
          run.roll.kube.faults.apiDown = 'no';
        };
      }),
  },
  {
    name: 'budgets-late',
    share: 0.25,
    start: (run) => {
      run.roll.kube.faults.disruptionLagMs = run.random.int(5_000);
      run.undo.push(() => {
        run.roll.kube.faults.disruptionLagMs = 0;
      });
    },
  },
  {
    name: 'scheduler-down',
    share: 0.12,
    start: (run) =>
      spells(run, 240_000, 'scheduler down', () => {
        run.roll.kube.faults.scheduler = 'broken';
        return () => {
          run.roll.kube.faults.scheduler = 'ok';
        };
      }),
  },
  {
    name: 'controllers-down',
    share: 0.1,
    start: (run) =>
      spells(run, 180_000, 'controllers of workloads down', () => {
        run.roll.kube.faults.workloads = 'broken';
        return () => {
          run.roll.kube.faults.workloads = 'ok';
        };
      }),
  },
  {
    name: 'registry-down',
    share: 0.1,
    start: (run) =>
      spells(run, 240_000, 'image registry down', () => {
        run.roll.kube.faults.imagePull = 'broken';
        return () => {
          run.roll.kube.faults.imagePull = 'ok';
        };
      }),
  },
  {
    name: 'pods-unready',
    share: 0.12,
    start: (run) =>
      spells(run, 240_000, 'pods of one node not ready', () => {
        const node = nodesOf(run.roll)[run.random.int(nodesOf(run.roll).length)]?.metadata.name ?? '';
        run.roll.kube.faults.unreadyNodes.add(node);
        return () => run.roll.kube.faults.unreadyNodes.delete(node);
      }),
  },
];

const any = <T>(random: Random, list: readonly T[]): T | undefined => list[random.int(Math.max(1, list.length))];

const peoplesFaults: FaultClass[] = [
  {
    name: 'human-cordons',
    share: 0.15,
    start: (run) =>
      strike(run, 1 + run.random.int(2), (random) => {
        const open = nodesOf(run.roll).filter((node) => node.spec.unschedulable !== true);
        const node = any(random, open)?.metadata.name;
        if (node === undefined) return;
        run.note(`somebody cordons ${node}`);
        cordon(run.roll, node, true);
        run.undo.push(() => insist(run.roll, 'PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: null } }));
      }),
  },
  {
    name: 'human-uncordons',
    share: 0.1,
    start: (run) =>
      strike(run, 1 + run.random.int(3), (random) => {
        const node = any(
          random,
          nodesOf(run.roll).filter((one) => one.spec.unschedulable === true),
        )?.metadata.name;
        if (node === undefined) return;
        run.note(`somebody uncordons ${node}`);
        cordon(run.roll, node, false);
      }),
  },
  {
    name: 'human-deletes-pods',
    share: 0.15,
    start: (run) =>
      strike(run, 1 + run.random.int(4), (random) => {
        const node = any(random, nodesOf(run.roll))?.metadata.name ?? '';
        const pod = any(random, workloadsOn(run.roll, node));
        if (pod === undefined) return;
        const [namespace, name] = pod.split('/');
        run.note(`somebody deletes pod ${pod}`);
        kubectl(run.roll, 'DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`);
      }),
  },
  {
    name: 'teams-scale',
    share: 0.2,
    start: (run) =>
      strike(run, 1 + run.random.int(3), (random) => {
        const workload = any(
          random,
          run.scenario.workloads.filter((one) => one.kind === 'Deployment'),
        );
        if (!workload) return;
        const replicas = Math.max(1, workload.pods + random.int(3) - 1);
        run.note(`${workload.name} is scaled to ${replicas}`);
        const path = `/apis/apps/v1/namespaces/shop/deployments/${workload.name}`;
        kubectl(run.roll, 'PATCH', path, { spec: { replicas } });
        run.undo.push(() => insist(run.roll, 'PATCH', path, { spec: { replicas: workload.pods } }));
      }),
  },
  {
    name: 'budgets-change',
    share: 0.2,
    start: (run) =>
      strike(run, 1 + run.random.int(3), (random) => {
        const workload = any(
          random,
          run.scenario.workloads.filter((one) => one.kind === 'Deployment' && one.pods > 1),
        );
        if (!workload) return;
        const { name } = workload;
        const drawn = random.next();
        if (drawn < 0.3) {
          run.note(`the budget of ${name} is deleted`);
          kubectl(run.roll, 'DELETE', `/apis/policy/v1/namespaces/shop/poddisruptionbudgets/${name}`);
        } else if (drawn < 0.6) {
          run.note(`the budget of ${name} never allows`);
          run.roll.kube.seed([budget(name, { maxUnavailable: 0 })], 'team');
        } else if (drawn < 0.75) {
          run.note(`${name} gets a second budget`);
          const second = {
            ...budget(name, { maxUnavailable: 1 }),
            metadata: { name: `${name}-two`, namespace: 'shop' },
          };
          run.roll.kube.seed([second], 'team');
          run.undo.push(() =>
            insist(run.roll, 'DELETE', `/apis/policy/v1/namespaces/shop/poddisruptionbudgets/${name}-two`),
          );
        } else {
          run.note(`the budget of ${name} allows one`);
          run.roll.kube.seed([budget(name, { maxUnavailable: 1 })], 'team');
        }
        run.undo.push(() => run.roll.kube.seed([budget(name, { maxUnavailable: 1 })], 'team'));
      }),
  },
  {
    name: 'instances-die',
    share: 0.15,
    start: (run) =>
      strike(run, 1 + run.random.int(2), (random) => {
        const node = any(random, nodesOf(run.roll));
        if (!node) return;
        run.note(`the instance of ${node.metadata.name} is ended (spot, or somebody)`);
        cloud(run.roll, 'aws-cli/2', 'ec2', 'TerminateInstances', { InstanceIds: [instanceOf(node)] });
      }),
  },
  {
    name: 'autoscaler-grows',
    share: 0.15,
    start: (run) =>
      strike(run, 1, (random) => {
        const pool =
          any(
            random,
            run.scenario.pools.filter((one) => one.controlPlane !== true),
          )?.name ?? 'workers';
        const desired = Number(run.roll.group(pool).DesiredCapacity) + 1;
        run.note(`the autoscaler wants ${desired} nodes in ${pool}`);
        cloud(run.roll, 'cluster-autoscaler/1', 'autoscaling', 'SetDesiredCapacity', {
          AutoScalingGroupName: pool,
          DesiredCapacity: desired,
        });
      }),
  },
  {
    name: 'nodes-deleted',
    share: 0.06,
    start: (run) =>
      strike(run, 1, (random) => {
        const outdated = run.roll.world.aws
          .truth()
          .groups()
          .flatMap((group) => group.members.filter((one) => one.outdated));
        const ids = new Set(outdated.map((one) => one.instanceId));
        const node = any(
          random,
          nodesOf(run.roll).filter((one) => ids.has(instanceOf(one))),
        )?.metadata.name;
        if (node === undefined) return;
        run.note(`somebody deletes the node object ${node}`);
        kubectl(run.roll, 'DELETE', `/api/v1/nodes/${node}`);
      }),
  },
  {
    name: 'template-changes',
    share: 0.12,
    start: (run) =>
      strike(run, 1 + run.random.int(2), () => {
        run.note('a stack update changes the launch template');
        for (const pool of run.scenario.rolled) run.roll.outdate(pool, 'ami-00000000000000003');
      }),
  },
  {
    name: 'limits-change',
    share: 0.08,
    start: (run) =>
      strike(run, 1, (random) => {
        const pool = any(random, run.scenario.rolled) ?? 'workers';
        const { MaxSize, Tags } = run.roll.group(pool);
        const said = Tags.find((tag: { Key: string }) => tag.Key === 'clm/roll-lifted-max')?.Value.split(' ') ?? [];
        let max = Number(MaxSize) + 1 + random.int(5);
        // what a roll has just said that it will set could be anybody's
        while (said.includes(String(max))) max += 1;
        run.note(`somebody sets the maximum of ${pool} to ${max}`);
        cloud(run.roll, 'aws-cli/2', 'autoscaling', 'UpdateAutoScalingGroup', {
          AutoScalingGroupName: pool,
          MaxSize: max,
        });
      }),
  },
  {
    name: 'operator-pauses',
    share: 0.12,
    start: (run) =>
      strike(run, 1 + run.random.int(2), () => {
        run.note('an operator pauses the rolls');
        run.tell({ type: 'PAUSE', by: 'operator', reason: 'let me look', expiresAt: null });
      }),
  },
  {
    name: 'operator-aborts',
    share: 0.06,
    start: (run) =>
      strike(run, 1, () => {
        run.note('an operator aborts the rolls');
        run.tell({ type: 'ABORT', by: 'operator', reason: 'not now' });
      }),
  },
];

/** What happens to the daemon itself is the run's own business: these only switch it on. */
const daemonFaults: FaultClass[] = ['crashes', 'database-lost', 'failover', 'slow-calls'].map((name) => ({
  name,
  share: { crashes: 0.5, 'database-lost': 0.08, failover: 0.1, 'slow-calls': 0.5 }[name] ?? 0,
  start: () => {},
}));

export const faultClasses: readonly FaultClass[] = [...cloudFaults, ...kubeFaults, ...peoplesFaults, ...daemonFaults];

export type FaultName = string;
