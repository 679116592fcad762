/** XState behind one module: machines as pure reducers, and what their states ask of the engine. */
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { createActor } from 'xstate';
import type { MachineModule, StateMeta } from '../machines/events.ts';
import type { Json } from '../ports/store.ts';

/** A process as the engine holds it in memory: its snapshot and what the current state asks for. */
export interface ProcessState {
  snapshot: AnyMachineSnapshot;
  value: Json;
  context: Json;
  /** Dotted: `updating.wave`. */
  path: string;
  final: boolean;
  output: Json;
  step?: string;
  /** The step is quick: messages that lead here are committed with its outcome. */
  quick: boolean;
  waitsFor: string[];
}

/** The machine breaks a rule of the engine; the row is quarantined with this sentence. */
export class MachineRuleError extends Error {}

function machineOf(module: MachineModule): AnyStateMachine {
  return module.machine;
}

/** First state of a new process. Throws when the input does not suit the machine. */
export function initialState(module: MachineModule, input: Json): ProcessState {
  const { scope, actions } = collecting(module);
  const snapshot: AnyMachineSnapshot = machineOf(module).getInitialSnapshot(scope, input);
  return checked(module, snapshot, actions);
}

/** State of a stored row. Throws when the machine has no such state. */
export function restoredState(module: MachineModule, value: unknown, context: unknown): ProcessState {
  const machine = machineOf(module);
  const snapshot: AnyMachineSnapshot = machine.resolveState({ value: value as never, context });
  return checked(module, snapshot, []);
}

/** The state after an event, or undefined when the machine ignores it. Throws when a guard or assign throws. */
export function nextState(module: MachineModule, state: ProcessState, event: EventObject): ProcessState | undefined {
  const { scope, actions } = collecting(module);
  const snapshot: AnyMachineSnapshot = machineOf(module).transition(state.snapshot, event, scope);
  if (snapshot === state.snapshot && actions.length === 0) return undefined;
  return checked(module, snapshot, actions, state.snapshot.context);
}

/** A scope that writes down what a machine wants done beside assigning. */
function collecting(module: MachineModule) {
  const actions: { type: string }[] = [];
  const actionExecutor = (action: { type: string }): void => void actions.push(action);
  return { scope: { ...inertScopeOf(machineOf(module)), actionExecutor }, actions };
}

const inertScopes = new WeakMap<AnyStateMachine, AnyActorScope>();

/**
 * What XState's own `transition` makes anew for every event, the initial state of the machine included. Reducers that only assign leave
 * nothing in it, so one a machine is enough.
 */
function inertScopeOf(machine: AnyStateMachine): AnyActorScope {
  let scope = inertScopes.get(machine);
  if (!scope) {
    const self = createActor(machine);
    const nothing = (): void => {};
    scope = {
      self,
      system: self.system,
      id: '',
      sessionId: '',
      logger: nothing,
      defer: nothing,
      stopChild: nothing,
      emit: nothing,
      actionExecutor: nothing,
    };
    inertScopes.set(machine, scope);
  }
  return scope;
}

/** `a.b` for nested states, `a.x,b.y` for parallel regions. */
export function statePath(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([key, inner]) => {
      const rest = statePath(inner);
      return rest === '' ? key : `${key}.${rest}`;
    })
    .join(',');
}

function checked(
  module: MachineModule,
  snapshot: AnyMachineSnapshot,
  actions: readonly { type: string }[],
  /** The context before, which was found to fit: what is left of it need not be looked at again. */
  known?: unknown,
): ProcessState {
  const path = statePath(snapshot.value);
  const where = `machine ${module.name}, state ${path}`;
  if (snapshot.status === 'error') {
    throw new MachineRuleError(`${where}: ${snapshot.error instanceof Error ? snapshot.error.message : 'failed'}`);
  }
  if (actions.length > 0) {
    const names = actions.map((action) => action.type).join(', ');
    throw new MachineRuleError(`${where}: machines only assign, this one also wants: ${names}`);
  }
  const final = snapshot.status === 'done';
  const meta = metaOf(module, path, snapshot);
  if (!final && meta.step === undefined && meta.waitsFor.length === 0) {
    throw new MachineRuleError(`${where} has neither a step nor an event that it waits for`);
  }
  const parsed = module.parseContext(snapshot.context, known);
  if (!parsed.ok) throw new MachineRuleError(`${where}: the context does not fit its schema: ${parsed.error}`);
  return {
    snapshot,
    value: snapshot.value as Json,
    context: snapshot.context as Json,
    path,
    final,
    output: (snapshot.output ?? null) as Json,
    waitsFor: meta.waitsFor,
    quick: meta.quick && !final,
    ...(final || meta.step === undefined ? {} : { step: meta.step }),
  };
}

interface Asked {
  step: string | undefined;
  quick: boolean;
  waitsFor: string[];
}

const asked = new WeakMap<AnyStateMachine, Map<string, Asked>>();

/** The innermost state that names a step decides; the events waited for add up. A machine says the same of a state every time. */
function metaOf(module: MachineModule, path: string, snapshot: AnyMachineSnapshot): Asked {
  const machine = machineOf(module);
  const known = asked.get(machine) ?? new Map<string, Asked>();
  asked.set(machine, known);
  const before = known.get(path);
  if (before !== undefined) return before;
  const metas = Object.entries(snapshot.getMeta() as Record<string, StateMeta | undefined>);
  metas.sort(([a], [b]) => b.length - a.length);
  const named = metas.find(([, meta]) => meta?.step !== undefined)?.[1];
  const found = {
    step: named?.step,
    quick: named?.quick ?? false,
    waitsFor: metas.flatMap(([, meta]) => meta?.waitsFor ?? []),
  };
  known.set(path, found);
  return found;
}
