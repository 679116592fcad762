/** What failed checks of this daemon keep on clusters for people: listed, and given back before its time. */
import type { ApiBackend } from '../api/backend.ts';
import { ApiError } from '../api/errors.ts';
import type { Cluster } from '../domain/cluster.ts';
import type { CheckRunner } from '../ports/check-runner.ts';
import type { Store } from '../ports/store.ts';
import { findCluster } from './find-cluster.ts';

export interface KeptInput {
  store: Store;
  runner: Pick<CheckRunner, 'kept' | 'sweepKept'>;
  clusters: () => Cluster[];
  now: () => number;
}

export function createKept({ store, runner, clusters, now }: KeptInput): ApiBackend['kept'] {
  return {
    async list(name) {
      const asked = name === undefined ? clusters() : [findCluster(clusters(), name)];
      const found = await Promise.all(
        asked.map(async ({ id, alias }) => (await runner.kept(id)).map((one) => ({ ...one, alias }))),
      );
      return found.flat().sort((a, b) => a.until - b.until);
    },
    async release({ cluster: name, check, reason }, by) {
      const cluster = findCluster(clusters(), name);
      const kept = await runner.kept(cluster.id);
      const due = kept.filter((one) => check === undefined || one.check === check);
      if (due.length === 0) {
        const others = kept.map((one) => one.check).join(', ');
        const there = others === '' ? '' : `; kept there: ${others}`;
        const what = check === undefined ? 'Nothing' : `Nothing of check ${check}`;
        throw new ApiError(409, 'nothing-to-release', `${what} is kept on ${cluster.alias}${there}.`);
      }
      const named = [...new Set(due.map((one) => one.check))].join(', ');
      const message = `${by.name} released what ${named} had kept on ${cluster.alias}: ${reason}`;
      const about = { channel: cluster.channel, cluster: cluster.id, commit: '', data: { checks: named } };
      // written first: who asked stays known when this daemon is killed while it deletes
      const entry = { at: now(), source: `operator:${by.name}`, seq: 0, kind: 'e2e-released', message, ...about };
      await store.post({ journal: [entry], now: now() });
      const { swept, left } = await runner.sweepKept(cluster.id, check === undefined ? 'all' : { check });
      const gone = swept.map((one) => `gone: namespace ${one.namespace} of ${one.check}`);
      const still = left.map((line) => `still there, and tried again when its time is over: ${line}`);
      return { told: [], message: [message, ...gone, ...still].join('\n') };
    },
  };
}
