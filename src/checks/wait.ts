import { FailureError } from '../domain/failure.ts';
import type { KubeObject } from '../domain/kube-object.ts';
import type { KubeCluster, ListOptions, Resource } from '../ports/kube-cluster.ts';
import { type Clock, patientLimit } from '../support/clock.ts';
import { CheckTimedOut } from './contract.ts';
import { pause } from './pause.ts';

/** Wall time that any wait gets: its calls do not become faster with the clock. */
const leastWaitWallMs = 8_000;
/** Pause between two lists after a watch ended or the API was away, decision time. */
const relistAfterMs = 2_000;

export interface WaitInput {
  kube: KubeCluster;
  clock: Clock;
  signal: AbortSignal;
  what: string;
  resource: Resource;
  options: ListOptions;
  withinMs: number;
  judge: (items: KubeObject[]) => string | undefined;
}

/** List, then watch, until `judge` is content. A closed watch or an API that is away leads to a new list, not to a verdict. */
export async function untilObjects(input: WaitInput): Promise<KubeObject[]> {
  const withinMs = patientLimit(input.clock, input.withinMs, leastWaitWallMs);
  const deadline = input.clock.now() + withinMs;
  let missing = 'nothing was seen yet';
  let unasked: FailureError | undefined;
  for (;;) {
    input.signal.throwIfAborted();
    const round = await oneRound(input, deadline, (answer) => {
      missing = answer;
    });
    unasked = round.kind === 'again' ? round.unasked : undefined;
    if (round.kind === 'content') return round.items;
    if (input.clock.now() >= deadline) {
      // Who could not ask has seen nothing: that is no verdict on the cluster.
      if (unasked !== undefined) throw unasked;
      throw new CheckTimedOut(`${input.what}: not within ${Math.round(withinMs / 1000)} s; ${missing}`);
    }
    if (round.kind === 'fatal') throw round.error;
    await pause(input.clock, Math.min(relistAfterMs, Math.max(1, deadline - input.clock.now())), input.signal);
  }
}

type Round =
  | { kind: 'content'; items: KubeObject[] }
  | { kind: 'again'; unasked?: FailureError }
  | { kind: 'fatal'; error: unknown };

async function oneRound(input: WaitInput, deadline: number, note: (missing: string) => void): Promise<Round> {
  const { kube, resource, options, judge } = input;
  const items = new Map<string, KubeObject>();
  const keyOf = (object: KubeObject): string => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
  let resourceVersion: string;
  try {
    const list = await kube.list(resource, options);
    for (const item of list.items) items.set(keyOf(item), item);
    resourceVersion = list.resourceVersion;
  } catch (error) {
    if (error instanceof FailureError && error.failure.kind === 'transient') {
      note(error.failure.message);
      return { kind: 'again', unasked: error };
    }
    return { kind: 'fatal', error };
  }
  const content = (): boolean => {
    const answer = judge([...items.values()]);
    if (answer !== undefined) note(answer);
    return answer === undefined;
  };
  if (content()) return { kind: 'content', items: [...items.values()] };

  return new Promise<Round>((resolve) => {
    let settled = false;
    // A watch may end, or refuse to begin, before it has been answered.
    let handle: { stop(): void } | undefined;
    const settle = (round: Round): void => {
      if (settled) return;
      settled = true;
      timer.cancel();
      input.signal.removeEventListener('abort', onAbort);
      handle?.stop();
      resolve(round);
    };
    const onAbort = (): void => settle({ kind: 'fatal', error: input.signal.reason });
    const timer = input.clock.at(deadline, () => settle({ kind: 'again' }));
    try {
      handle = kube.watch(
        resource,
        { ...options, resourceVersion },
        {
          event: ({ type, object }) => {
            if (type === 'BOOKMARK' || settled) return;
            if (type === 'DELETED') items.delete(keyOf(object));
            else items.set(keyOf(object), object);
            // A judge that throws has a verdict: it must not fall into the watch's hands.
            try {
              if (content()) settle({ kind: 'content', items: [...items.values()] });
            } catch (error) {
              settle({ kind: 'fatal', error });
            }
          },
          closed: () => settle({ kind: 'again' }),
        },
      );
    } catch (error) {
      settle({ kind: 'fatal', error });
    }
    if (settled) {
      handle?.stop();
      return;
    }
    input.signal.addEventListener('abort', onAbort, { once: true });
    if (input.signal.aborted) onAbort();
  });
}
