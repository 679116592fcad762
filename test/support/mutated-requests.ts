import { builtinResources } from '../../src/simulator/model/kube/resource-definition.ts';
import type { Random } from '../../src/support/random.ts';
import { sampleName, sampleObjects } from '../unit/simulator-kube/sample-objects.ts';
import { protobufBody } from './kube-protobuf.ts';

export interface MutatedRequest {
  method: string;
  /** With its query. */
  path: string;
  type: string;
  /** Bytes when it is protobuf. */
  body: string | Buffer;
}

const bodies = ['application/json', 'application/yaml'];
const patches = [
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/json-patch+json',
  'application/apply-patch+yaml',
];
const oddities: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  3,
  2 ** 31,
  2 ** 53,
  1e300,
  '',
  ' ',
  '-1',
  '%',
  '150%',
  '10%',
  '../..',
  'a'.repeat(300),
  'ü\u0000',
  '__proto__',
  'constructor',
  'toString',
  [],
  {},
  [null],
  [[]],
  { '': null },
  { constructor: 1 },
  { $patch: 'delete' },
  { $patch: 'replace' },
  '2026-01-01T00:00:00Z',
  '9999-99-99T99:99:99Z',
  '1Ki',
  '1e9999',
  'NaN',
  { matchLabels: { app: 'web' } },
  { operator: 'Exists' },
  ['kubernetes'],
  ['example.com/hold'],
];
const names = ['sample', 'web', 'none', 'Bad_Name', '', '.', '..', '%2e%2e', 'a%2Fb', '%', 'constructor', '__proto__'];
const queries = [
  'fieldManager=f',
  'force=true',
  'dryRun=All',
  'dryRun=x',
  'fieldValidation=Strict',
  'fieldValidation=x',
  'limit=1',
  'limit=-1',
  'limit=x',
  'continue=x',
  'labelSelector=a%20in%20(b',
  'labelSelector=app%3Dweb',
  'fieldSelector=metadata.name%3Dx',
  'fieldSelector=%3D',
  'resourceVersion=0',
  'resourceVersion=x',
  'resourceVersionMatch=Exact',
  'propagationPolicy=Foreground',
  'propagationPolicy=x',
  'gracePeriodSeconds=0',
  'gracePeriodSeconds=-5',
  'gracePeriodSeconds=x',
  'tailLines=-1',
  'container=x',
  'timeoutSeconds=-1',
  'includeObject=x',
];

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.int(list.length)] as T;
}

/** A copy of a JSON value with one place of it changed, taken out, or added to. */
function mutated(random: Random, value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || (depth > 0 && random.int(6) === 0)) return pick(random, oddities);
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  const keys = Object.keys(copy);
  const key =
    keys.length === 0 || random.int(12) === 0 ? pick(random, ['extra', 'spec', 'status', '0']) : pick(random, keys);
  if (random.int(8) === 0 && !Array.isArray(copy)) delete copy[key];
  else copy[key] = mutated(random, copy[key], depth + 1);
  return copy;
}

/** A message with a few bytes changed, put in or cut off; now and then none. */
function mutatedBytes(random: Random, good: Buffer): Buffer {
  let bytes = Buffer.from(good);
  for (let changes = random.int(4); changes > 0; changes--) {
    const at = random.int(bytes.length + 1);
    const odd = Buffer.from([pick(random, [0, 1, 8, 10, 0x7f, 0x80, 0xff, random.int(256)])]);
    const kind = random.int(8);
    if (kind === 0) bytes = bytes.subarray(0, at);
    else bytes = Buffer.concat([bytes.subarray(0, at), odd, bytes.subarray(kind < 3 ? at : at + 1)]);
  }
  return bytes;
}

function jsonPatch(random: Random): unknown {
  const path = pick(random, [
    '',
    '/',
    '/spec',
    '/metadata/labels',
    '/metadata/labels/a~1b',
    '/spec/x/y',
    '/data/-',
    '/metadata',
    'spec',
  ]);
  const op = pick(random, ['add', 'remove', 'replace', 'test', 'move', 'copy', 'none']);
  return [{ op, path, value: pick(random, oddities), from: '/spec' }];
}

/** One request that began as a good one. The same random numbers give the same request. */
export function mutatedRequest(random: Random): MutatedRequest {
  const definition = pick(random, builtinResources);
  const at = `${definition.apiVersion}/${definition.plural}`;
  const root = definition.group === '' ? '/api/v1' : `/apis/${definition.apiVersion}`;
  const namespace = random.int(15) === 0 ? pick(random, names) : 'default';
  const list = `${root}${definition.namespaced ? `/namespaces/${namespace}` : ''}/${definition.plural}`;
  const method = pick(random, ['POST', 'POST', 'PUT', 'PATCH', 'PATCH', 'DELETE', 'GET']);
  const name = random.int(5) === 0 ? pick(random, names) : sampleName(at);
  // Finalizing a namespace strands what is in it, in reality too: nothing consistent could be said afterwards.
  const subresources = [...definition.subresources.filter((each) => each !== 'finalize'), 'scale', 'none'];
  const subresource = random.int(4) === 0 ? pick(random, subresources) : undefined;
  const toList = method === 'POST' ? subresource === undefined : random.int(6) === 0;
  const path = toList ? list : `${list}/${name}${subresource === undefined ? '' : `/${subresource}`}`;
  const object = {
    apiVersion: definition.apiVersion,
    kind: definition.kind,
    metadata: { name, labels: { a: 'b' } },
    ...sampleObjects[at],
  };
  const query = Array.from({ length: random.int(3) }, () => pick(random, queries)).join('&');
  const where = `${path}${query === '' ? '' : `?${query}`}`;
  if (method !== 'PATCH' && method !== 'GET' && random.int(6) === 0) {
    const body = mutatedBytes(random, protobufBody(object));
    return { method, path: where, type: 'application/vnd.kubernetes.protobuf', body };
  }
  const usual = method === 'PATCH' ? patches : bodies;
  const type = random.int(20) === 0 ? pick(random, ['text/plain', ...bodies, ...patches]) : pick(random, usual);
  let body = JSON.stringify(
    type.includes('json-patch') ? jsonPatch(random) : random.int(4) === 0 ? object : mutated(random, object),
  );
  if (random.int(25) === 0) body = body.slice(0, random.int(body.length + 1));
  return { method, path: where, type, body: method === 'GET' ? '' : body };
}
