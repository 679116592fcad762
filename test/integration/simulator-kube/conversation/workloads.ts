import type { Area } from './step.ts';

const api = '/api/v1/namespaces/default';
const apps = '/apis/apps/v1/namespaces/default';
const batch = '/apis/batch/v1/namespaces/default';
const sets = 'kubernetes.io/docs/concepts/workloads/controllers/statefulset/';
const jobs = 'kubernetes.io/docs/concepts/workloads/controllers/job/';
const daemons = 'kubernetes.io/docs/concepts/workloads/controllers/daemonset/';

const template = (app: string, spec: object = {}): object => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'c', image: 'nginx' }], ...spec },
});
const selector = (app: string): object => ({ matchLabels: { app } });
const podsOf = (app: string): string => `${api}/pods?labelSelector=app%3D${app}`;

const statefulSets: Area = {
  name: 'stateful sets',
  steps: [
    {
      id: 'stateful/made',
      source: `${sets}#components; pkg/apis/apps/v1/defaults.go`,
      method: 'POST',
      path: `${apps}/statefulsets`,
      body: {
        metadata: { name: 'db' },
        spec: { serviceName: 'db', replicas: 2, selector: selector('db'), template: template('db') },
      },
      expect: {
        spec: {
          podManagementPolicy: 'OrderedReady',
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
        },
      },
    },
    {
      id: 'stateful/first-alone',
      source: `${sets}#deployment-and-scaling-guarantees: in order, each when its predecessors are Ready`,
      path: podsOf('db'),
      at: { 'items.*.metadata.name': ['db-0'] },
      eventually: true,
    },
    {
      id: 'stateful/both',
      source: `${sets}#deployment-and-scaling-guarantees`,
      path: `${apps}/statefulsets/db`,
      at: { 'status.readyReplicas': 2, 'status.availableReplicas': 2, 'status.currentRevision': /^db-/ },
      eventually: true,
    },
    {
      id: 'stateful/identity',
      source: `${sets}#pod-name-label, #pod-index-label, #stable-network-id`,
      path: `${api}/pods/db-1`,
      at: {
        'metadata.labels.statefulset~kubernetes~io/pod-name': 'db-1',
        'metadata.labels.apps~kubernetes~io/pod-index': '1',
        'metadata.labels.controller-revision-hash': /^db-/,
        'spec.hostname': 'db-1',
        'spec.subdomain': 'db',
      },
    },
    {
      id: 'stateful/what-may-change',
      source: 'pkg/apis/apps/validation ValidateStatefulSetUpdate',
      method: 'PATCH',
      path: `${apps}/statefulsets/db`,
      body: { spec: { serviceName: 'other' } },
      status: 422,
      at: { message: /spec: Forbidden: updates to statefulset spec for fields other than 'replicas'/ },
    },
    {
      id: 'stateful/smaller',
      source: 'setup',
      method: 'PATCH',
      path: `${apps}/statefulsets/db/scale`,
      body: { spec: { replicas: 1 } },
    },
    {
      id: 'stateful/last-goes-first',
      source: `${sets}#deployment-and-scaling-guarantees: terminated in reverse order`,
      path: podsOf('db'),
      at: { 'items.*.metadata.name': ['db-0'] },
      eventually: true,
    },
  ],
};

const daemonSets: Area = {
  name: 'daemon sets',
  steps: [
    {
      id: 'daemons/made',
      source: `${daemons}; pkg/apis/apps/v1/defaults.go`,
      method: 'POST',
      path: `${apps}/daemonsets`,
      body: { metadata: { name: 'agent' }, spec: { selector: selector('agent'), template: template('agent') } },
      expect: {
        spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } } },
      },
    },
    {
      id: 'daemons/everywhere',
      source: `${daemons}: one on each node`,
      path: `${apps}/daemonsets/agent`,
      at: { 'status.desiredNumberScheduled': 3, 'status.numberReady': 3, 'status.numberMisscheduled': 0 },
      eventually: true,
    },
    {
      id: 'daemons/bound-by-affinity',
      source: `${daemons}#how-daemon-pods-are-scheduled: matchFields metadata.name`,
      path: podsOf('agent'),
      at: { 'items.*.spec.affinity': [/"key":"metadata\.name"/, /"matchFields"/, /requiredDuringScheduling/] },
    },
    {
      id: 'daemons/tolerate',
      source: `${daemons}#taints-and-tolerations`,
      path: podsOf('agent'),
      at: {
        'items.*.spec.tolerations': [
          /node\.kubernetes\.io\/unschedulable/,
          /node\.kubernetes\.io\/disk-pressure/,
          /node\.kubernetes\.io\/not-ready/,
        ],
      },
    },
  ],
};

