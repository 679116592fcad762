import type { VirtualClock } from '../../../support/clock.ts';
import type { Random } from '../../../support/random.ts';
import type {
  Actor,
  AdoptDisk,
  ControlPlaneListener,
  EmitWorldEvent,
  HealthProbe,
  InstanceListener,
  SimInstance,
} from '../seams.ts';
import { AwsFaults, isDescribe, ThrottleBuckets, throttled } from './aws-faults.ts';
import { AwsError, type AwsReply, type AwsRequest, type AwsService, Params, validationCode } from './aws-request.ts';
import { type CloudTruth, truthOf } from './aws-truth.ts';
import { changeSetActions } from './cfn/change-set-actions.ts';
import { driftActions } from './cfn/drift-actions.ts';
import { stackActions } from './cfn/stack-actions.ts';
import { StackRunner } from './cfn/stack-runner.ts';
import { stackDescribeActions } from './cfn/stack-views.ts';
import { classicActions } from './classic-actions.ts';
import { type Action, type ActionTable, Cloud, type CloudTimings, defaultTimings } from './cloud.ts';
import { ec2Actions } from './ec2-actions.ts';
import { ec2CatalogueActions } from './ec2-catalogue.ts';
import { eksActions } from './eks-actions.ts';
import { Fleet } from './fleet.ts';
import { isRegion } from './geography.ts';
import { GroupController } from './group-controller.ts';
import { groupInstanceActions } from './group-instances.ts';
import { groupPolicyActions } from './group-policies.ts';
import { groupActions } from './group-requests.ts';
import { groupSettingActions } from './group-settings.ts';
import { groupDescribeActions } from './group-views.ts';
import { identityActions, Sessions } from './identity-actions.ts';
import { launchTemplateActions } from './launch-template-actions.ts';
import { LoadBalancing } from './load-balancing.ts';
import { PastRegions } from './past-region.ts';
import type { RegionState } from './region-state.ts';
import { clusterOfTags } from './resources.ts';
import { replacementActions } from './rolling-replacement.ts';
import { runActions } from './run-instances.ts';
import { signatureTimeRefusal } from './signature-time.ts';
import { interruptSpot, type SpotSelection } from './spot.ts';
import { kmsActions, ObjectStorage } from './storage-actions.ts';
import { targetGroupActions } from './target-group-actions.ts';
import { adoptVolume, volumeActions } from './volume-actions.ts';
import { warmPoolActions } from './warm-pool.ts';

export interface AwsModelOptions {
  clock: VirtualClock;
  random: Random;
  emit: EmitWorldEvent;
  listener: InstanceListener;
  controlPlanes?: ControlPlaneListener;
  probe: HealthProbe;
  clusterOfStack?: (account: string, region: string, stackName: string) => string | undefined;
  /** Where a cluster lives; spares checkers a walk over all accounts. */
  placeOfCluster?: (cluster: string) => { account: string; region: string } | undefined;
  timings?: Partial<CloudTimings>;
}

/** AWS as the fleet sees it: every account and region, in memory, under a virtual clock. */
export class AwsModel {
  readonly faults: AwsFaults;
  readonly buckets = new ThrottleBuckets();
  /** How far the services' clocks are ahead of those of their clients; what judges signatures looks here. */
  clockSkewMs = 0;
  readonly #cloud: Cloud;
  readonly #actions: ReadonlyMap<AwsService, ActionTable>;
  readonly #past = new PastRegions();
  readonly #sessions = new Sessions();
  #calls = 0;

  constructor(options: AwsModelOptions) {
    this.faults = new AwsFaults(options.random.fork('faults'));
    const cloud = new Cloud({
      clock: options.clock,
      random: options.random,
      emit: options.emit,
      listener: options.listener,
      controlPlanes: options.controlPlanes ?? { controlPlaneUp: () => undefined, controlPlaneGone: () => undefined },
      probe: options.probe,
      faults: this.faults,
      timings: { ...defaultTimings, ...options.timings },
      clusterOfStack: options.clusterOfStack ?? (() => undefined),
      placeOfCluster: options.placeOfCluster ?? (() => undefined),
    });
    cloud.fleet = new Fleet(cloud);
    cloud.balancing = new LoadBalancing(cloud);
    cloud.groups = new GroupController(cloud);
    cloud.stacks = new StackRunner(cloud);
    const storage = new ObjectStorage(cloud);
    cloud.buckets = storage;
    const fetch = (_state: unknown, url: string): string | undefined => storage.template(url);
    this.#cloud = cloud;
    this.#actions = new Map<AwsService, ActionTable>([
      [
        'autoscaling',
        {
          ...groupActions,
          ...groupDescribeActions,
          ...groupInstanceActions,
          ...groupSettingActions,
          ...replacementActions,
          ...groupPolicyActions,
          ...warmPoolActions,
        },
      ],
      ['ec2', { ...ec2Actions, ...runActions, ...volumeActions, ...ec2CatalogueActions, ...launchTemplateActions }],
      ['elasticloadbalancing', classicActions],
      ['elasticloadbalancingv2', targetGroupActions],
      [
        'cloudformation',
        { ...stackActions(fetch), ...stackDescribeActions, ...changeSetActions(fetch), ...driftActions },
      ],
      ['sts', identityActions(this.#sessions)],
      ['eks', eksActions],
      ['s3', storage.actions()],
      ['kms', kmsActions],
    ]);
  }

