import { type ClusterUpdateState, nodeRolls } from '../../domain/cluster-update.ts';
import { appliedWrite, asRecorded } from '../../planning/change/applied-source.ts';
import { isBeingCreated } from '../../planning/lifecycle/cluster-lifecycle.ts';
import { type ClusterFact, evidenceKey, parseEvidence } from '../../planning/pipeline/facts.ts';
import { allDigests } from '../../planning/pipeline/update-plan.ts';
import type { FactWrite, Json } from '../../ports/store.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import {
  beginsLife,
  clusterFactWrite,
  done,
  failed,
  readClusterFact,
  renderedAsPlanned,
  type UpdateStep,
} from './update-step.ts';

const keptDurations = 8;

/** What the cluster runs now, and the evidence for it: one commit, keyed by cluster, version and attempt. */
export function recordUpdate(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { context } = input;
    const { plan, clusterId, commit, tree, attempt, policy } = context;
    if (plan === null) return failed('plan-missing', `${clusterId} has nothing to record`);
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const fact = await readClusterFact(deps, clusterId);
    const key = evidenceKey(clusterId, commit, attempt);
    const earned = plan.inheritedFrom === null ? undefined : await inherited(deps, plan.inheritedFrom);
    if (plan.inheritedFrom !== null && earned === undefined) return done({ kind: 'replan' });
    const at = earned?.at ?? input.now;
    const next: ClusterFact = {
      ...fact,
      adopted: true,
      currentVersion: plan.version,
      commit,
      tree,
      digest: plan.digest,
      touched: false,
      digests: allDigests(rendered),
      evidence: { key: plan.inheritedFrom ?? key, at, profile: policy.e2eProfile },
      updatedAt: input.now,
    };
    const evidence: Json = {
      version: plan.version,
      tree,
      result: 'passed',
      passed: earned?.passed ?? context.e2e?.passed ?? 0,
      failed: 0,
      failures: [],
      excused: earned?.excused ?? context.e2e?.excused ?? [],
      at,
      inheritedFrom: plan.inheritedFrom,
    };
    const cluster = clusterOf(deps, clusterId);
    const born = cluster !== undefined && isBeingCreated(cluster) ? beginsLife(input, 'ready') : undefined;
    const applied =
      cluster === undefined ? [] : [appliedWrite(clusterId, asRecorded({ commit, cluster, at: input.now }))];
    deps.sessions.release(clusterId);
    const how = plan.noop ? 'nothing changed for it' : `${nodesOf(context)} nodes replaced`;
    const checks = earned === undefined ? `${context.e2e?.passed ?? 0} checks passed` : 'evidence inherited';
    return done(
      { kind: 'next' },
      {
        facts: [
          clusterFactWrite(clusterId, next),
          { kind: 'evidence', key, value: evidence },
          ...applied,
          ...(born?.facts ?? []),
          ...(plan.noop ? [] : [await durationWrite(deps, context, input.now)]),
        ],
        journal: [
          {
            kind: 'cluster-updated',
            message: `${clusterId} runs ${plan.version}: ${how}, ${checks}`,
            data: {
              version: plan.version,
              tree,
              attempt,
              rollout: context.rolloutId,
              evidence: key,
              inheritedFrom: plan.inheritedFrom,
            },
          },
          ...(born?.journal ?? []),
        ],
      },
    );
  };
}

/** What its last updates took, from being admitted to being recorded: what estimates are made of. */
async function durationWrite(deps: PipelineDependencies, context: ClusterUpdateState, now: number): Promise<FactWrite> {
  const { clusterId, admittedAt } = context;
  const known = (await deps.store.fact('duration', clusterId))?.value as { updates?: unknown } | null | undefined;
  const before = Array.isArray(known?.updates) ? known.updates.filter((ms) => typeof ms === 'number') : [];
  const updates = [...before, Math.max(0, now - admittedAt)].slice(-keptDurations);
  return { kind: 'duration', key: clusterId, value: { updates } };
}

async function inherited(deps: PipelineDependencies, key: string) {
  const evidence = parseEvidence((await deps.store.fact('evidence', key))?.value);
  return evidence?.result === 'passed' ? evidence : undefined;
}

/** The failure, with evidence against this version when checks ran; what is applied stays known as far as it is true. */
export function recordFailure(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { context } = input;
    const { clusterId, commit, tree, attempt, plan, e2e, failure } = context;
    const facts: FactWrite[] = [];
    if (plan !== null && e2e?.state === 'finished') {
      const value: Json = {
        version: plan.version,
        tree,
        result: e2e.result === 'failed' ? 'failed' : 'error',
        passed: e2e.passed,
        failed: e2e.failed,
        failures: e2e.failures as unknown as Json,
        at: input.now,
        inheritedFrom: null,
      };
      facts.push({ kind: 'evidence', key: evidenceKey(clusterId, commit, attempt), value });
    }
    deps.sessions.release(clusterId);
    const message = `${clusterId} failed on ${commit.slice(0, 12)}: ${failure?.message ?? 'no reason is known'}`;
    const data: Json = { code: failure?.code ?? 'unknown', attempt, rollout: context.rolloutId };
    return done({ kind: 'next' }, { facts, journal: [{ kind: 'cluster-failed', message, data }] });
  };
}

function nodesOf(context: ClusterUpdateState): number {
  return nodeRolls(context).reduce((sum, roll) => sum + roll.nodesReplaced, 0);
}
