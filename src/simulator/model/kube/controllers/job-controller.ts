import type { ClusterCore } from '../cluster-core.ts';
import { requestDeletion } from '../deletion.ts';
import {
  type Condition,
  isPodFinished,
  isPodReady,
  isTerminating,
  type Job,
  type Pod,
  withCondition,
} from '../kinds.ts';
import { keyOf, stamp } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { WorkQueue } from '../work-queue.ts';
import type { WorkloadPods } from './workload-pods.ts';
import { workloadQueue } from './workload-queue.ts';

/** Runs pods until enough of them succeeded. */
export class JobController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #pods: WorkloadPods;
  readonly #definition: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter, pods: WorkloadPods) {
    this.#core = core;
    this.#writer = writer;
    this.#pods = pods;
    this.#definition = core.resources.find('batch', 'v1', 'jobs') as ResourceDefinition;
    this.#queue = workloadQueue<Job>(pods, this.#definition, (job) => this.#sync(job));
  }

  #sync(job: Job): void {
    if (isTerminating(job)) return;
    const done = job.status.conditions?.some(
      (each) => (each.type === 'Complete' || each.type === 'Failed') && each.status === 'True',
    );
    if (done) this.#expire(job);
    else this.#run(job);
  }

  /** A finished job with a time to live goes when that is over. */
  #expire(job: Job): void {
    const { ttlSecondsAfterFinished } = job.spec;
    if (ttlSecondsAfterFinished === undefined) return;
    const end = job.status.conditions?.find(
      (each) => each.status === 'True' && (each.type === 'Complete' || each.type === 'Failed'),
    )?.lastTransitionTime;
    const at = Date.parse(end ?? job.metadata.creationTimestamp) + ttlSecondsAfterFinished * 1000;
    if (at > this.#core.clock.now()) this.#queue.addAt(keyOf(job), at);
    else requestDeletion(this.#core, this.#writer, this.#definition, job, { propagation: 'Foreground' });
  }

  #run(job: Job): void {
    const now = this.#core.clock.now();
    const pods = this.#pods.ownedBy(job);
    const succeeded = pods.filter((pod) => pod.status.phase === 'Succeeded').length;
    const failed = pods.filter(
      (pod) => pod.status.phase === 'Failed' || (isTerminating(pod) && !isPodFinished(pod)),
    ).length;
    const active = pods.filter((pod) => !isPodFinished(pod) && !isTerminating(pod));
    const restarts = pods.reduce(
      (sum, pod) => sum + (pod.status.containerStatuses ?? []).reduce((all, each) => all + each.restartCount, 0),
      0,
    );
    const completions = job.spec.completions ?? 1;
    const startTime = job.status.startTime ?? stamp(now);
    const limit = job.spec.backoffLimit ?? 6;
    const deadline =
      job.spec.activeDeadlineSeconds === undefined
        ? undefined
        : Date.parse(startTime) + job.spec.activeDeadlineSeconds * 1000;
    let end: Condition | undefined;
    if (job.spec.suspend) {
      for (const pod of active) this.#pods.delete(pod);
    } else if (succeeded >= completions)
      end = {
        type: 'Complete',
        status: 'True',
        reason: 'CompletionsReached',
        message: 'Reached expected number of succeeded pods',
      };
    else if (failed > limit || restarts > limit) {
      end = {
        type: 'Failed',
        status: 'True',
        reason: 'BackoffLimitExceeded',
        message: 'Job has reached the specified backoff limit',
      };
    } else if (deadline !== undefined && deadline <= now) {
      end = {
        type: 'Failed',
        status: 'True',
        reason: 'DeadlineExceeded',
        message: 'Job was active longer than specified deadline',
      };
    } else {
      if (deadline !== undefined) this.#queue.addAt(keyOf(job), deadline);
      this.#start(job, pods, active.length, completions - succeeded, failed);
    }
    if (end) {
      const { reason = '', message = '' } = end;
      const text =
        end.type === 'Complete'
          ? ({ type: 'Normal', reason: 'Completed', message: 'Job completed' } as const)
          : ({ type: 'Warning', reason, message } as const);
      this.#core.events.record('job-controller', job, text);
      for (const pod of active) this.#pods.delete(pod);
    }
    this.#updateStatus(job.metadata.uid, { succeeded, failed, startTime, end });
  }

  #start(job: Job, pods: readonly Pod[], active: number, open: number, failed: number): void {
    const missing = Math.min(job.spec.parallelism ?? 1, open) - active;
    if (missing <= 0) return;
    if (failed > 0) {
      // Failures are retried after 10 s, 20 s, 40 s … of patience.
      const ends = pods.filter((pod) => pod.status.phase === 'Failed').map((pod) => lastEnd(pod));
      const at = Math.max(0, ...ends) + Math.min(600_000, 10_000 * 2 ** (failed - 1));
      if (at > this.#core.clock.now()) {
        this.#queue.addAt(keyOf(job), at);
        return;
      }
    }
    const generateName = `${job.metadata.name}-`;
    for (let i = 0; i < Math.min(missing, 100); i++) {
      const name = this.#pods.freshName(job.metadata.namespace as string, generateName);
      if (!this.#pods.create({ name, generateName, owner: job, template: job.spec.template })) return;
    }
  }

  #updateStatus(
    uid: string,
    so: { succeeded: number; failed: number; startTime: string; end: Condition | undefined },
  ): void {
    const job = this.#core.store.byUid(uid) as Job | undefined;
    if (!job) return;
    const active = this.#pods.ownedBy(job).filter((pod) => !isPodFinished(pod) && !isTerminating(pod));
    const ready = active.filter(isPodReady).length;
    const now = stamp(this.#core.clock.now());
    let conditions = job.status.conditions;
    if (so.end) {
      const end = { ...so.end, lastProbeTime: now };
      // What the job comes to is said before it has come to it.
      const first = end.type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
      conditions = withCondition(withCondition(conditions, { ...end, type: first }, now), end, now);
    }
    this.#writer.setStatus(this.#definition, job, {
      ...(so.end || active.length === 0 ? {} : { active: active.length }),
      ...(so.succeeded > 0 ? { succeeded: so.succeeded } : {}),
      ...(so.failed > 0 ? { failed: so.failed } : {}),
      ready: so.end ? 0 : ready,
      terminating: 0,
      uncountedTerminatedPods: {},
      startTime: so.startTime,
      ...(so.end?.type === 'Complete' ? { completionTime: now } : {}),
      ...(conditions ? { conditions } : {}),
    });
  }
}

function lastEnd(pod: Pod): number {
  const ready = pod.status.conditions?.find((each) => each.type === 'Ready')?.lastTransitionTime;
  return Date.parse(ready ?? pod.metadata.creationTimestamp);
}
