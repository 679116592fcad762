/** Tables of state × event for pure machines: where each event leads from each state, ignored ones included. */
import { type AnyStateMachine, initialTransition, transition } from 'xstate';

export interface TableEvent {
  type: string;
  [field: string]: unknown;
}

/** The state value after an event in a given state; the same value when it is ignored or only changes the context. */
export function after(machine: AnyStateMachine, value: string, context: unknown, event: TableEvent): string {
  const snapshot = machine.resolveState({ value, context });
  const [next] = transition(machine, snapshot, event);
  return String((next as { value: unknown }).value);
}

/** The context after an event. */
export function contextAfter<Context>(
  machine: AnyStateMachine,
  value: string,
  context: Context,
  event: TableEvent,
): Context {
  const [next] = transition(machine, machine.resolveState({ value, context }), event);
  return (next as { context: Context }).context;
}

export function initialContext<Context>(machine: AnyStateMachine, input: unknown): Context {
  const [snapshot] = initialTransition(machine, input);
  return (snapshot as { context: Context }).context;
}

/** One line a state: `state: EVENT→target …`, events that change nothing left out. */
export function tableOf(
  machine: AnyStateMachine,
  states: string[],
  contextIn: (state: string) => unknown,
  events: Record<string, TableEvent>,
): Record<string, string> {
  const table: Record<string, string> = {};
  for (const state of states) {
    const moves = Object.entries(events).flatMap(([name, event]) => {
      const target = after(machine, state, contextIn(state), event);
      return target === state ? [] : [`${name}→${target}`];
    });
    table[state] = moves.join(' ');
  }
  return table;
}

interface Visited {
  reached: Set<string>;
  /** States from which each state can be reached in one event. */
  before: Map<string, Set<string>>;
}

/** Contexts followed in one state: enough for guards that look at them, few enough to end. */
const contextsPerState = 25;

/**
 * Walks breadth first from the first state with the given events. Contexts are unbounded, which is why this is not xstate's
 * getShortestPaths: those that differ only in counters count as one, and of the others a bounded number is followed.
 */
export function walk(machine: AnyStateMachine, input: unknown, events: TableEvent[]): Visited {
  const [first] = initialTransition(machine, input);
  const queue = [first as { value: unknown; context: Record<string, unknown>; status: string }];
  const reached = new Set<string>([String(queue[0]?.value)]);
  const before = new Map<string, Set<string>>();
  const seen = new Set<string>();
  const followed = new Map<string, number>();
  while (queue.length > 0) {
    const snapshot = queue.shift() as (typeof queue)[number];
    for (const event of events) {
      const [next] = transition(machine, snapshot as never, event as never) as unknown as [(typeof queue)[number]];
      const from = String(snapshot.value);
      const to = String(next.value);
      reached.add(to);
      if (to !== from) before.set(to, (before.get(to) ?? new Set()).add(from));
      const key = `${to} ${JSON.stringify(withoutCounters(next.context))}`;
      const count = followed.get(to) ?? 0;
      if (count >= contextsPerState || seen.has(key) || next.status !== 'active') continue;
      seen.add(key);
      followed.set(to, count + 1);
      queue.push(next);
    }
  }
  return { reached, before };
}

function withoutCounters(context: Record<string, unknown>): unknown {
  const { activeMs: _a, blockedMs: _b, lastSeenAt: _c, phaseActiveMs: _d, wait: _e, failure: _f, ...rest } = context;
  return rest;
}

/** States from which no final state can be reached by any of the events. */
export function traps({ reached, before }: Visited, finals: string[]): string[] {
  const safe = new Set(finals);
  const queue = [...finals];
  while (queue.length > 0) {
    for (const from of before.get(queue.shift() as string) ?? []) {
      if (safe.has(from)) continue;
      safe.add(from);
      queue.push(from);
    }
  }
  return [...reached].filter((state) => !safe.has(state)).sort();
}
