/** Worlds of one situation each: a small pool that is rolled while something out of the ordinary is the case. */
import { expect } from 'vitest';
import type { KubeAnswer, KubeRequest } from '../../../src/simulator/model/kube/api-request.ts';
import type { WatchSink } from '../../../src/simulator/model/kube/watch-hub.ts';
import {
  type DaemonParts,
  finished,
  journalOf,
  type PoolSpec,
  type RollDaemon,
  RollWorld,
  type RollWorldOptions,
  rollId,
  startDaemon,
  startRoll,
  stateOf,
} from '../roll-world.ts';

/** A pool `workers` that is outdated, beside one of another node, with these workloads. */
export function outdatedWorld(
  pool: Partial<PoolSpec>,
  workloads: object[] = [],
  options: Partial<RollWorldOptions> = {},
): RollWorld {
  const roll = new RollWorld({
    pools: [
      { name: 'workers', nodes: 3, ...pool },
      { name: 'other', nodes: 1 },
    ],
    ...options,
  });
  if (workloads.length > 0) roll.apply(...workloads);
  roll.outdate('workers');
  roll.watchInvariants();
  return roll;
}

/** A daemon that rolls the workers; events count from here. */
export async function begin(roll: RollWorld, parts: DaemonParts = {}): Promise<RollDaemon> {
  const daemon = await startDaemon(roll, parts);
  roll.events.length = 0;
  await startRoll(daemon, roll, 'workers');
  return daemon;
}

/** To the end of the roll, and a while longer. */
export async function end(roll: RollWorld, daemon: RollDaemon): Promise<void> {
  await daemon.run(() => finished(daemon, 'workers'));
  expect(await stateOf(daemon, 'workers')).toBe('rolled');
  roll.pass(300);
  await daemon.stop();
}

export async function after(daemon: RollDaemon, roll: RollWorld, ms: number): Promise<void> {
  const until = roll.world.clock.now() + ms;
  // The clock goes from event to event: one is at the end.
  roll.world.clock.at(until, () => undefined);
  await daemon.run(() => roll.world.clock.now() >= until);
}

export const membersOf = (roll: RollWorld, name = 'workers') =>
  roll.world.aws
    .truth()
    .groups()
    .find((group) => group.name === name)?.members ?? [];

export const evicted = (roll: RollWorld): string[] =>
  roll.events.flatMap((event) => (event.kind === 'eviction-accepted' ? [event.pod] : []));

export const cordoned = (roll: RollWorld): string[] =>
  roll.events.flatMap((event) => (event.kind === 'node-cordoned' ? [event.node] : []));

export const ended = (roll: RollWorld): string[] =>
  roll.events.flatMap((event) => (event.kind === 'instance-terminate-requested' ? [event.instanceId] : []));

export const launched = (roll: RollWorld): number =>
  roll.events.filter((event) => event.kind === 'instance-launched').length;

/** An operator's order to the roll of the workers. */
export async function tell(daemon: RollDaemon, event: { type: string; [key: string]: string }): Promise<void> {
  await daemon.engine.post({ to: rollId('workers'), event });
}

export const has = async (daemon: RollDaemon, kind: string): Promise<boolean> => (await told(daemon, kind)).length > 0;

/** Journal entries of a kind. */
export async function told(daemon: RollDaemon, kind: string): Promise<string[]> {
  return (await journalOf(daemon)).filter((line) => line.startsWith(`${kind}:`));
}

/** The API server answers with what `answer` gives, where it gives something. */
export function answering(roll: RollWorld, answer: (request: KubeRequest) => KubeAnswer | undefined): void {
  const { handle } = roll.kube;
  Object.assign(roll.kube, {
    handle: (request: KubeRequest) => answer(request) ?? handle.call(roll.kube, request),
  });
}

export interface Ask {
  at: number;
  path: string;
  /** The pod that is asked for. */
  pod: string;
  body: unknown;
}

/** Every eviction that is asked for from now on; `answer` may answer it instead of the server. */
export function evictions(
  roll: RollWorld,
  answer: (ask: Ask, nth: number) => KubeAnswer | undefined = () => undefined,
) {
  const asks: Ask[] = [];
  answering(roll, (request) => {
    if (request.method !== 'POST' || !request.path.endsWith('/eviction')) return undefined;
    const pod = request.path.split('/').at(-2) ?? '';
    const ask = { at: roll.world.clock.now(), path: request.path, pod, body: request.body };
    asks.push(ask);
    return answer(ask, asks.length);
  });
  return asks;
}

/** A Status of the API server. */
export function refusal(code: number, fields: Record<string, unknown>): KubeAnswer {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, ...fields } };
}

/** A Deployment or the like whose pod template has this in its spec, too. */
export function withPodSpec(workload: object, spec: Record<string, unknown>): object {
  const made = structuredClone(workload) as { spec: { template: { spec: object } } };
  Object.assign(made.spec.template.spec, spec);
  return made;
}

/** Watches tell what happens this much later, in its order. */
export function lateWatches(roll: RollWorld, lateMs: number): void {
  const { watch } = roll.kube;
  const { clock } = roll.world;
  Object.assign(roll.kube, {
    watch: (request: KubeRequest, sink: WatchSink) =>
      watch.call(roll.kube, request, {
        event: (event) => void clock.at(clock.now() + lateMs, () => sink.event(event)),
        closed: () => void clock.at(clock.now() + lateMs, () => sink.closed()),
      }),
  });
}
