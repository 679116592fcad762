import { describe, expect, it } from 'vitest';
import { builtinResources } from '../../../src/simulator/model/kube/resource-definition.ts';
import { sampleName, sampleObjects } from './sample-objects.ts';
import { applyType, type Body, mergePatchType, TestCluster } from './test-cluster.ts';

const key = (each: (typeof builtinResources)[number]): string => `${each.apiVersion}/${each.plural}`;
const stored = builtinResources.filter((each) => each.verbs.includes('get'));
const asked = builtinResources.filter((each) => !each.verbs.includes('get'));
const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

function place(definition: (typeof builtinResources)[number]): string {
  const root = definition.group === '' ? '/api/v1' : `/apis/${definition.apiVersion}`;
  return `${root}/${definition.namespaced ? 'namespaces/default/' : ''}${definition.plural}`;
}

describe('every resource that is stored', () => {
  it.each(stored.map((each) => [key(each), each] as const))(
    '%s is created, read, listed, watched, tabulated, patched, applied, replaced and deleted',
    (at, definition) => {
      const cluster = new TestCluster();
      const list = place(definition);
      const name = sampleName(at);
      const one = `${list}/${name}`;
      const { apiVersion, kind } = definition;
      const watch = cluster.watch(`${list}?fieldSelector=metadata.name%3D${name}`);
      const made = cluster.create(list, { apiVersion, kind, metadata: { name }, ...sampleObjects[at] });
      expect(made).toMatchObject({ apiVersion, kind, metadata: { name, uid: expect.any(String) } });
      expect(cluster.send('POST', list, { apiVersion, kind, metadata: { name }, ...sampleObjects[at] })).toMatchObject({
        status: 409,
        body: { reason: 'AlreadyExists' },
      });
      expect(cluster.get(one).metadata.uid).toBe(made.metadata.uid);
      const names = cluster.get(list).items.map((each: Body) => each.metadata.name);
      expect(names).toContain(name);
      const table = cluster.send('GET', one, undefined, { accept: tableType }).body;
      expect(table.rows[0].cells).toHaveLength(table.columnDefinitions.length);
      expect(table.rows[0].cells.every((cell: unknown) => cell !== undefined)).toBe(true);

      const patched = cluster.send('PATCH', one, { metadata: { labels: { a: '1' } } }, { type: mergePatchType });
      expect(patched).toMatchObject({ status: 200, body: { metadata: { labels: { a: '1' } } } });
      const configuration = { apiVersion, kind, metadata: { name, labels: { b: '2' } } };
      const applied = cluster.send('PATCH', `${one}?fieldManager=m`, configuration, { type: applyType });
      expect(applied).toMatchObject({ status: 200, body: { metadata: { labels: { a: '1', b: '2' } } } });
      const next = { ...applied.body, metadata: { ...applied.body.metadata, annotations: { c: '3' } } };
      expect(cluster.send('PUT', one, next)).toMatchObject({
        status: 200,
        body: { metadata: { annotations: { c: '3' } } },
      });

      expect(cluster.send('DELETE', one, { gracePeriodSeconds: 0 }).status).toBe(200);
      cluster.advance(120_000);
      expect(cluster.send('GET', one).status).toBe(404);
      const types = watch.events.map((event) => event.type);
      expect([types[0], types.at(-1)]).toEqual(['ADDED', 'DELETED']);
      expect(types.filter((type) => type === 'MODIFIED').length).toBeGreaterThanOrEqual(3);
      expect(cluster.model.truth().internalErrors).toEqual([]);
    },
  );
});

describe('every resource that is only asked', () => {
  it.each(asked.map((each) => [key(each), each] as const))(
    '%s is answered, and nothing is stored',
    (at, definition) => {
      const cluster = new TestCluster();
      const { apiVersion, kind } = definition;
      const before = cluster.model.truth().revision;
      const answer = cluster.send('POST', place(definition), { apiVersion, kind, ...sampleObjects[at] });
      expect(answer).toMatchObject({ status: 201, body: { apiVersion, kind, status: expect.any(Object) } });
      expect(cluster.send('GET', place(definition)).status).toBe(405);
      expect(cluster.model.truth().revision).toBe(before);
    },
  );
});
