/** What operators do to node rolls: messages to the rolls under way, and overrides that rolls read, in one transaction each. */
import type { ApiBackend, Operator } from '../api/backend.ts';
import { ApiError } from '../api/errors.ts';
import type { RollRequest } from '../api/roll-schemas.ts';
import type { ActionAnswer } from '../api/schemas.ts';
import type { Cluster } from '../domain/cluster.ts';
import { nearMatches } from '../domain/near-matches.ts';
import type { RollMemory } from '../domain/node-pool-roll.ts';
import type { Engine } from '../engine/engine-options.ts';
import { forceKind, skipKind } from '../planning/roll/overrides.ts';
import type { FactWrite, JournalEntry, Json, ProcessRow, ReadStore } from '../ports/store.ts';
import { findCluster } from './find-cluster.ts';

export interface RollOperationsInput {
  store: ReadStore;
  engine: Pick<Engine, 'post' | 'wake'>;
  clusters: () => Cluster[];
  /** Names of a cluster's nodes, from its API server. */
  nodesOf: (clusterId: string) => Promise<string[]>;
  now: () => number;
}

type RollEvent = Extract<RollRequest, { action: 'pause' | 'resume' | 'abort' | 'rollback' }>;
type RollLaw = Exclude<RollRequest, RollEvent>;

export function createRollOperations(input: RollOperationsInput): Pick<ApiBackend['rolls'], 'act'> {
  return {
    act: async (request, by) => {
      const cluster = findCluster(input.clusters(), request.cluster);
      const active = await input.store.rows({ machine: 'nodePoolRoll', status: 'active', cluster: cluster.id });
      switch (request.action) {
        case 'pause':
        case 'resume':
        case 'abort':
        case 'rollback':
          return tellRolls(input, cluster, active, request, by);
        default:
          return layOver(input, cluster, active, request, by);
      }
    },
  };
}

const verbs = { pause: 'paused', resume: 'resumed', abort: 'aborted', rollback: 'rolled back' } as const;

