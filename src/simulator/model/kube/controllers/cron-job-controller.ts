import { admitNew } from '../admission.ts';
import type { ClusterCore } from '../cluster-core.ts';
import { nextRun } from '../cron-schedule.ts';
import { requestDeletion } from '../deletion.ts';
import { type CronJob, isTerminating, type Job } from '../kinds.ts';
import { cloneJson, controllerOf, type Fields, keyOf, type SimObject, stamp } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';
import { ownerReference } from './workload-pods.ts';

/** Missed moments that are looked through for the latest one. */
const mostMissed = 1000;

/** Makes a Job whenever a CronJob's moment comes, and clears up old ones. */
export class CronJobController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #definition: ResourceDefinition;
  readonly #jobs: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#definition = core.resources.find('batch', 'v1', 'cronjobs') as ResourceDefinition;
    this.#jobs = core.resources.find('batch', 'v1', 'jobs') as ResourceDefinition;
    const lag = seededLag(core, 'cronjob', core.options.lagMs.controllers);
    this.#queue = new WorkQueue(core, 'cronjob-controller', lag, (key) => this.#sync(key));
    core.store.onChange(this.#definition.key, (change) => {
      if (change.type !== 'DELETED') this.#queue.add(keyOf(change.object));
    });
    core.store.onChange(this.#jobs.key, ({ object }) => {
      const owner = controllerOf(object);
      if (owner?.kind === 'CronJob') this.#queue.add(`${object.metadata.namespace}/${owner.name}`);
    });
  }

  #sync(key: string): void {
    const found = this.#core.store.typed<CronJob>(this.#definition.key).byKey.get(key);
    if (!found || isTerminating(found) || this.#core.faults.workloads === 'broken') return;
    this.#forgetOld(found);
    if (found.spec.suspend !== true) this.#start(found);
    this.#updateStatus(found.metadata.uid);
  }

  #owned(cron: CronJob): Job[] {
    return this.#core.store
      .dependents(cron.metadata.uid)
      .filter((each): each is Job => each.kind === 'Job' && controllerOf(each)?.uid === cron.metadata.uid);
  }

  #start(cron: CronJob): void {
    const { schedule, timeZone, startingDeadlineSeconds, concurrencyPolicy } = cron.spec;
    const now = this.#core.clock.now();
    const last = Date.parse(cron.status.lastScheduleTime ?? cron.metadata.creationTimestamp);
    const earliest =
      startingDeadlineSeconds === undefined ? last : Math.max(last, now - startingDeadlineSeconds * 1000);
    let due: number | undefined;
    let next = nextRun(schedule, timeZone, earliest);
    for (let i = 0; next !== undefined && next <= now && i < mostMissed; i++) {
      due = next;
      next = nextRun(schedule, timeZone, next);
    }
    if (next !== undefined) this.#queue.addAt(keyOf(cron), Math.max(next, now + 1));
    if (due === undefined) return;
    const active = this.#owned(cron).filter((job) => endOf(job) === undefined);
    if (concurrencyPolicy === 'Forbid' && active.length > 0) {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      this.#core.events.record('cronjob-controller', cron, { type: 'Normal', reason: 'JobAlreadyActive', message });
      return;
    }
    if (concurrencyPolicy === 'Replace') for (const job of active) this.#delete(job);
    this.#create(cron, due);
  }

  #create(cron: CronJob, dueMs: number): void {
    const { namespace } = cron.metadata;
    const name = `${cron.metadata.name}-${Math.floor(dueMs / 60_000)}`;
    const home = this.#core.store.table('namespaces').get(undefined, namespace as string);
    if (!home || isTerminating(home)) return;
    if (!this.#core.store.table(this.#jobs.key).get(namespace, name)) {
      const { metadata, spec } = cron.spec.jobTemplate;
      const made = {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: {
          name,
          namespace,
          ...(metadata?.labels ? { labels: { ...metadata.labels } } : {}),
          annotations: { ...metadata?.annotations, 'batch.kubernetes.io/cronjob-scheduled-timestamp': stamp(dueMs) },
          ownerReferences: [ownerReference(cron)],
        },
        spec: cloneJson(spec),
      } as unknown as SimObject;
      this.#writer.create(this.#jobs, admitNew(this.#core, this.#jobs, made));
      const text = { type: 'Normal', reason: 'SuccessfulCreate', message: `Created job ${name}` } as const;
      this.#core.events.record('cronjob-controller', cron, text);
    }
    const now = this.#core.store.byUid(cron.metadata.uid) as CronJob;
    this.#writer.setStatus(this.#definition, now, { ...now.status, lastScheduleTime: stamp(dueMs) });
  }

  #delete(job: Job): void {
    if (!isTerminating(job)) requestDeletion(this.#core, this.#writer, this.#jobs, job, { propagation: 'Background' });
  }

  #forgetOld(cron: CronJob): void {
    const ended = this.#owned(cron).filter((job) => endOf(job) !== undefined && !isTerminating(job));
    ended.sort((a, b) => Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp));
    const of = (type: string): Job[] => ended.filter((job) => endOf(job) === type);
    for (const job of of('Complete').slice(cron.spec.successfulJobsHistoryLimit ?? 3)) this.#delete(job);
    for (const job of of('Failed').slice(cron.spec.failedJobsHistoryLimit ?? 1)) this.#delete(job);
  }

  #updateStatus(uid: string): void {
    const cron = this.#core.store.byUid(uid) as CronJob | undefined;
    if (!cron) return;
    const jobs = this.#owned(cron);
    const active = jobs
      .filter((job) => endOf(job) === undefined)
      .map((job): Fields => {
        const { name, namespace, uid: jobUid, resourceVersion } = job.metadata;
        return { apiVersion: 'batch/v1', kind: 'Job', name, namespace, uid: jobUid, resourceVersion };
      });
    const ends = jobs.map((job) => job.status.completionTime).filter((end): end is string => end !== undefined);
    const lastSuccessfulTime = [...ends, cron.status.lastSuccessfulTime ?? ''].sort().at(-1);
    this.#writer.setStatus(this.#definition, cron, {
      ...(active.length > 0 ? { active } : {}),
      ...(cron.status.lastScheduleTime === undefined ? {} : { lastScheduleTime: cron.status.lastScheduleTime }),
      ...(lastSuccessfulTime ? { lastSuccessfulTime } : {}),
    });
  }
}

/** How the job ended; undefined while it runs. */
function endOf(job: Job): string | undefined {
  return job.status.conditions?.find(
    (each) => each.status === 'True' && (each.type === 'Complete' || each.type === 'Failed'),
  )?.type;
}
