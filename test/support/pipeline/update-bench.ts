/** A bench for the steps of a cluster update: one scripted cluster, one rendered tree, facts in memory. */
import type { Cluster } from '../../../src/domain/cluster.ts';
import type { ClusterUpdateState, UpdateOutput } from '../../../src/domain/cluster-update.ts';
import { FailureError } from '../../../src/domain/failure.ts';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import { clusterUpdateMachine } from '../../../src/machines/cluster-update/machine.ts';
import type { ClusterSessions } from '../../../src/ports/cluster-session.ts';
import type { Step, StepOutcome } from '../../../src/ports/step.ts';
import type { Json, ReadStore } from '../../../src/ports/store.ts';
import { createPipelineSteps } from '../../../src/steps/create-pipeline-steps.ts';
import { VirtualClock } from '../../../src/support/clock.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { initialContext } from '../machine-table.ts';
import { sampleCluster } from '../sample-cluster.ts';
import { ScriptedCluster, scriptedSessions } from './scripted-cluster.ts';
import { ScriptedSource } from './scripted-source.ts';

export const id = sampleCluster.id;
const now = 1_000_000;

const empty: RenderedCluster = {
  clusterId: id,
  commit: 'c1',
  digest: 'd1',
  stacks: [],
  components: [],
  pools: [],
  karpenterPools: [],
  deletions: { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] },
};

export function bench(
  rendered: Partial<RenderedCluster>,
  configItems: Record<string, string> = {},
  /** A cluster of another world in the place of the scripted one. */
  other?: { cluster: Cluster; sessions: ClusterSessions },
) {
  const cluster = other?.cluster ?? sampleCluster;
  const live = new ScriptedCluster(id);
  const facts = new Map<string, Json>();
  const state = { rendered: { ...empty, ...rendered }, leaseHeld: true };
  const store = {
    fact: async (kind: string, key: string) => {
      const value = facts.get(`${kind}/${key}`);
      return value === undefined ? undefined : { kind, key, value, updatedAt: 0 };
    },
    facts: async () => [],
    slotHolders: async () => [],
    isAwaited: async () => false,
    load: async () => undefined,
    rows: async () => [],
  } as unknown as ReadStore;
  const steps = createPipelineSteps({
    source: new ScriptedSource(),
    registry: () => ({
      clusters: [{ ...cluster, configItems: { ...cluster.configItems, ...configItems } }],
      accounts: [],
      problems: [],
    }),
    pipeline: () => ({ channels: [], maxParallel: 1, evidenceMaxAgeMs: 1 }),
    render: async () => ({ ok: true, rendered: state.rendered }),
    sessions: other?.sessions ?? scriptedSessions(new Map([[id, live]])),
    store,
    clock: new VirtualClock(now),
    random: seededRandom(1),
    wake: () => {},
    log: silentLogger(),
  });
  const fresh = initialContext<ClusterUpdateState>(clusterUpdateMachine, {
    clusterId: cluster.id,
    channel: 'dev',
    commit: 'c1',
    tree: 't1',
    rolloutId: 'r',
    attempt: 1,
    policy: {
      e2eProfile: 'smoke',
      blockLimitMs: 1,
      progressDeadlineMs: 1e9,
      channelMaxParallel: 1,
      fleetMaxParallel: 1,
    },
  });
  const plan = {
    version: 'c1#d1',
    digest: 'd1',
    noop: false,
    inheritedFrom: null,
    stacks: [],
    components: [],
    pools: [],
    deletions: true,
    round: 0,
  };
  const run = async (step: string, name: string, change: Partial<ClusterUpdateState> = {}): Promise<StepOutcome> => {
    const outcome = await (steps[step] as unknown as Step<ClusterUpdateState>)({
      id: 'update:dev:c1:a:1',
      state: name,
      context: { ...fresh, admittedAt: 1, plan, ...change },
      seq: 1,
      parent: 'rollout:dev:c1',
      channel: 'dev',
      cluster: cluster.id,
      commit: 'c1',
      now,
      signal: new AbortController().signal,
      leaseHeld: () => state.leaseHeld,
    });
    for (const fact of outcome.facts ?? []) facts.set(`${fact.kind}/${fact.key}`, fact.value);
    return outcome;
  };
  return { live, state, plan, run, facts };
}

export const output = (outcome: StepOutcome): UpdateOutput =>
  (outcome.kind === 'done' ? outcome.output : null) as unknown as UpdateOutput;
export const object = (kind: string, name: string, more: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, ...(['Namespace', 'CustomResourceDefinition'].includes(kind) ? {} : { namespace: 'kube-system' }) },
  ...more,
});

export async function failureOf(work: Promise<StepOutcome>): Promise<string> {
  try {
    const outcome = await work;
    return outcome.kind === 'failed' ? outcome.failure.code : outcome.kind;
  } catch (error) {
    if (error instanceof FailureError) return error.failure.code;
    throw error;
  }
}
