import type { UpdatePlan } from '../../domain/cluster-update.ts';
import { clusterVersion, type RenderedCluster } from '../../domain/rendered.ts';
import { appliedKind, appliedWrite, parseAppliedSources, withBegun } from '../../planning/change/applied-source.ts';
import { parseEvidence } from '../../planning/pipeline/facts.ts';
import { inheritableEvidence } from '../../planning/pipeline/inherit.ts';
import { baselineOf, changedUnits, underUpdate } from '../../planning/pipeline/update-plan.ts';
import type { FactWrite } from '../../ports/store.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { kubernetesRefusals, refused } from './check-kubernetes.ts';
import { checkPrune } from './prune-objects.ts';
import { noteOrphans } from './remove-orphans.ts';
import {
  clusterFactWrite,
  done,
  isUnborn,
  readClusterFact,
  renderNow,
  type UpdateInput,
  type UpdateStep,
} from './update-step.ts';

/** Renders, and compares with what is known to be applied: what did not change is left alone. */
export function planUpdate(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { clusterId, policy, commit } = input.context;
    const rendered = await renderNow(deps, input.context);
    const fact = await readClusterFact(deps, clusterId);
    const unborn = isUnborn(clusterOf(deps, clusterId), fact);
    const { noop, ...changed } = changedUnits(rendered, fact);
    const limits = { evidenceMaxAgeMs: deps.pipeline().evidenceMaxAgeMs, now: input.now };
    const earned = inheritableEvidence(fact, { digest: rendered.digest, profile: policy.e2eProfile }, limits);
    const inherits = earned.inherits && (await isGreen(deps, earned.from)) ? earned.from : null;
    const plan: UpdatePlan = {
      version: clusterVersion(rendered),
      digest: rendered.digest,
      noop,
      inheritedFrom: noop ? inherits : null,
      ...changed,
      // planned anew, the cluster may be touched already: what was measured first still holds
      ...(policy.e2eGate?.baseline === true
        ? { baseline: unborn ? 'none' : (input.context.plan?.baseline ?? baselineOf(fact)) }
        : {}),
      round: (input.context.plan?.round ?? -1) + 1,
    };
    if (noop) return { ...done({ kind: inherits !== null ? 'inherit' : 'noop', plan }), quiet: true };
    const live = unborn ? undefined : await checkLive(deps, input, rendered, changed.components);
    const prunes = live?.prunes ?? 0;
    const message =
      `${clusterId}: ${commit.slice(0, 12)} ${unborn ? 'makes' : 'changes'} ${changed.stacks.length} stacks, ` +
      `${changed.components.length} components, ${changed.pools.length} pools` +
      (prunes === 0 ? '' : `, and prunes ${prunes} objects`);
    return done(
      { kind: 'next', plan },
      {
        facts: [
          clusterFactWrite(clusterId, underUpdate(fact, { noop, ...changed }, input.now)),
          ...(await begunWrites(deps, input)),
          ...(live?.orphans.facts ?? []),
        ],
        journal: [
          ...(live?.orphans.journal ?? []),
          { kind: 'update-planned', message, data: { version: plan.version, ...changed } },
        ],
      },
    );
  };
}

/** What must not be pruned or removed, and versions that cannot be, are told before anything is touched. */
async function checkLive(
  deps: PipelineDependencies,
  input: UpdateInput,
  rendered: RenderedCluster,
  components: string[],
): Promise<{ prunes: number; orphans: Awaited<ReturnType<typeof noteOrphans>> }> {
  const { clusterId } = input.context;
  const session = await deps.sessions.sessionFor(clusterId);
  const pruned = await checkPrune(deps, input, session.kube, rendered, components);
  const cluster = clusterOf(deps, clusterId);
  if (cluster !== undefined && rendered.kubernetesVersion !== undefined) {
    const refusals = await kubernetesRefusals(session, cluster, rendered, input.now);
    if (refusals.length > 0) throw refused(refusals);
  }
  const orphans = await noteOrphans(deps, session, input, rendered);
  return { prunes: pruned.go.length, orphans };
}

/** What the update renders from, for whoever asks later what it has applied. */
async function begunWrites(deps: PipelineDependencies, { context, now }: UpdateInput): Promise<FactWrite[]> {
  const { clusterId, commit } = context;
  const cluster = clusterOf(deps, clusterId);
  if (cluster === undefined) return [];
  const before = parseAppliedSources((await deps.store.fact(appliedKind, clusterId))?.value);
  return [appliedWrite(clusterId, withBegun(before, { commit, cluster, at: now }))];
}

async function isGreen(deps: PipelineDependencies, key: string): Promise<boolean> {
  return parseEvidence((await deps.store.fact('evidence', key))?.value)?.result === 'passed';
}
