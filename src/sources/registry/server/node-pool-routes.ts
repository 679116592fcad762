/** Node pools of a cluster, and config items of clusters and pools. */

import type { Problem } from '../../../domain/problem.ts';
import type { Changed, Fields, RegistryBook } from './registry-book.ts';
import {
  bodyProblem,
  type Handler,
  invalid,
  isFields,
  noObject,
  notFound,
  type RegistryCall,
  type RegistryReply,
  reply,
} from './replies.ts';

export const listPools: Handler = async (book, { params }) => {
  const entry = await book.find('clusters', params['cluster_id'] as string);
  if (entry === undefined) return notFound(params['cluster_id'] as string);
  return { status: 200, body: { items: entry.fields['node_pools'] ?? [] }, etag: entry.etag };
};

export const putPool: Handler = (book, call) => {
  const name = call.params['node_pool_name'] as string;
  if (!isFields(call.body)) return Promise.resolve(invalid([noObject]));
  const value: Fields = { ...call.body, name: call.body['name'] ?? name };
  if (value['name'] !== name) return Promise.resolve(invalid([otherName(name)]));
  return changePool(book, call, (_pool, at) => [{ path: at, value }]);
};

export const patchPool: Handler = (book, call) => {
  const { body } = call;
  const name = call.params['node_pool_name'] as string;
  if (!isFields(body)) return Promise.resolve(invalid([noObject]));
  if (body['name'] !== undefined && body['name'] !== name) return Promise.resolve(invalid([otherName(name)]));
  return changePool(book, call, (found, at) =>
    found === undefined ? undefined : Object.entries(body).map(([key, value]) => ({ path: [...at, key], value })),
  );
};

export const deletePool: Handler = async (book, call) => {
  const changed = await changePool(book, call, (found, at) =>
    found === undefined ? undefined : [{ path: at, value: undefined }],
  );
  return changed.status === 200 ? { status: 204 } : changed;
};

type PoolEdits = (pool: Fields | undefined, at: PropertyKey[]) => { path: PropertyKey[]; value: unknown }[] | undefined;

async function changePool(
  book: RegistryBook,
  { params, expected }: RegistryCall,
  editsOf: PoolEdits,
): Promise<RegistryReply> {
  const name = params['node_pool_name'] as string;
  const changed = await book.change('clusters', params['cluster_id'] as string, expected, (fields) => {
    const { pools, index } = poolAt(fields, name);
    const edits = editsOf(pools[index], ['node_pools', index === -1 ? pools.length : index]);
    return edits === undefined ? { kind: 'not-found', what: `node pool ${name}` } : { edits };
  });
  if (changed.kind !== 'changed') return reply(changed);
  const { pools, index } = poolAt(changed.entry.fields, name);
  return { status: 200, body: pools[index], etag: changed.entry.etag };
}

function poolAt(fields: Fields, name: string): { pools: Fields[]; index: number } {
  const pools = (Array.isArray(fields['node_pools']) ? fields['node_pools'] : []).filter(isFields);
  return { pools, index: pools.findIndex((one) => one['name'] === name) };
}

/** Of a cluster, or of a pool where the path names one. */
export const putItem: Handler = async (book, call) => {
  const value = isFields(call.body) ? call.body['value'] : undefined;
  if (typeof value !== 'string') return invalid([bodyProblem('body.value', 'is no text', 'send {"value": "…"}')]);
  const changed = await changeItem(book, call, value);
  return changed.kind === 'changed' ? { status: 200, body: { value }, etag: changed.entry.etag } : reply(changed);
};

export const deleteItem: Handler = async (book, call) => {
  const changed = await changeItem(book, call, undefined);
  return changed.kind === 'changed' ? { status: 204 } : reply(changed);
};

function changeItem(
  book: RegistryBook,
  { params, expected }: RegistryCall,
  value: string | undefined,
): Promise<Changed> {
  const poolName = params['node_pool_name'];
  const key = params['config_key'] as string;
  return book.change('clusters', params['cluster_id'] as string, expected, (fields) => {
    const { pools, index } = poolName === undefined ? { pools: [], index: -1 } : poolAt(fields, poolName);
    if (poolName !== undefined && index === -1) return { kind: 'not-found', what: `node pool ${poolName}` };
    const holder = poolName === undefined ? fields : (pools[index] as Fields);
    const at = [...(poolName === undefined ? [] : ['node_pools', index]), 'config_items'];
    const items = isFields(holder['config_items']) ? holder['config_items'] : undefined;
    if (value === undefined && items?.[key] === undefined) return { kind: 'not-found', what: `config item ${key}` };
    return { edits: [items === undefined ? { path: at, value: { [key]: value } } : { path: [...at, key], value }] };
  });
}

function otherName(name: string): Problem {
  return bodyProblem('body.name', 'is not the name of the path', `write ${name}, or leave it out`);
}
