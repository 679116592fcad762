/** One look at a cluster for one pool: settle what was decided, plan for all pools, do this pool's share. */
import type { RollMemory, RollNode } from '../../domain/node-pool-roll.ts';
import { planRoll } from '../../planning/roll/plan-roll.ts';
import type { PoolPlan, PoolRollState, RollAction, RollMode, RollPlanInput } from '../../planning/roll/roll-plan.ts';
import { leaseReadAgeMs } from '../../planning/roll/usability.ts';
import type { Resource } from '../../ports/kube-cluster.ts';
import type { StepOutcome } from '../../ports/step.ts';
import { postBlockEvents } from './block-events.ts';
import { loadBootRecords } from './boot-records.ts';
import { settleBoots, withinFleet } from './boot-slots.ts';
import { readCordons } from './latest-cordons.ts';
import { loadHistory } from './measurements.ts';
import { key } from './open-intents.ts';
import { type Performed, performActions, readUnsureNodes } from './perform-actions.ts';
import { note, type RollLook, type RollVisit } from './roll-context.ts';
import { doneOutcome, troubledOutcome, waitingOutcome } from './roll-outcome.ts';
import { settleIntents } from './settle-intents.ts';

/** Cordon, then the first evictions, then what those allow: more than this is left to the next wake-up. */
const maxRounds = 3;
const apiProbeAgeMs = 10_000;
/** The fleet's boot slots are looked at again after this long. */
const fleetLookMs = 15_000;

/** `roll-pool`, and the part of `stop-roll` that moves nodes. */
export async function rollPool(visit: RollVisit, memory: RollMemory, mode: RollMode): Promise<StepOutcome> {
  const look = await lookAndAct(visit, memory, mode);
  if (look.failure !== undefined) return troubledOutcome(visit, look, memory);
  if (look.decided) return doneOutcome(visit, look, 'again', null);
  const { verdict } = look.plan;
  switch (verdict.kind) {
    case 'complete':
      return doneOutcome(visit, look, mode === 'stopping' ? 'finished' : 'finalizing', null);
    case 'failed':
      note(visit, 'roll-failed', verdict.message, { code: verdict.code });
      return doneOutcome(visit, look, mode === 'stopping' ? 'finished' : 'failing', verdict.message);
    case 'foreign-change':
      note(visit, 'roll-paused', `${visit.step.context.pool} is paused: ${verdict.message}`);
      return doneOutcome(visit, look, 'paused', verdict.message);
    case 'going-on':
      return waitingOutcome(visit, look);
  }
}

async function lookAndAct(visit: RollVisit, memory: RollMemory, mode: RollMode): Promise<RollLook> {
  const { ledger, session, step } = visit;
  let nodes = ledger.nodes.get(step.id) ?? step.context.progress.nodes;
  await readUnsureNodes(visit);
  const view = await session.view();
  const settled =
    memory.intents.length > 0 && view.stale === undefined ? await settleIntents(visit, view, memory, mode) : undefined;
  let known = settled?.memory ?? memory;
  nodes = withEnded(nodes, settled?.ended ?? [], visit.now());
  let failure = settled?.failure;
  await loadHistory(visit);
  await loadBootRecords(visit);
  let plan = await planOnce(visit, known, mode, nodes);
  noteBooted(visit, plan);
  for (let round = 0; round < maxRounds && failure === undefined; round++) {
    const actions = plan.actions.filter((action) => action.kind !== 'capacity').slice(0, visit.policy.actionsPerTick);
    if (actions.length === 0) break;
    const performed = await performRound(visit, actions, plan.memory);
    known = performed.memory;
    failure = performed.failure;
    nodes = plan.nodes;
    if (!performed.changed) {
      plan = { ...plan, memory: known };
      break;
    }
    plan = await planOnce(visit, known, mode, nodes);
    noteBooted(visit, plan);
  }
  ledger.nodes.set(step.id, plan.nodes);
  await postBlockEvents(visit, view, plan.nodes);
  const settledBoots = settleBoots(plan.memory, plan.booting, []);
  const look: RollLook = {
    plan,
    memory: settledBoots.memory,
    failure,
    lookAt: settled?.lookAt,
    decided: false,
    admit: [],
    release: settledBoots.release,
  };
  if (failure !== undefined) return look;
  return decide(visit, look);
}

