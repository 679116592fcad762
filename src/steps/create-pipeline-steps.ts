/** The steps of the machines channel, rollout, promotion, clusterUpdate and decommission, by the names that their states give. */
import type { Pipeline } from '../domain/pipeline.ts';
import type { ChannelSource, RegistryView } from '../ports/channel-source.ts';
import type { ClusterSessions } from '../ports/cluster-session.ts';
import type { HttpClient } from '../ports/http-client.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Render } from '../ports/renderer.ts';
import type { Scm } from '../ports/scm.ts';
import type { Step } from '../ports/step.ts';
import type { ReadStore } from '../ports/store.ts';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import type { Random } from '../support/random.ts';
import { bisectChannel } from './bisect/bisect-channel.ts';
import { HeadWatch } from './channel/head-watch.ts';
import { moveChannel } from './channel/move-channel.ts';
import { watchChannel } from './channel/watch-channel.ts';
import { admitUpdate } from './cluster-update/admit-update.ts';
import { applyManifests } from './cluster-update/apply-manifests.ts';
import { applyStacks } from './cluster-update/apply-stacks.ts';
import { awaitKarpenter } from './cluster-update/await-karpenter.ts';
import { awaitWorkloads } from './cluster-update/await-workloads.ts';
import { deleteObjects } from './cluster-update/delete-objects.ts';
import { planUpdate } from './cluster-update/plan-update.ts';
import { awaitApi, preflightCluster } from './cluster-update/preflight-cluster.ts';
import { recordFailure, recordUpdate } from './cluster-update/record-update.ts';
import { removeOrphans } from './cluster-update/remove-orphans.ts';
import { rollEtcd } from './cluster-update/roll-etcd.ts';
import { rollPools } from './cluster-update/roll-pools.ts';
import { runBaseline } from './cluster-update/run-baseline.ts';
import { runE2e } from './cluster-update/run-e2e.ts';
import { holdStalled, pauseUpdate, stopUpdate } from './cluster-update/stop-update.ts';
import { reporting } from './cluster-update/update-step.ts';
import { agreeDecommission } from './decommission/agree-decommission.ts';
import { drainPools } from './decommission/drain-pools.ts';
import { emptyCluster } from './decommission/empty-cluster.ts';
import { recordDecommission } from './decommission/record-decommission.ts';
import { removeStacks } from './decommission/remove-stacks.ts';
import type { PipelineDependencies } from './pipeline-dependencies.ts';
import { checkPromotion } from './promotion/check-promotion.ts';
import { holdPromotion, moveBranch, pausePromotion } from './promotion/move-branch.ts';
import { reviewPromotion } from './promotion/review-promotion.ts';
import { advanceRollout } from './rollout/advance-rollout.ts';
import { gateRollout } from './rollout/gate-rollout.ts';
import { holdHalt } from './rollout/hold-halt.ts';
import { planRollout } from './rollout/plan-rollout.ts';
import { repayDebt } from './rollout/repay-debt.ts';
import { soakRollout } from './rollout/soak-rollout.ts';
import { pauseRollout, stopRollout } from './rollout/stop-rollout.ts';

export interface PipelineStepsInput {
  source: ChannelSource;
  /** Last good read of the cluster registry. */
  registry: () => RegistryView;
  pipeline: () => Pipeline;
  /** Called several times a cluster and commit: give it a cache. */
  render: Render;
  sessions: ClusterSessions;
  store: ReadStore;
  clock: Clock;
  random: Random;
  wake: (processId: string) => void;
  yieldCluster?: (clusterId: string) => boolean;
  log: Logger;
  /** Decision time between two looks at the branches; a minute unless given. */
  pollIntervalMs?: number;
  metrics?: Metrics;
  http?: HttpClient;
  scm?: Scm;
  /** Give one to be able to `forget` (a webhook came); one is made otherwise. */
  heads?: HeadWatch;
  /** false where nobody but clm changes clusters: a model. */
  looksForDrift?: boolean;
}

const defaultPollIntervalMs = 60_000;

export function createPipelineSteps(input: PipelineStepsInput): Record<string, Step> {
  const pollIntervalMs = input.pollIntervalMs ?? defaultPollIntervalMs;
  const heads =
    input.heads ??
    new HeadWatch({ source: input.source, pipeline: input.pipeline, store: input.store, pollIntervalMs });
  const deps: PipelineDependencies = { ...input, heads, pollIntervalMs };
  const steps = {
    'watch-channel': watchChannel(deps),
    'move-channel': moveChannel(deps),
    'plan-rollout': planRollout(deps),
    'advance-rollout': advanceRollout(deps),
    'soak-rollout': soakRollout(deps),
    'gate-rollout': gateRollout(deps),
    'pause-rollout': pauseRollout(),
    'hold-halt': holdHalt(deps),
    'bisect-channel': bisectChannel(deps),
    'repay-debt': repayDebt(deps),
    'stop-rollout': stopRollout(deps),
    'check-promotion': checkPromotion(deps),
    'move-branch': moveBranch(deps),
    'review-promotion': reviewPromotion(deps),
    'hold-promotion': holdPromotion(),
    'pause-promotion': pausePromotion(),
    'admit-update': reporting(admitUpdate(deps)),
    'preflight-cluster': reporting(preflightCluster(deps)),
    'plan-update': reporting(planUpdate(deps)),
    'await-api': reporting(awaitApi(deps)),
    'apply-stacks': reporting(applyStacks(deps)),
    'roll-etcd': reporting(rollEtcd(deps)),
    'roll-pools': reporting(rollPools(deps)),
    'await-karpenter': reporting(awaitKarpenter(deps)),
    'delete-objects': reporting(deleteObjects(deps)),
    'remove-orphans': reporting(removeOrphans(deps)),
    'apply-manifests': reporting(applyManifests(deps)),
    'await-workloads': reporting(awaitWorkloads(deps)),
    'run-baseline': reporting(runBaseline(deps)),
    'run-e2e': reporting(runE2e()),
    'record-update': reporting(recordUpdate(deps)),
    'hold-stalled': reporting(holdStalled(), true),
    'pause-update': pauseUpdate(),
    'stop-update': stopUpdate(deps),
    'record-failure': recordFailure(deps),
    'agree-decommission': agreeDecommission(deps),
    'empty-cluster': emptyCluster(deps),
    'drain-pools': drainPools(deps),
    'remove-stacks': removeStacks(deps),
    'record-decommission': recordDecommission(deps),
  };
  // each step types the context of its own machine, which the machine's schema vouches for
  return steps as unknown as Record<string, Step>;
}
