/** The 17 operations of the original's registry, on a book of files. */
import { createHash } from 'node:crypto';
import type { Problem } from '../../../domain/problem.ts';
import { capProblems, type RegistryProblem } from '../../../domain/registry-status.ts';
import { deleteItem, deletePool, listPools, patchPool, putItem, putPool } from './node-pool-routes.ts';
import type { Change, Collection, Fields } from './registry-book.ts';
import { bodyProblem, type Handler, invalid, isFields, noObject, notFound, reply } from './replies.ts';

export interface RegistryRoute {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `{parameters}`. */
  path: string;
  operation: string;
  summary: string;
  handle: Handler;
}

const clusterFilters = [
  'alias',
  'api_server_url',
  'channel',
  'criticality_level',
  'environment',
  'infrastructure_account',
  'lifecycle_status',
  'local_id',
  'provider',
  'region',
  'cost_center',
];
const accountFilters = [
  'criticality_level',
  'environment',
  'external_id',
  'lifecycle_status',
  'name',
  'owner',
  'type',
  'cost_center',
];

/** Query parameters of the two lists, for the API's description. */
export const listFilters = { accounts: accountFilters, clusters: clusterFilters };

const account = '/infrastructure-accounts/{account_id}';
const cluster = '/kubernetes-clusters/{cluster_id}';
const pool = `${cluster}/node-pools/{node_pool_name}`;

export function registryRoutes(): RegistryRoute[] {
  const route = (
    method: RegistryRoute['method'],
    path: string,
    operation: string,
    summary: string,
    handle: Handler,
  ): RegistryRoute => ({ method, path, operation, summary, handle });
  return [
    route('GET', '/infrastructure-accounts', 'listInfrastructureAccounts', 'List accounts', list('accounts')),
    route('POST', '/infrastructure-accounts', 'createInfrastructureAccount', 'Add an account', create('accounts')),
    route('GET', account, 'getInfrastructureAccount', 'One account', get('accounts', 'account_id')),
    route('PATCH', account, 'updateInfrastructureAccount', 'Change an account', updateAccount),
    route('GET', '/kubernetes-clusters', 'listClusters', 'List clusters', list('clusters')),
    route('POST', '/kubernetes-clusters', 'createCluster', 'Add a cluster', create('clusters')),
    route('GET', cluster, 'getCluster', 'One cluster', get('clusters', 'cluster_id')),
    route('PATCH', cluster, 'updateCluster', 'Change a cluster, or its status', updateCluster),
    route('DELETE', cluster, 'deleteCluster', 'Take a decommissioned cluster out', deleteCluster),
    route('PUT', `${cluster}/config-items/{config_key}`, 'addOrUpdateConfigItem', 'Set a config item', putItem),
    route('DELETE', `${cluster}/config-items/{config_key}`, 'deleteConfigItem', 'Remove a config item', deleteItem),
    route('GET', `${cluster}/node-pools`, 'listNodePools', 'List node pools of a cluster', listPools),
    route('PUT', pool, 'createOrUpdateNodePool', 'Add or replace a node pool', putPool),
    route('PATCH', pool, 'updateNodePool', 'Change a node pool', patchPool),
    route('DELETE', pool, 'deleteNodePool', 'Remove a node pool', deletePool),
    route('PUT', `${pool}/config-items/{config_key}`, 'addOrUpdateNodePoolConfigItem', 'Set a config item', putItem),
    route('DELETE', `${pool}/config-items/{config_key}`, 'deleteNodePoolConfigItem', 'Remove one', deleteItem),
  ];
}

function list(collection: Collection): Handler {
  return async (book, { query }) => {
    const known = listFilters[collection];
    const extra = collection === 'clusters' ? ['verbose'] : [];
    const problems = Object.keys(query)
      .filter((name) => !known.includes(name) && !extra.includes(name))
      .map((name) => bodyProblem(`query.${name}`, 'is no filter', `use one of: ${[...known, ...extra].join(', ')}`));
    if (problems.length > 0) return invalid(problems);
    const entries = (await book.list(collection)).filter(({ fields }) =>
      known.every((name) => query[name] === undefined || isText(fields[name], query[name])),
    );
    const etag = `"${createHash('sha256')
      .update(JSON.stringify([query, entries.map((entry) => entry.etag)]))
      .digest('hex')
      .slice(0, 32)}"`;
    return { status: 200, body: { items: entries.map(({ fields }) => shown(fields, query)) }, etag };
  };
}