  /** EKS answers with this address of a cluster's API from now on. */
  serveControlPlanesAt(url: (cluster: string) => string): void {
    this.#cloud.controlPlaneUrl = url;
  }

  /** Secret of a session that AssumeRole gave out, by access key; undefined for any other key. */
  sessionSecret(accessKeyId: string): string | undefined {
    return this.#sessions.get(accessKeyId)?.secret;
  }

  /** How many calls were handled, refused ones included. */
  get calls(): number {
    return this.#calls;
  }

  /** Names of the actions that a service knows, for documents and tests. */
  actionsOf(service: AwsService): string[] {
    return Object.keys(this.#actions.get(service) ?? {});
  }

  /** One API call; never throws for what a caller sends. */
  handle(request: AwsRequest): AwsReply {
    this.#calls += 1;
    const now = this.#cloud.now();
    const decision = this.faults.decide(request, now);
    const latency = decision.latencyMs > 0 ? { latencyMs: decision.latencyMs } : {};
    const lost: AwsReply = { ok: false, status: 0, code: 'ConnectionReset', message: 'socket hang up', ...latency };
    if (decision.before === 'lost') return lost;
    if (decision.before === 'reset') return { ...lost, message: 'read ECONNRESET', abrupt: true };
    if (decision.before) return { ...refusal(decision.before), ...latency };
    if (request.signedAt !== undefined) {
      const wrong = signatureTimeRefusal(request.service, request.signedAt, now + this.clockSkewMs);
      if (wrong) return { ...refusal(wrong), ...latency };
    }
    if (!this.buckets.take(request, now)) return { ...refusal(throttled(request.service)), ...latency };
    const ended = this.#sessions.refusal(request.accessKeyId, request.service, now);
    const reply = ended ? refusal(ended) : this.#act(request, decision.staleMs);
    return decision.lostAfter ? lost : { ...reply, ...latency };
  }

  #act(request: AwsRequest, staleMs: number): AwsReply {
    const found = this.#find(request);
    if (found instanceof AwsError) return refusal(found);
    const actor: Actor = { kind: 'client', name: request.userAgent ?? 'unknown' };
    try {
      const state = this.#stateFor(request, staleMs);
      const params = new Params(request.params, validationCode(request.service));
      const result = this.#cloud.as(actor, () => found({ cloud: this.#cloud, state, params, request }));
      return { ok: true, result };
    } catch (error) {
      if (error instanceof AwsError) return refusal(error);
      throw error;
    }
  }

  /** What the action works on: the truth, or what a stale describe sees of it. A change is seen late by later describes. */
  #stateFor(request: AwsRequest, staleMs: number): RegionState {
    const state = this.#cloud.region(request.account, request.region);
    const now = this.#cloud.now();
    if (isDescribe(request.action)) return staleMs > 0 ? this.#past.view(state, staleMs, now) : state;
    const lag = this.faults.stalenessOf(request.account, request.region, now);
    if (lag > 0) this.#past.view(state, lag, now);
    return state;
  }

  #find(request: AwsRequest): Action | AwsError {
    if (!/^\d{12}$/.test(request.account)) {
      return new AwsError('InvalidClientTokenId', 'The security token included in the request is invalid.', 403);
    }
    if (!isRegion(request.region)) {
      return new AwsError(
        'SignatureDoesNotMatch',
        `Credential should be scoped to a valid region, not '${request.region}'.`,
        403,
      );
    }
    const table = this.#actions.get(request.service);
    if (table && Object.hasOwn(table, request.action)) return table[request.action] as Action;
    return new AwsError('InvalidAction', `The action ${request.action} is not valid for this web service.`, 400);
  }

  /** The kubelet of an instance changed its answer: load balancers that hold it check again. */
  probeChanged(account: string, region: string, instanceId: string): void {
    this.#cloud.balancing.probeChanged(this.#cloud.region(account, region), instanceId);
  }

  /** Takes spot capacity back, with the usual notice; ids of the instances that will go. */
  interruptSpot(selection: SpotSelection): string[] {
    return interruptSpot(this.#cloud, selection);
  }

  /** Running instances that are tagged as the cluster's; in one place alone when that is given. */
  runningInstances(cluster: string, place?: { account: string; region: string }): SimInstance[] {
    const views: SimInstance[] = [];
    for (const state of place ? [this.#cloud.region(place.account, place.region)] : this.#cloud.regions()) {
      for (const instance of state.instances.values()) {
        if (instance.state === 'running' && clusterOfTags(instance.tags) === cluster) {
          views.push(this.#cloud.fleet.view(state, instance));
        }
      }
    }
    return views;
  }

  /** Makes a disk known that is there already. */
  adoptDisk(place: { account: string; region: string }, disk: Parameters<AdoptDisk>[0]): void {
    adoptVolume(this.#cloud, this.#cloud.region(place.account, place.region), disk);
  }

  /** True state, past any fault or stale read; for checkers, never for clients. */
  truth(): CloudTruth {
    return truthOf(this.#cloud);
  }
}

function refusal(error: AwsError): AwsReply {
  return { ok: false, status: error.status, code: error.code, message: error.message };
}