/** Changes of capacity that are to be committed before they are made. */
async function decide(visit: RollVisit, look: RollLook): Promise<RollLook> {
  const { due, withdrawnUntil } = dueIntents(visit, newIntents(look.plan.actions, look.memory));
  const { taken, admit, held } = await withinFleet(visit, due);
  if (taken.length === 0) {
    if (held === 0)
      return withdrawnUntil === undefined ? look : { ...look, lookAt: earlier(look.lookAt, withdrawnUntil) };
    const message = `${visit.parts.fleet.bootLimit} nodes of the fleet are booting, as many as may`;
    const plan = { ...look.plan, wait: { code: 'fleet-boot-cap', message } };
    return { ...look, plan, lookAt: earlier(look.lookAt, visit.now() + fleetLookMs) };
  }
  for (const action of taken) visit.ledger.unsent.add(key(visit, action.intent));
  const decided = withIntents(look, taken);
  const { memory } = settleBoots(decided.memory, Number.POSITIVE_INFINITY, admit);
  return { ...decided, memory, admit, decided: true };
}

type Decision = Extract<RollAction, { kind: 'capacity' }>;

/** Without the terminations that were withdrawn a moment ago, and without launches into their places. */
function dueIntents(visit: RollVisit, decisions: Decision[]): { due: Decision[]; withdrawnUntil: number | undefined } {
  const now = visit.now();
  const holding = new Set<string>();
  let withdrawnUntil: number | undefined;
  for (const { intent } of decisions) {
    const until = intent.kind === 'terminate' ? visit.ledger.withdrawnUntil(intent.instanceId, now) : undefined;
    if (until === undefined) continue;
    holding.add(intent.group);
    withdrawnUntil = earlier(withdrawnUntil, until);
  }
  const due = decisions.filter(({ intent }) =>
    intent.kind === 'launch'
      ? !holding.has(intent.group)
      : visit.ledger.withdrawnUntil(intent.instanceId, now) === undefined,
  );
  return { due, withdrawnUntil };
}

const earlier = (a: number | undefined, b: number): number => Math.min(a ?? Number.POSITIVE_INFINITY, b);

function noteBooted(visit: RollVisit, plan: PoolPlan): void {
  for (const { name, group, ms } of plan.booted) {
    visit.boots.usable.push(group);
    visit.measured.boots.push(ms);
    note(visit, 'node-usable', `${name} counts ${Math.round(ms / 1000)} s after its launch`, { node: name });
  }
}

async function performRound(visit: RollVisit, actions: RollAction[], memory: RollMemory): Promise<Performed> {
  const view = await visit.session.view();
  return performActions(visit, actions, new Map(view.nodes.map((node) => [node.name, node])), memory);
}

/** Accepted terminations are remembered until the cloud shows them: a describe may be older. */
function withEnded(nodes: RollNode[], ended: string[], now: number): RollNode[] {
  if (ended.length === 0) return nodes;
  const gone = new Set(ended);
  const kept = nodes.filter((node) => !gone.has(node.instanceId));
  for (const instanceId of ended) {
    const name = nodes.find((node) => node.instanceId === instanceId)?.name ?? instanceId;
    kept.push({ name, instanceId, phase: 'terminating', since: Math.floor(now) });
  }
  return kept;
}

async function planOnce(visit: RollVisit, memory: RollMemory, mode: RollMode, nodes: RollNode[]): Promise<PoolPlan> {
  const { session, step, ledger, policy } = visit;
  const { context } = step;
  const own: PoolRollState = {
    processId: step.id,
    pool: context.pool,
    controlPlane: context.controlPlane,
    mode,
    surge: context.surge,
    checksFirst:
      context.checksFirst === true && context.revert === null ? { passed: context.checked ?? [] } : undefined,
    bootTimeoutMs: context.bootTimeoutMs,
    blockLimitMs: context.blockLimitMs,
    memory,
    nodes,
  };
  const view = await session.view();
  const cloud = await session.cloudView(300_000);
  const now = Math.floor(visit.now());
  ledger.prune(view, now);
  const input: RollPlanInput = {
    view,
    cloud,
    pools: ledger.pools(own, now),
    now,
    policy,
    apiReady: lastProbe(visit),
    leases: lastLeases(visit),
    overrides: await visit.parts.overridesOf(context.clusterId),
    terminationMs: ledger.terminations.byWorkload,
    history: ledger.history,
    lastArrivals: ledger.arrivals.last,
    evictNotBefore: ledger.evictNotBefore,
    throttledUntil: ledger.throttledUntil,
    evictionsHeldUntil: ledger.evictionsHeldUntil,
    returns: ledger.returns,
    refusedForGood: ledger.refusedForGood,
    deregisteredAt: ledger.deregisteredAt,
    protectedAt: ledger.protectedAt,
  };
  let plan = planRoll(input);
  let mine = ownPlan(plan.pools, step.id);
  const planAgain = (): void => {
    plan = planRoll(input);
    mine = ownPlan(plan.pools, step.id);
  };
  if (cloud.at < mine.cloudNotBefore) {
    input.cloud = await session.cloudView(Math.max(0, now - mine.cloudNotBefore));
    planAgain();
  }
  if (mine.wantsApi) {
    input.apiReady = await probeApi(visit);
    planAgain();
  }
  if (mine.wantsLeases) {
    input.leases = await readLeases(visit);
    planAgain();
  }
  if (await readCordons(visit, mine.actions)) {
    input.view = await session.view();
    planAgain();
  }
  for (const other of plan.pools) {
    if (other.processId !== step.id && other.actions.length > 0) visit.parts.wake(other.processId);
  }
  return mine;
}