async function tellRolls(
  input: RollOperationsInput,
  cluster: Cluster,
  active: ProcessRow[],
  request: RollEvent,
  by: Operator,
): Promise<ActionAnswer> {
  const rolls = active.filter((row) => request.pool === undefined || poolOf(row) === request.pool);
  const pools = rolls.map(poolOf).join(', ');
  if (rolls.length === 0) {
    const running = active.length === 0 ? '' : ` Under way: ${active.map(poolOf).join(', ')}.`;
    const what =
      request.pool === undefined ? `No pool of ${cluster.alias} is` : `Pool ${request.pool} of ${cluster.alias} is not`;
    const next = ` clm why ${cluster.alias} says what it is at.`;
    throw new ApiError(409, 'no-roll', `${what} being rolled now.${running}${running === '' ? next : ''}`);
  }
  if (request.action === 'rollback') refuseUnless(rolls, hasPrevious, 'has no earlier template to go back to');
  const now = input.now();
  const { reason } = request;
  const expiresAt = request.action === 'pause' ? now + request.forSeconds * 1000 : undefined;
  const event = {
    type: request.action.toUpperCase(),
    by: by.name,
    reason,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
  const until = expiresAt === undefined ? '' : ` until ${new Date(expiresAt).toISOString()}`;
  const message = `${by.name} ${verbs[request.action]} the roll of ${pools} in ${cluster.alias}${until}: ${reason}`;
  await input.engine.post(
    rolls.map((row) => ({ to: row.id, event })),
    { journal: [entry(cluster, by, `roll-${request.action}`, message, now, { pools, reason })] },
  );
  return { told: rolls.map((row) => row.id), message: `${message}${nextOf(request.action, cluster)}` };
}

function nextOf(action: RollEvent['action'], { alias, channel }: Cluster): string {
  const again = `clm retry channel:${channel} --reason …`;
  switch (action) {
    case 'pause':
      return `\nA node that is being drained stays cordoned. To go on: clm roll resume ${alias} --reason …`;
    case 'resume':
      return '\nEverything is looked at anew, then it goes on.';
    case 'abort':
      return `\nNodes that are not nearly drained are given back; the cluster update ends as failed. To try again then: ${again}`;
    case 'rollback':
      return `\nThe group launches from its earlier template again, and new nodes are replaced by old ones; the cluster update ends as failed. To go forward again then: ${again}`;
  }
}

/** An override that ends by itself, or the early end of one. */
async function layOver(
  input: RollOperationsInput,
  cluster: Cluster,
  active: ProcessRow[],
  request: RollLaw,
  by: Operator,
): Promise<ActionAnswer> {
  const now = input.now();
  const scope = `cluster:${cluster.id}`;
  const node = 'node' in request ? request.node : undefined;
  const key = node === undefined ? `${forceKind}/${scope}` : `${skipKind}/${scope}/${node}`;
  const known = (await input.store.facts('override')).filter((fact) => fact.key === key);
  const { reason } = request;
  let value: Json = null;
  let message: string;
  let kind: string = request.action;
  if (request.action === 'skip' || request.action === 'force-drain') {
    if (node !== undefined) await refuseUnknownNode(input, cluster, node);
    const expiresAt = now + request.forSeconds * 1000;
    kind = node === undefined ? forceKind : skipKind;
    value = { kind, scope, actor: by.name, reason, expiresAt, ...(node === undefined ? {} : { node }) };
    const until = new Date(expiresAt).toISOString();
    message =
      node === undefined
        ? `${by.name} lets clm delete pods around their budgets in ${cluster.alias} until ${until}, by the drain settings of the cluster: ${reason}`
        : `${by.name} wants node ${node} of ${cluster.alias} left alone until ${until}: ${reason}`;
  } else {
    if (known.length === 0) {
      const what = node === undefined ? 'Budgets are not overridden' : `Node ${node} is not skipped`;
      throw new ApiError(409, 'no-override', `${what} in ${cluster.alias}.`);
    }
    message =
      node === undefined
        ? `${by.name} ended the override of budgets in ${cluster.alias}: ${reason}`
        : `${by.name} no longer wants node ${node} of ${cluster.alias} left alone: ${reason}`;
  }
  const facts: FactWrite[] = [{ kind: 'override', key, value }];
  await input.engine.post([], { facts, journal: [entry(cluster, by, kind, message, now, { reason })] });
  for (const row of active) input.engine.wake(row.id);
  return { told: active.map((row) => row.id), message: `${message}.` };
}

/** A name with a slip of the pen would protect nothing. */
async function refuseUnknownNode(input: RollOperationsInput, cluster: Cluster, node: string): Promise<void> {
  const nodes = await input.nodesOf(cluster.id);
  if (nodes.includes(node)) return;
  const near = nearMatches(node, nodes);
  const hint = near.length === 0 ? 'Write its full name, as kubectl get nodes shows it.' : `Near: ${near.join(', ')}.`;
  throw new ApiError(404, 'unknown-subject', `There is no node '${node}' in ${cluster.alias}. ${hint}`, { near });
}

function refuseUnless(rolls: ProcessRow[], holds: (row: ProcessRow) => boolean, why: string): void {
  const not = rolls.find((row) => !holds(row));
  if (not) throw new ApiError(409, 'not-possible', `The roll of ${poolOf(not)} ${why}.`);
}

const contextOf = (row: ProcessRow): { pool?: string; memory?: RollMemory | null } =>
  (row.context ?? {}) as unknown as { pool?: string; memory?: RollMemory | null };
const poolOf = (row: ProcessRow): string => contextOf(row).pool ?? row.id;
const hasPrevious = (row: ProcessRow): boolean =>
  contextOf(row).memory?.groups.some((group) => group.previous !== null) === true;

function entry(
  cluster: Cluster,
  by: Operator,
  kind: string,
  message: string,
  at: number,
  data: { [key: string]: Json },
): JournalEntry {
  return {
    at,
    source: `operator:${by.name}`,
    seq: 0,
    kind,
    channel: cluster.channel,
    cluster: cluster.id,
    commit: '',
    message,
    data: { scope: `cluster:${cluster.id}`, actor: by.name, ...data },
  };
}