const jobsAndCronJobs: Area = {
  name: 'jobs and cron jobs',
  steps: [
    {
      id: 'jobs/restart-policy',
      source: 'pkg/apis/batch/validation ValidateJobSpec',
      method: 'POST',
      path: `${batch}/jobs`,
      body: { metadata: { name: 'j' }, spec: { template: template('j', { restartPolicy: 'Always' }) } },
      status: 422,
      at: { message: /spec\.template\.spec\.restartPolicy: .*"OnFailure", "Never"/ },
    },
    {
      id: 'jobs/made',
      source: `${jobs}#job-labels; pkg/registry/batch/job/strategy.go generateSelector`,
      method: 'POST',
      path: `${batch}/jobs`,
      body: {
        metadata: { name: 'j' },
        spec: {
          completions: 2,
          template: {
            spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox', command: ['true'] }] },
          },
        },
      },
      at: {
        'spec.backoffLimit': 6,
        'spec.parallelism': 1,
        'spec.completionMode': 'NonIndexed',
        'spec.template.metadata.labels.batch~kubernetes~io/job-name': 'j',
      },
    },
    {
      id: 'jobs/complete',
      source: `${jobs}#terminal-job-conditions`,
      path: `${batch}/jobs/j`,
      at: {
        'status.succeeded': 2,
        'status.completionTime': /^\d{4}-/,
        'status.conditions.*.type': ['SuccessCriteriaMet', 'Complete'],
      },
      eventually: true,
    },
    {
      id: 'jobs/selected',
      source: 'pkg/registry/batch/job/strategy.go JobToSelectableFields',
      path: `${batch}/jobs?fieldSelector=status.successful%3D2`,
      at: { 'items.*.metadata.name': ['j'] },
    },
    {
      id: 'jobs/template-is-fixed',
      source: 'pkg/apis/batch/validation ValidateJobSpecUpdate',
      method: 'PATCH',
      path: `${batch}/jobs/j`,
      body: { spec: { template: { spec: { terminationGracePeriodSeconds: 1 } } } },
      status: 422,
      at: { message: /spec\.template: Invalid value: .*field is immutable/ },
    },
    {
      id: 'cron/bad-schedule',
      source: 'pkg/apis/batch/validation validateScheduleFormat',
      method: 'POST',
      path: `${batch}/cronjobs`,
      body: {
        metadata: { name: 'often' },
        spec: { schedule: 'now', jobTemplate: { spec: { template: template('often', { restartPolicy: 'Never' }) } } },
      },
      status: 422,
      at: { message: /spec\.schedule: Invalid value: "now"/ },
    },
    {
      id: 'cron/made',
      source: 'kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#jobs-history-limits',
      method: 'POST',
      path: `${batch}/cronjobs`,
      body: {
        metadata: { name: 'often' },
        spec: {
          schedule: '* * * * *',
          jobTemplate: { spec: { template: template('often', { restartPolicy: 'Never' }) } },
        },
      },
      expect: {
        spec: { concurrencyPolicy: 'Allow', successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1, suspend: false },
      },
    },
    {
      id: 'cron/starts-jobs',
      source: 'kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax',
      path: `${batch}/cronjobs/often`,
      at: { 'status.lastScheduleTime': /:00Z$/ },
      eventually: true,
    },
    {
      id: 'cron/owns-them',
      source: 'pkg/controller/cronjob/utils.go getJobFromTemplate2: the name holds the minute',
      path: `${batch}/jobs?labelSelector=!x`,
      at: { items: /"name":"often-\d{8}"/ },
      eventually: true,
    },
  ],
};

const deployments: Area = {
  name: 'deployments and replica sets',
  steps: [
    {
      id: 'deployments/labels-must-match',
      source: 'pkg/apis/apps/validation ValidatePodTemplateSpecForReplicaSet',
      method: 'POST',
      path: `${apps}/deployments`,
      body: { metadata: { name: 'web' }, spec: { selector: selector('other'), template: template('web') } },
      status: 422,
      at: { message: /spec\.template\.metadata\.labels: Invalid value: .*`selector` does not match template `labels`/ },
    },
    {
      id: 'deployments/made',
      source: 'setup',
      method: 'POST',
      path: `${apps}/deployments`,
      body: { metadata: { name: 'web' }, spec: { replicas: 2, selector: selector('web'), template: template('web') } },
    },
    {
      id: 'deployments/selector-is-fixed',
      source:
        'kubernetes.io/docs/concepts/workloads/controllers/deployment/#label-selector-updates; ValidateDeploymentUpdate',
      method: 'PATCH',
      path: `${apps}/deployments/web`,
      body: { spec: { selector: { matchLabels: { tier: 'x' } }, template: { metadata: { labels: { tier: 'x' } } } } },
      status: 422,
      at: { message: /spec\.selector: Invalid value: .*field is immutable/ },
    },
    {
      id: 'deployments/replica-set',
      source: 'kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label',
      path: `${apps}/replicasets?labelSelector=app%3Dweb`,
      at: {
        'items.*.metadata.labels.pod-template-hash': [/^[a-z0-9]+$/],
        'items.*.metadata.annotations.deployment~kubernetes~io/revision': ['1'],
        'items.*.metadata.ownerReferences.*.kind': ['Deployment'],
      },
      eventually: true,
    },
    {
      id: 'deployments/scale-below-zero',
      source: 'pkg/apis/autoscaling/validation ValidateScale',
      method: 'PATCH',
      path: `${apps}/deployments/web/scale`,
      body: { spec: { replicas: -1 } },
      status: 422,
      at: { message: /spec\.replicas: Invalid value: -1: must be greater than or equal to 0/ },
    },
    {
      id: 'deployments/orphaning',
      source: 'setup',
      method: 'DELETE',
      path: `${apps}/deployments/web?propagationPolicy=Orphan`,
    },
    {
      id: 'deployments/gone',
      source: 'as deployments/orphaned',
      path: `${apps}/deployments/web`,
      status: 404,
      eventually: true,
    },
    {
      id: 'deployments/orphaned',
      source: 'kubernetes.io/docs/concepts/architecture/garbage-collection/#orphaned-dependents',
      path: `${apps}/replicasets?labelSelector=app%3Dweb`,
      at: { 'items.*.metadata.ownerReferences': [undefined] },
    },
  ],
};

export const workloads: readonly Area[] = [statefulSets, daemonSets, jobsAndCronJobs, deployments];
