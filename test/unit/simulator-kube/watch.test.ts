import { describe, expect, it } from 'vitest';
import type { KubeWatchEvent } from '../../../src/simulator/model/kube/watch-hub.ts';
import { type Body, configMap, inDefault, mergePatchType, TestCluster } from './test-cluster.ts';

const maps = `${inDefault}/configmaps`;
const shown = (events: readonly KubeWatchEvent[]): string[] =>
  events.map((event) => `${event.type} ${(event.object as Body).metadata.name}`);

describe('watches', () => {
  it('resume after a revision, and see every change once, in order', () => {
    const cluster = new TestCluster();
    cluster.create(maps, configMap('a', {}));
    const { resourceVersion } = cluster.get(maps).metadata;
    cluster.create(maps, configMap('b', {}));
    const watch = cluster.watch(`${maps}?resourceVersion=${resourceVersion}`);
    cluster.send('PATCH', `${maps}/b`, { data: { x: '1' } }, { type: mergePatchType });
    cluster.send('DELETE', `${maps}/a`);
    expect(shown(watch.events)).toEqual(['ADDED b', 'MODIFIED b', 'DELETED a']);
    const versions = watch.events.map((event) => Number((event.object as Body).metadata.resourceVersion));
    expect([...versions].sort((a, b) => a - b)).toEqual(versions);
    watch.stop();
    cluster.create(maps, configMap('c', {}));
    expect(watch.events).toHaveLength(3);
    expect(watch.closed()).toBe(false);
  });

  it('begin with the present state without a revision', () => {
    const cluster = new TestCluster();
    cluster.create(maps, configMap('b', {}));
    cluster.create(maps, configMap('a', {}));
    expect(shown(cluster.watch(maps).events)).toEqual(['ADDED a', 'ADDED b', 'ADDED kube-root-ca.crt']);
  });

  it('report an object that begins or ceases to match the selector as added or deleted', () => {
    const cluster = new TestCluster();
    cluster.create(maps, configMap('a', {}));
    const watch = cluster.watch(`${maps}?labelSelector=on%3Dyes`);
    for (const on of ['yes', 'yes2', null]) {
      cluster.send(
        'PATCH',
        `${maps}/a`,
        { metadata: { labels: { on: on === 'yes2' ? 'yes' : on } }, data: { on: String(on) } },
        { type: mergePatchType },
      );
    }
    expect(shown(watch.events)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  it('follow one object by field selector', () => {
    const cluster = new TestCluster();
    const watch = cluster.watch(`${maps}?fieldSelector=metadata.name%3Db`);
    cluster.create(maps, configMap('a', {}));
    cluster.create(maps, configMap('b', {}));
    expect(shown(watch.events)).toEqual(['ADDED b']);
  });

  it('get 410 for a revision whose history is gone, by age or by compaction', () => {
    const cluster = new TestCluster({ watchHistory: 10 });
    cluster.create(maps, configMap('a', {}));
    const { resourceVersion } = cluster.get(maps).metadata;
    for (let i = 0; i < 40; i++)
      cluster.send('PATCH', `${maps}/a`, { data: { n: String(i) } }, { type: mergePatchType });
    const late = cluster.watch(`${maps}?resourceVersion=${resourceVersion}`);
    expect(late.events).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired', kind: 'Status' } }]);
    expect(late.closed()).toBe(true);
    const now = cluster.get(maps).metadata.resourceVersion;
    cluster.send('PATCH', `${maps}/a`, { data: { n: 'x' } }, { type: mergePatchType });
    cluster.model.compact();
    expect(cluster.watch(`${maps}?resourceVersion=${now}`).events).toMatchObject([{ type: 'ERROR' }]);
  });

  it('get bookmarks when they ask for them and something happened elsewhere, and none while nothing does', () => {
    const cluster = new TestCluster();
    cluster.advance(5_000);
    const watch = cluster.watch(
      `${inDefault}/secrets?allowWatchBookmarks=true&resourceVersion=${cluster.get(maps).metadata.resourceVersion}`,
    );
    cluster.advance(600_000);
    expect(watch.events).toHaveLength(0);
    cluster.create(maps, configMap('a', {}));
    cluster.advance(120_000);
    expect(watch.events).toMatchObject([
      {
        type: 'BOOKMARK',
        object: { kind: 'Secret', metadata: { resourceVersion: cluster.get(maps).metadata.resourceVersion } },
      },
    ]);
  });

  it('mark the end of the initial events', () => {
    const cluster = new TestCluster();
    const watch = cluster.watch(
      `${maps}?sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`,
    );
    expect(watch.events.at(-1)).toMatchObject({
      type: 'BOOKMARK',
      object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
  });

  it('end after their timeout', () => {
    const cluster = new TestCluster();
    const watch = cluster.watch(`${maps}?timeoutSeconds=30`);
    cluster.advance(29_000);
    expect(watch.closed()).toBe(false);
    cluster.advance(2_000);
    expect(watch.closed()).toBe(true);
    expect(cluster.model.truth().openWatches).toBe(0);
  });

  it('are refused for unknown resources and bad versions', () => {
    const cluster = new TestCluster();
    expect(cluster.watch('/api/v1/nopes').refused?.status).toBe(404);
    expect(cluster.watch(`${maps}?resourceVersion=abc`).refused?.status).toBe(500);
    expect(cluster.watch(`${maps}?labelSelector=%3D%3D`).refused?.status).toBe(400);
  });
});
