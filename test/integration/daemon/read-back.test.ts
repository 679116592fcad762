/** What the daemon writes down to read it back: to the letter, whatever it looks like. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openLastGood, readLastGood } from '../../../src/daemon/last-good.ts';
import { createLookupRecord } from '../../../src/daemon/lookup-record.ts';
import { questionKey } from '../../../src/domain/lookups.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

const looksSecret = 'proxy https://jo:hunter2@proxy.example.org token=abc';
let store: Store;
beforeEach(async () => {
  store = await openSqliteStore({ path: ':memory:' });
});
afterEach(() => store.close());

it('the registry, which the fleet is rendered from', async () => {
  const cluster = { ...sampleCluster, configItems: { proxy: looksSecret } };
  const lastGood = await openLastGood({
    store,
    registry: { read: async () => ({ clusters: [cluster], accounts: [], problems: [] }) },
    readPipeline: async () => ({ pipeline: undefined, problems: [] }),
    now: () => 1,
  });
  await lastGood.refresh();
  expect((await readLastGood(store)).clusters).toEqual([cluster]);
});

it('answers of look-ups, which are locked for later channels', async () => {
  const question = { kind: 'image' as const, name: 'node', owner: 'self' };
  const write = createLookupRecord(
    store,
    (input) => store.post(input),
    () => 1,
  );
  const cloud = { answer: async () => looksSecret, decrypt: async () => '' };
  await write.resolve('c1', sampleCluster, [question], cloud);
  const read = createLookupRecord(store, undefined, () => 1);
  expect(await read.recorded('c1', sampleCluster)).toEqual({ [questionKey(question)]: looksSecret });
});
