/** Edge cases of nodes and of the API server that only a world with time in it shows. */
import { describe, expect, it } from 'vitest';
import {
  after,
  begin,
  cordoned,
  end,
  ended,
  has,
  lateWatches,
  membersOf,
  outdatedWorld,
  tell,
} from '../../../support/roll-sim/edge-world.ts';
import { cordon, instanceOf, kubectl, nodesOf } from '../../../support/roll-sim/people.ts';
import {
  budget,
  contextOf,
  deployment,
  finished,
  type RollDaemon,
  type RollWorld,
} from '../../../support/roll-world.ts';
import { database, storageClass } from '../database.ts';

const minute = 60_000;
const waitOf = async (daemon: RollDaemon): Promise<string | undefined> =>
  (await contextOf(daemon, 'workers'))?.wait?.code;
const workers = (roll: RollWorld) =>
  nodesOf(roll).filter((node) => node.metadata.labels?.['node.kubernetes.io/node-pool'] === 'workers');
const byRoll = (roll: RollWorld) =>
  roll.events.filter((event) => event.actor.kind === 'client' && event.actor.name.startsWith('clm'));

describe('nodes', () => {
  it('edge case 37: a new node that is Ready, and then not, and Ready again counts from the last time', async () => {
    const roll = outdatedWorld({ nodes: 1 }, [], { policy: { minReadyMs: 20_000 } });
    const { clock } = roll.world;
    let wellAt = 0;
    let flaps = 0;
    roll.world.subscribe((event) => {
      if (event.kind !== 'node-ready' || flaps >= 3) return;
      flaps += 1;
      clock.at(clock.now() + 15_000, () => roll.kube.kubelets.fallIll(event.node));
      clock.at(clock.now() + 18_000, () => {
        wellAt = clock.now();
        roll.kube.kubelets.recover(event.node);
      });
    });
    await end(roll, await begin(roll));
    expect(flaps).toBe(3);
    const cordonedAt = roll.events.find((event) => event.kind === 'node-cordoned')?.at ?? 0;
    // conditions say when by the second
    expect(cordonedAt - wellAt).toBeGreaterThanOrEqual(19_000);
  });

  it('edge case 44: an old node that an operator has cordoned is drained in turn, and stays cordoned when the roll is aborted', async () => {
    const slow = deployment('slow', 9, {
      grace: 900,
      nodeSelector: { 'node.kubernetes.io/node-pool': 'workers' },
    });
    const roll = outdatedWorld({}, [slow, budget('slow', { maxUnavailable: 1 })], {
      behaviours: [{ image: 'slow', stopAfterMs: 800_000 }],
    });
    const theirs = workers(roll).find((node) => roll.kube.truth().podsOn(node.metadata.name).size > 2)?.metadata.name;
    cordon(roll, theirs ?? '', true);
    const daemon = await begin(roll);
    const node = () => workers(roll).find((one) => one.metadata.name === theirs);
    await daemon.run(() => node()?.metadata.annotations?.['clm/cordoned-by'] !== undefined);
    await daemon.run(() => roll.events.some((event) => event.kind === 'eviction-accepted' && event.node === theirs));
    await tell(daemon, { type: 'ABORT', by: 'ada', reason: 'enough' });
    await daemon.run(() => has(daemon, 'node-given-back'));
    expect(node()?.spec.unschedulable).toBe(true);
    await daemon.run(() => finished(daemon, 'workers'));
    const opened = roll.events.flatMap((event) => (event.kind === 'node-uncordoned' ? [event.node] : []));
    expect(opened).not.toContain(theirs);
    // what the roll had launched goes, and not what somebody keeps out of service
    roll.pass(300);
    expect(node()?.spec.unschedulable).toBe(true);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it("somebody else's cordon that a late watch does not show yet counts: that node goes next, and none is cordoned beside it", async () => {
    const roll = outdatedWorld({ nodes: 3 });
    lateWatches(roll, 30_000);
    const theirs = workers(roll).at(-1);
    const stop = roll.world.subscribe((event) => {
      if (event.kind !== 'node-ready') return;
      stop();
      // the roll hears of the new node first
      roll.world.clock.at(event.at + 15_000, () => cordon(roll, theirs?.metadata.name ?? '', true));
    });
    const daemon = await begin(roll);
    await end(roll, daemon);
    expect(ended(roll)[0]).toBe(theirs && instanceOf(theirs));
    expect(roll.violations()).toEqual([]);
  });

  it('edge case 47: a change of somebody else between look and patch is not lost: the patch is refused, and made anew', async () => {
    const roll = outdatedWorld({ nodes: 2 });
    const touched = new Set<string>();
    let refused = 0;
    const { handle } = roll.kube;
    Object.assign(roll.kube, {
      handle: (request: Parameters<typeof handle>[0]) => {
        const ours = request.method === 'PATCH' && request.userAgent?.startsWith('clm') === true;
        if (ours && request.path.startsWith('/api/v1/nodes/') && !touched.has(request.path)) {
          touched.add(request.path);
          kubectl(roll, 'PATCH', request.path, { metadata: { labels: { 'team/note': 'keep' } } });
        }
        const answer = handle.call(roll.kube, request);
        if (ours && answer.status === 409) refused += 1;
        return answer;
      },
    });
    const notes: (string | undefined)[] = [];
    roll.world.subscribe((event) => {
      if (event.kind !== 'instance-terminate-requested') return;
      notes.push(workers(roll).find((node) => instanceOf(node) === event.instanceId)?.metadata.labels?.['team/note']);
    });
    await end(roll, await begin(roll));
    expect(refused).toBeGreaterThanOrEqual(2);
    expect(notes).toEqual(['keep', 'keep']);
    expect(roll.violations()).toEqual([]);
  });

  it('edge case 88: where new nodes take fewer volumes, the roll stops while pods find no node, and says so', async () => {
    const roll = outdatedWorld({ nodes: 6, max: 12 }, [storageClass, database(12)], {
      policy: { unschedulablePods: 1 },
    });
    roll.kube.faults.attachLimit = 1;
    const daemon = await begin(roll);
    await daemon.run(async () => (await waitOf(daemon)) === 'pods-without-node');
    const before = [cordoned(roll).length, membersOf(roll).filter((one) => one.outdated).length];
    expect(before[1]).toBeGreaterThan(1);
    await after(daemon, roll, 60 * minute);
    expect(cordoned(roll)).toHaveLength(before[0] ?? 0);
    const pending = [...roll.kube.truth().pods.values()].filter((pod) => pod.spec.nodeName === undefined);
    expect(JSON.stringify(pending)).toContain('node(s) exceed max volume count');
    roll.kube.faults.attachLimit = Number.POSITIVE_INFINITY;
    // what fitted nowhere is tried again when something changes
    kubectl(roll, 'PATCH', `/api/v1/nodes/${workers(roll)[0]?.metadata.name}`, {
      metadata: { labels: { tried: 'again' } },
    });
    await end(roll, daemon);
    expect(roll.violations()).toEqual([]);
  });
});

describe('the API server', () => {
  it('edge case 50: a watch that is cut, and cannot be taken up again, freezes everything until all is read anew', async () => {
    const roll = outdatedWorld({}, [deployment('web', 6), budget('web', { minAvailable: 4 })]);
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-usable'));
    const faults = ['list', 'watch'].map((verb) => roll.kube.callFaults.add({ kind: 'server-error', verb }));
    roll.kube.compact();
    roll.kube.closeWatches();
    await after(daemon, roll, 1_000);
    const before = byRoll(roll).length;
    await after(daemon, roll, 20 * minute);
    expect(byRoll(roll)).toHaveLength(before);
    expect(await waitOf(daemon)).toBe('view-stale');
    for (const fault of faults) roll.kube.callFaults.remove(fault);
    await end(roll, daemon);
    expect(roll.violations()).toEqual([]);
  });
});