function get(collection: Collection, parameter: string): Handler {
  return async (book, { params, query }) => {
    const entry = await book.find(collection, params[parameter] as string);
    return entry === undefined
      ? notFound(params[parameter] as string)
      : { status: 200, body: shown(entry.fields, query), etag: entry.etag };
  };
}

/** Technical data is left out on request: lists of many clusters are read often for their names alone. */
function shown(fields: Fields, query: Record<string, string>): Fields {
  if (query['verbose'] !== 'false') return fields;
  const { config_items: _items, node_pools: _pools, ...rest } = fields;
  return rest;
}

function create(collection: Collection): Handler {
  return async (book, { body }) => {
    if (!isFields(body) || typeof body['id'] !== 'string') return invalid([noObject]);
    const { status: _status, ...fields } = body;
    return reply(await book.create(collection, fields), 201);
  };
}

const updateAccount: Handler = async (book, { params, body, expected }) => {
  if (!isFields(body)) return invalid([noObject]);
  const change = changeFields(body, []);
  return reply(await book.change('accounts', params['account_id'] as string, expected, change));
};

/** The original sends how far a cluster's life is together with its status. */
const updateCluster: Handler = async (book, { params, body, expected }) => {
  if (!isFields(body)) return invalid([noObject]);
  const { status, ...fields } = body;
  if ('node_pools' in fields) {
    return invalid([bodyProblem('body.node_pools', 'cannot be changed here', 'use …/node-pools/{name}')]);
  }
  const id = params['cluster_id'] as string;
  const change = changeFields(fields, []);
  if (status === undefined) return reply(await book.change('clusters', id, expected, change));
  const problems = statusProblems(status);
  if (problems.length > 0) return invalid(problems);
  const withStatus: Change = (known) => {
    const wanted = change(known);
    return 'edits' in wanted ? { ...wanted, status: wholeStatus(status as Fields) } : wanted;
  };
  return reply(await book.change('clusters', id, expected, withStatus));
};

const versions = ['current_version', 'last_version', 'next_version'];

function statusProblems(status: unknown): Problem[] {
  if (!isFields(status)) return [bodyProblem('body.status', 'is no object', 'send versions and problems')];
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(status)) {
    if (versions.includes(name)) {
      if (typeof value !== 'string')
        problems.push(bodyProblem(`body.status.${name}`, 'is no text', 'send a version, or ""'));
    } else if (name !== 'problems') {
      const remedy = `use one of: ${versions.join(', ')}, problems`;
      problems.push(bodyProblem(`body.status.${name}`, 'is not a known field', remedy));
    } else if (value !== null && !Array.isArray(value)) {
      problems.push(bodyProblem('body.status.problems', 'is no list', 'send a list'));
    } else {
      (value ?? []).forEach((one: unknown, i) => {
        const fits = isFields(one) && typeof one['type'] === 'string' && typeof one['title'] === 'string';
        if (!fits)
          problems.push(bodyProblem(`body.status.problems.${i}`, 'has no type and title', 'send both, as texts'));
      });
    }
  }
  return problems;
}

/** A status is sent as a whole, by a client that leaves out what is empty: what is not in it is not any more. */
function wholeStatus(status: Fields): Fields {
  const problems = (status['problems'] ?? []) as RegistryProblem[];
  return { ...Object.fromEntries(versions.map((name) => [name, status[name] ?? ''])), problems: capProblems(problems) };
}

/** Absence never deletes by itself: what is taken out has been decommissioned before. */
const deleteCluster: Handler = async (book, { params, expected }) => {
  const change: Change = (fields) =>
    fields['lifecycle_status'] === 'decommissioned'
      ? { remove: true }
      : {
          kind: 'invalid',
          problems: [
            bodyProblem(
              'lifecycle_status',
              `of ${String(fields['id'])} is ${String(fields['lifecycle_status'])}`,
              'set it to decommission-requested, and delete it once it is decommissioned',
            ),
          ],
        };
  const changed = await book.change('clusters', params['cluster_id'] as string, expected, change);
  return changed.kind === 'changed' ? { status: 204 } : reply(changed);
};

function changeFields(body: Fields, at: PropertyKey[]): Change {
  return (known) => {
    if (body['id'] !== undefined && body['id'] !== known['id']) {
      return { kind: 'invalid', problems: [bodyProblem('body.id', 'cannot change', 'leave it out')] };
    }
    const edits = Object.entries(body)
      .filter(([key, value]) => JSON.stringify(known[key]) !== JSON.stringify(value))
      .map(([key, value]) => ({ path: [...at, key], value }));
    return { edits };
  };
}

function isText(value: unknown, text: string): boolean {
  return typeof value === 'string' || typeof value === 'number' ? String(value) === text : text === '';
}