function ownPlan(plans: PoolPlan[], processId: string): PoolPlan {
  const own = plans.find((plan) => plan.processId === processId);
  if (!own) throw new Error(`the plan left out ${processId}`);
  return own;
}

/** What the API server said within the last seconds; undefined = nobody has asked. */
function lastProbe(visit: RollVisit): boolean | undefined {
  const now = visit.now();
  const last = visit.ledger.apiReady;
  return last && now - last.at < apiProbeAgeMs && now >= last.at ? last.ok : undefined;
}

async function probeApi(visit: RollVisit): Promise<boolean> {
  let ok: boolean;
  try {
    ok = (await visit.session.kube.raw('/readyz')).status === 200;
  } catch {
    // Not to be asked is not ready: the gate stays closed.
    ok = false;
  }
  visit.ledger.apiReady = { ok, at: visit.now() };
  return ok;
}

/** As read within the last seconds; undefined = not lately. */
function lastLeases(visit: RollVisit): RollPlanInput['leases'] {
  const now = visit.now();
  const { leases } = visit.ledger;
  return leases && now - leases.at < leaseReadAgeMs && now >= leases.at ? leases : undefined;
}

const leaseResource: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  kind: 'Lease',
  namespaced: true,
};

/** One list for all nodes. Judged by the time it was asked for: a slow answer makes no Lease old. */
async function readLeases(visit: RollVisit): Promise<RollPlanInput['leases']> {
  const at = visit.now();
  const { items } = await visit.session.kube.list(leaseResource, { namespace: 'kube-node-lease' });
  const renewed = visit.ledger.kubelets.observe(items, at);
  const leaders = visit.step.context.controlPlane ? await readLeaders(visit) : new Set<string>();
  visit.ledger.leases = { at, renewed, leaders };
  return visit.ledger.leases;
}

/** Nodes that hold the Leases of the cluster's controllers: they go last, so that leadership moves once. */
async function readLeaders(visit: RollVisit): Promise<Set<string>> {
  const leaders = new Set<string>();
  for (const name of ['kube-controller-manager', 'kube-scheduler']) {
    const lease = await visit.session.kube.get(leaseResource, 'kube-system', name);
    const holder = (lease?.['spec'] as { holderIdentity?: unknown } | undefined)?.holderIdentity;
    // `<node>_<uuid>`
    if (typeof holder === 'string' && holder.includes('_')) leaders.add(holder.slice(0, holder.indexOf('_')));
  }
  return leaders;
}

function newIntents(actions: RollAction[], memory: RollMemory): Decision[] {
  const known = new Set(memory.intents.map((intent) => intent.id));
  const fresh = actions.filter(
    (action): action is Decision => action.kind === 'capacity' && !known.has(action.intent.id),
  );
  const room = Math.max(0, 100 - memory.intents.length);
  return fresh.slice(0, room);
}

function withIntents(look: RollLook, actions: Decision[]): RollLook {
  const launches = actions.filter((action) => action.intent.kind === 'launch').length;
  return {
    ...look,
    memory: {
      ...look.memory,
      launches: look.memory.launches + launches,
      intents: [...look.memory.intents, ...actions.map((action) => action.intent)],
    },
  };
}
