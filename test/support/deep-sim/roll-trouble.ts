/** What goes wrong with the nodes, the cloud and the APIs of a deep world: faults of the roll simulation, now and then. */
import type { Random } from '../../../src/support/random.ts';
import { pickOne, recurring, type Stage } from '../pipeline-sim/pipeline-run.ts';
import { day, hour, minute } from '../pipeline-sim/scenario.ts';
import { type FaultRun, faultClasses } from '../roll-sim/fault-classes.ts';
import { insist, type Place } from '../roll-sim/people.ts';
import { budget } from '../roll-world.ts';
import { type DeepCluster, type DeepGround, deepImage } from './deep-ground.ts';
import { groupName } from './deep-render.ts';

/** Faults that a pipeline's clusters have to live with; what changes templates, limits or rolls comes from commits and operators here. */
const classes = [
  'cloud-reply-lost',
  'cloud-call-lost',
  'cloud-throttles',
  'cloud-fails',
  'cloud-stale',
  'no-capacity',
  'kube-call-lost',
  'kube-reply-lost',
  'kube-throttles',
  'kube-fails',
  'kube-conflicts',
  'watches-cut',
  'api-down',
  'budgets-late',
  'scheduler-down',
  'controllers-down',
  'registry-down',
  'pods-unready',
  'human-deletes-pods',
  'instances-die',
];

/** Most strike while a roll is under way: a node in so many that are launched brings one. */
const launchesStruck = 0.08;
const spellMs = 40 * minute;

/** The classes that this seed draws. */
export function drawFaults(random: Random): string[] {
  return classes.filter(() => random.next() < 0.4);
}

/** Faults of nodes strike whatever the troubles of the pipeline are; none when there is no trouble at all. */
export function startRollTrouble(stage: Stage, ground: DeepGround, faults: readonly string[]): void {
  const random = stage.random.fork('rolls');
  const { scenario } = stage;
  const drawn = faultClasses.filter((one) => faults.includes(one.name));
  const strike = (id: string): void => {
    const cluster = ground.clusters.get(id);
    const fault = pickOne(random, drawn);
    if (cluster === undefined || fault === undefined || ground.clock.now() >= stage.until) return;
    begin(stage, random, (undo) => fault.start(faultRun(stage, ground, cluster, { random, undo })));
  };
  ground.onEvent = (event) => {
    if (event.kind !== 'instance-launched' || ground.clock.now() >= stage.until) return;
    if (random.next() < launchesStruck)
      stage.at(ground.clock.now() + random.int(5 * minute), () => strike(event.cluster));
  };
  recurring(stage, random, 2 * day, () => strike(pickOne(random, [...ground.clusters.keys()]) ?? ''));
  if (scenario.troubles.includes('blocked-rolls'))
    recurring(stage, random, 4 * day, () => block(stage, ground, random));
  if (scenario.troubles.includes('failing-rolls'))
    recurring(stage, random, 6 * day, () => badImage(stage, ground, random));
}

/** Something that lasts for a spell, and surely no longer than the trouble does. */
function begin(stage: Stage, random: Random, start: (undo: (() => void)[]) => void, longestMs = spellMs): void {
  const undo: (() => void)[] = [];
  start(undo);
  const end = (): void => {
    for (const act of undo.splice(0).reverse()) act();
  };
  stage.undo(end);
  stage.at(stage.world.clock.now() + longestMs * (0.2 + 0.8 * random.next()), end);
}

function faultRun(
  stage: Stage,
  ground: DeepGround,
  { cluster, pools, workloads, gate }: DeepCluster,
  { random, undo }: Pick<FaultRun, 'random' | 'undo'>,
): FaultRun {
  const from = ground.clock.now();
  const own = (): never => {
    throw new Error('templates and limits of a deep world are changed by commits alone');
  };
  return {
    roll: { world: ground.world, kube: ground.world.kube(cluster.id), cluster, group: own, outdate: own },
    scenario: {
      pools: pools.map(({ nodes, controlPlane, name }) => ({
        name: groupName(cluster.localId, name),
        nodes,
        controlPlane,
      })),
      rolled: [],
      workloads,
    },
    random,
    gate,
    from,
    until: Math.min(stage.until, from + 10 * minute),
    note: (text) => stage.note(`${cluster.localId}: ${text}`),
    undo,
    tell: own,
  };
}

/** A team's budget lets nothing go for some hours. */
function block(stage: Stage, ground: DeepGround, random: Random): void {
  const found = pickOne(random, [...ground.clusters.values()]);
  const workload = pickOne(random, found?.workloads.filter((one) => one.kind === 'Deployment') ?? []);
  if (found === undefined || workload === undefined) return;
  const { id, localId } = found.cluster;
  const place: Place = { world: ground.world, kube: ground.world.kube(id), cluster: found.cluster };
  const name = `${workload.name}-stays`;
  const never = budget(workload.name, { maxUnavailable: 0 }) as { metadata: { name: string } };
  never.metadata.name = name;
  stage.note(`${localId}: a budget lets no pod of ${workload.name} go`);
  begin(
    stage,
    random,
    (undo) => {
      ground.world.kube(id).seed([never], 'team');
      undo.push(() => insist(place, 'DELETE', `/apis/policy/v1/namespaces/shop/poddisruptionbudgets/${name}`));
    },
    8 * hour,
  );
}

/** Nodes do not boot any more, whatever their template says. */
function badImage(stage: Stage, ground: DeepGround, random: Random): void {
  const { badImages } = ground.world.faults;
  stage.note('nodes do not boot');
  begin(
    stage,
    random,
    (undo) => {
      badImages.add(deepImage(ground));
      undo.push(() => {
        badImages.delete(deepImage(ground));
        stage.note('nodes boot again');
      });
    },
    3 * hour,
  );
}
