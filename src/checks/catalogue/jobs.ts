import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { cronJobs, jobs } from '../resources.ts';
import { explained } from '../workload.ts';

function jobSpec(context: CheckContext): Record<string, unknown> {
  return {
    backoffLimit: 0,
    template: {
      metadata: { labels: context.labels },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        containers: [
          {
            name: 'task',
            image: context.settings.probeImage,
            args: ['exit', '--code', '0', '--after', '1s'],
            resources: { requests: { cpu: '10m', memory: '16Mi' } },
          },
        ],
      },
    },
  };
}

function conditionTrue(object: KubeObject, type: string): boolean {
  const conditions: { type: string; status: string }[] = object.status?.conditions ?? [];
  return conditions.some((one) => one.type === type && one.status === 'True');
}

async function untilComplete(context: CheckContext, found: (job: KubeObject) => boolean, what: string): Promise<void> {
  await explained(context, () =>
    context.until(what, jobs, { namespace: context.namespace }, 3 * 60_000, (items) => {
      const own = items.filter(found);
      const failed = own.find((job) => conditionTrue(job, 'Failed'));
      if (failed) throw new CheckFailed(`job ${failed.metadata.name} failed`);
      return own.some((job) => conditionTrue(job, 'Complete'))
        ? undefined
        : `${own.length} jobs are there, none is complete`;
    }),
  );
}

/** Catalogue row 18. */
export const workloadJobs = defineCheck({
  id: 'workload.jobs',
  title: 'A Job comes to its end, and a CronJob starts one within its minute',
  area: 'workload',
  uses: [cronJobs],
  withinMs: 8 * 60_000,
  minNodes: 1,
  cost: 'small',
  expectedMs: 90_000,
  async run(context) {
    await context.sandbox();
    const { namespace } = context;
    const metadata = { name: 'once', namespace };
    await context.kube.create(jobs, { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: jobSpec(context) });
    await context.step('a job completes', () =>
      untilComplete(context, (job) => job.metadata.name === 'once', 'job once complete'),
    );
    await context.kube.create(cronJobs, {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'minutely', namespace },
      spec: { schedule: '* * * * *', jobTemplate: { metadata: { labels: context.labels }, spec: jobSpec(context) } },
    });
    await context.step('a cron job starts one', () =>
      untilComplete(
        context,
        (job) => job.metadata.ownerReferences?.some((owner) => owner.kind === 'CronJob') === true,
        'a job of cron job minutely complete',
      ),
    );
    await context.step('and stops when it is suspended', async () => {
      await context.kube.patch(cronJobs, namespace, 'minutely', { type: 'merge', body: { spec: { suspend: true } } });
      await context.pause(5_000);
      const before = (await context.kube.list(jobs, { namespace })).items.length;
      await context.pause(70_000);
      const after = (await context.kube.list(jobs, { namespace })).items.length;
      if (after > before) throw new CheckFailed(`a suspended cron job started ${after - before} more`);
    });
    return 'a job completed; a cron job started one and none while suspended';
  },
});
