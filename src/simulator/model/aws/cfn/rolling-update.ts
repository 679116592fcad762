/** UpdatePolicy AutoScalingRollingUpdate: CloudFormation replaces the instances of a group, batch by batch, and waits for each. */
import { AwsError, type Params } from '../aws-request.ts';
import type { Cloud } from '../cloud.ts';
import type { RegionState } from '../region-state.ts';
import { outdatedIds } from '../rolling-replacement.ts';
import { countedMembers, isTerminating, type ScalingGroup, scalingProcesses } from '../scaling-group.ts';
import type { ResourceContext, ResourceWork } from './resource-type.ts';
import { areEnough, durationMs } from './signals.ts';
import type { Stack } from './stack.ts';

const lookMs = 5_000;
/** A group that does not come to its size by then has failed. */
const stabilizeMs = 3_600_000;

interface RollingPolicy {
  batch: number;
  inService: number;
  percent: number;
  pauseMs: number;
  waitForSignals: boolean;
  suspend: string[];
}

/** For a group of this MaxSize. @throws AwsError for a policy that CloudFormation refuses */
export function rollingPolicy(params: Params, max: number): RollingPolicy {
  const waitForSignals = params.flag('WaitOnResourceSignals') ?? false;
  const inService = params.bounded('MinInstancesInService', 0, 10_000) ?? 0;
  if (inService >= max)
    throw new AwsError('ValidationError', "MinInstancesInService must be less than the autoscaling group's MaxSize");
  const pauseMs = durationMs(params.text('PauseTime'), waitForSignals ? 'PT5M' : 'PT0S');
  if (pauseMs > 3_600_000) throw new AwsError('ValidationError', 'Maximum value allowed for PauseTime is PT1H');
  const suspend = params.texts('SuspendProcesses');
  for (const name of suspend)
    if (!scalingProcesses.some((known) => known === name))
      throw new AwsError('ValidationError', `${name} is not a valid process type.`);
  return {
    batch: Math.min(params.bounded('MaxBatchSize', 1, 10_000) ?? 1, max - inService),
    inService,
    percent: params.bounded('MinSuccessfulInstancesPercent', 0, 100) ?? 100,
    pauseMs,
    waitForSignals,
    suspend,
  };
}

/** The work that replaces what does not match the group's template; undefined when everything does. */
export function rollingUpdate(
  context: ResourceContext,
  group: ScalingGroup,
  policy: RollingPolicy,
): ((work: ResourceWork) => void) | undefined {
  const { cloud, state, stack, logicalId } = context;
  const obsolete = outdatedIds(state, group, true);
  if (obsolete.length === 0) return undefined;
  return (work) => new RollingUpdate({ cloud, state, stack, logicalId, group, policy, obsolete, work }).begin();
}

interface Parts {
  cloud: Cloud;
  state: RegionState;
  stack: Stack;
  logicalId: string;
  group: ScalingGroup;
  policy: RollingPolicy;
  /** Ids, in the order in which they go. */
  obsolete: string[];
  work: ResourceWork;
}

/** What was added last: the next batch waits for it. */
interface Batch {
  /** New instances in it. */
  added: number;
  /** Ids of those that go. */
  leaving: string[];
  since: number;
  /** When all of it was in service. */
  readyAt?: number;
}

class RollingUpdate {
  readonly #in: Parts;
  readonly #total: number;
  readonly #size: { min: number; desired: number };
  /** Processes that this update suspended. */
  readonly #suspended: string[] = [];
  /** Signals by sender; whether it went well. */
  readonly #received = new Map<string, boolean>();
  #counted = 0;
  #failures = 0;
  #added = 0;
  #batch: Batch | undefined;
  #over = false;

  constructor(parts: Parts) {
    this.#in = parts;
    this.#total = parts.obsolete.length;
    this.#size = { min: parts.group.min, desired: parts.group.desired };
  }

  begin(): void {
    const { group, policy, work, stack, logicalId, cloud, state } = this.#in;
    const { batch, inService, waitForSignals, pauseMs } = policy;
    const waiting = waitForSignals
      ? ` Waiting on resource signals with a timeout of ${isoText(pauseMs)} when new instances are added to the autoscaling group.`
      : '';
    work.note(
      `Rolling update initiated. Terminating ${this.#total} obsolete instance(s) in batches of ${batch}, while keeping at least ${inService} instance(s) in service.${waiting}`,
    );
    for (const name of policy.suspend) {
      if (group.suspended.has(name)) continue;
      group.suspended.set(name, 'Suspended by CloudFormation for a rolling update');
      this.#suspended.push(name);
    }
    if (waitForSignals)
      stack.signalWaits.set(logicalId, {
        received: this.#received,
        heard: () => this.#look(),
        cancel: () => this.#end('Resource update cancelled'),
      });
    const wanted = Math.min(group.max, inService + batch);
    if (group.desired - batch < inService && wanted > group.desired) {
      work.note(`Temporarily setting autoscaling group MinSize and DesiredCapacity to ${wanted}.`);
      this.#batch = this.#newBatch(wanted - group.desired);
      cloud.groups.resize(state, group, { min: wanted, desired: wanted }, 'CloudFormation');
    }
    this.#turn();
  }

