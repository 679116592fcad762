import { lifecycleNote, lifecycleWrite } from '../../planning/lifecycle/cluster-lifecycle.ts';
import { confirmationKind, withoutApiKind } from '../../planning/lifecycle/decommission-plan.ts';
import type { FactWrite } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { type DecommissionStep, done, named } from './decommission-step.ts';

/** What clm knew of it is forgotten, so that nothing of it holds for another cluster of this name. */
const forgotten = ['cluster', 'applied', 'drift', 'e2e-baseline', 'duration', 'pool-sizes', 'orphans'];

/** The end: what is left over is told, and what was known of the cluster is forgotten. */
export function recordDecommission(deps: PipelineDependencies): DecommissionStep {
  return async (input) => {
    const { clusterId, removed } = input.context;
    const { cloud } = await deps.sessions.sessionFor(clusterId);
    const left = (await cloud.ownedResources(clusterId)).map(({ kind, id }) => `${kind} ${id}`).sort();
    const fact = {
      status: 'decommissioned' as const,
      at: input.now,
      ...(left.length === 0 ? {} : { leftovers: left }),
    };
    const rest = left.length === 0 ? 'nothing is left over' : `left over: ${named(left, 20)}`;
    const message = `${clusterId} is decommissioned: ${removed.length} stacks deleted, ${rest}`;
    deps.sessions.release(clusterId);
    const facts: FactWrite[] = [lifecycleWrite(clusterId, fact)];
    for (const kind of forgotten) {
      if ((await deps.store.fact(kind, clusterId)) !== undefined) facts.push({ kind, key: clusterId, value: null });
    }
    for (const kind of [confirmationKind, withoutApiKind]) {
      const key = `${kind}/cluster:${clusterId}`;
      if ((await deps.store.fact('override', key)) !== undefined) facts.push({ kind: 'override', key, value: null });
    }
    return done({ kind: 'next' }, { facts, journal: [{ kind: lifecycleNote, message, data: fact }] });
  };
}