  #turn(): void {
    if (this.#over) return;
    this.#look();
    if (!this.#over) this.#in.cloud.clock.at(this.#in.cloud.now() + lookMs, () => this.#turn());
  }

  /** Goes on when what was added last has come up, fails when it did not. */
  #look(): void {
    if (this.#over) return;
    const { state, group, obsolete, work, stack } = this.#in;
    if (!work.goesOn()) this.#end();
    else if (stack.cancelRequested) this.#end('Resource update cancelled');
    else if (group.deleting || state.groups.get(group.name) !== group)
      this.#end(`AutoScalingGroup ${group.name} not found`);
    else if (this.#batch && !this.#isUp(this.#batch)) return;
    else {
      this.#batch = undefined;
      if (obsolete.length > 0) this.#nextBatch();
      else this.#end();
    }
  }

  #isUp(batch: Batch): boolean {
    const { cloud, group, policy } = this.#in;
    if (policy.waitForSignals && !this.#heardOf(batch)) return false;
    if (this.#over || !this.#haveLeft(batch)) return false;
    const counted = countedMembers(group);
    const ready = counted.filter((member) => member.state === 'InService').length;
    if (ready < group.desired || counted.length !== ready) {
      if (cloud.now() - batch.since < stabilizeMs) return false;
      this.#end(`Group did not stabilize. {current/minSize/maxSize group size = ${ready}/${group.min}/${group.max}}.`);
      return false;
    }
    batch.readyAt ??= cloud.now();
    return policy.waitForSignals || cloud.now() - batch.readyAt >= policy.pauseMs;
  }

  #haveLeft(batch: Batch): boolean {
    const { group, obsolete, work } = this.#in;
    if (batch.leaving.some((id) => group.members.has(id))) return false;
    if (batch.leaving.length > 0) {
      const progress = Math.round(((this.#total - obsolete.length) / this.#total) * 100);
      work.note(`Successfully terminated instance(s) [${batch.leaving.join(',')}] (Progress ${progress}%).`);
    }
    batch.leaving = [];
    return true;
  }

  /** Counts the signals of a batch, once all came or the time is up. */
  #heardOf(batch: Batch): boolean {
    const { cloud, policy, work } = this.#in;
    if (batch.added === 0) return true;
    const heard = this.#received.size - this.#counted;
    const timeUp = cloud.now() - batch.since >= policy.pauseMs;
    if (heard < batch.added && !timeUp) return false;
    const missing = Math.max(0, batch.added - heard);
    if (missing > 0)
      work.note(
        `Failed to receive ${missing} resource signal(s) for the current batch. Each resource signal timeout is counted as a FAILURE.`,
      );
    const said = [...this.#received.values()].slice(this.#counted);
    this.#counted = this.#received.size;
    this.#failures += missing + said.filter((well) => !well).length;
    batch.added = 0;
    const successes = this.#total - this.#failures;
    if (areEnough(successes, this.#total, policy.percent)) return true;
    const good = [...this.#received.values()].filter((well) => well).length;
    this.#end(
      `Received ${good} SUCCESS signal(s) out of ${this.#total}. Unable to satisfy ${policy.percent}% MinSuccessfulInstancesPercent requirement`,
    );
    return false;
  }

  #nextBatch(): void {
    const { cloud, state, group, policy, obsolete, work } = this.#in;
    const ready = countedMembers(group).filter((member) => member.state === 'InService').length;
    const may = Math.min(policy.batch, obsolete.length, Math.max(1, ready - policy.inService));
    const members = obsolete
      .splice(0, may)
      .map((id) => group.members.get(id))
      .filter((member) => member !== undefined)
      .filter((member) => !isTerminating(member));
    const replaced = Math.max(0, Math.min(members.length, this.#size.desired - this.#added));
    const ids = members.map(({ instance }) => instance.id);
    if (members.length > 0)
      work.note(`Terminating instance(s) [${ids.join(',')}]; replacing with ${replaced} new instance(s).`);
    const fewer = members.length - replaced;
    if (fewer > 0) {
      const desired = Math.max(this.#size.desired, group.desired - fewer);
      cloud.groups.resize(state, group, { min: Math.min(group.min, desired), desired }, 'CloudFormation');
    }
    this.#batch = this.#newBatch(replaced, ids);
    const cause = 'an instance was taken out of service in response to a rolling update of its stack.';
    for (const member of members) cloud.groups.terminate(state, group, member, cause, fewer > 0);
  }

  #newBatch(added: number, leaving: string[] = []): Batch {
    const { work, policy, cloud } = this.#in;
    this.#added += added;
    if (added > 0 && policy.waitForSignals)
      work.note(
        `New instance(s) added to autoscaling group - Waiting on ${added} resource signal(s) with a timeout of ${isoText(policy.pauseMs)}.`,
      );
    return { added, leaving, since: cloud.now() };
  }

  #end(failure?: string): void {
    if (this.#over) return;
    this.#over = true;
    const { cloud, state, stack, group, logicalId, work } = this.#in;
    if (this.#in.policy.waitForSignals) stack.signalWaits.delete(logicalId);
    if (state.groups.get(group.name) === group && !group.deleting) {
      for (const name of this.#suspended) group.suspended.delete(name);
      cloud.groups.resize(state, group, this.#size, 'CloudFormation');
      cloud.groups.changed(state, group);
    }
    work.done(failure);
  }
}

function isoText(ms: number): string {
  const parts = { H: Math.floor(ms / 3_600_000), M: Math.floor(ms / 60_000) % 60, S: Math.floor(ms / 1000) % 60 };
  const text = Object.entries(parts).flatMap(([unit, count]) => (count > 0 ? [`${count}${unit}`] : []));
  return `PT${text.length === 0 ? '0S' : text.join('')}`;
}
