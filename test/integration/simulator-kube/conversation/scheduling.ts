import type { Area } from './step.ts';

const api = '/api/v1/namespaces/default';
const pods = `${api}/pods`;
const unschedulable = 'pkg/scheduler/framework/types.go FitError';
const plugins = 'pkg/scheduler/framework/plugins';

const pod = (name: string, spec: object = {}, labels: object = {}): object => ({
  metadata: { name, labels },
  spec: { containers: [{ name: 'c', image: 'nginx' }], ...spec },
});

/** A pod that no node takes, and why. */
function refused(id: string, source: string, spec: object, message: RegExp): Area['steps'] {
  return [
    { id: `${id}/made`, source: 'setup', method: 'POST', path: pods, body: pod(id, spec) },
    {
      id: `${id}/says-why`,
      source,
      path: `${pods}/${id}`,
      at: {
        'status.phase': 'Pending',
        'status.conditions.*.reason': ['Unschedulable'],
        'status.conditions.*.message': [message],
      },
      eventually: true,
    },
  ];
}

const messages: Area = {
  name: 'pods that no node takes',
  steps: [
    ...refused(
      'too-large',
      `${plugins}/noderesources/fit.go; ${unschedulable}`,
      { containers: [{ name: 'c', image: 'nginx', resources: { requests: { cpu: '1000' } } }] },
      /^0\/3 nodes are available: 3 Insufficient cpu\. preemption: 0\/3 nodes are available: 3 /,
    ),
    ...refused(
      'selective',
      `${plugins}/nodeaffinity; ${unschedulable}`,
      { nodeSelector: { disk: 'none' } },
      /^0\/3 nodes are available: 3 node\(s\) didn't match Pod's node affinity\/selector\. preemption: 0\/3 nodes are available: 3 Preemption is not helpful for scheduling\.$/,
    ),
    ...refused(
      'unclaimed',
      `${plugins}/volumebinding; ${unschedulable}`,
      { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'none' } }] },
      /persistentvolumeclaim "none" not found/,
    ),
    {
      id: 'gated/made',
      source: 'setup',
      method: 'POST',
      path: pods,
      body: pod('gated', { schedulingGates: [{ name: 'example.com/wait' }] }),
    },
    {
      id: 'gated/says-so',
      source: 'kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/',
      path: `${pods}/gated`,
      at: { 'status.conditions.*.reason': ['SchedulingGated'], 'spec.nodeName': undefined },
      eventually: true,
    },
    {
      id: 'gated/opened',
      source: 'kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/: gates may be removed',
      method: 'PATCH',
      path: `${pods}/gated`,
      body: { spec: { schedulingGates: null } },
    },
    {
      id: 'gated/runs',
      source: 'as above',
      path: `${pods}/gated`,
      at: { 'status.phase': 'Running' },
      eventually: true,
    },
    {
      id: 'tolerations/added',
      source:
        'kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions: 300 seconds',
      path: `${pods}/gated`,
      at: {
        'spec.tolerations.*.key': ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
        'spec.tolerations.*.tolerationSeconds': [300, 300],
        'spec.tolerations.*.effect': ['NoExecute', 'NoExecute'],
      },
      keep: { node: 'spec.nodeName' },
    },
    {
      id: 'pods/what-may-change',
      source: 'pkg/apis/core/validation ValidatePodUpdate',
      method: 'PATCH',
      path: `${pods}/gated`,
      body: { spec: { terminationGracePeriodSeconds: 7 } },
      status: 422,
      at: { message: /spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`/ },
    },
    {
      id: 'taints/evict',
      source: 'kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/: NoExecute',
      method: 'PATCH',
      path: '/api/v1/nodes/{node}',
      body: { spec: { taints: [{ key: 'example.com/out', effect: 'NoExecute' }] } },
    },
    { id: 'taints/pod-goes', source: 'as above', path: `${pods}/gated`, status: 404, eventually: true },
    {
      id: 'taints/lifted',
      source: 'setup',
      method: 'PATCH',
      path: '/api/v1/nodes/{node}',
      body: { spec: { taints: null } },
    },
    {
      id: 'cordon/marks-the-node',
      source:
        'kubernetes.io/docs/concepts/architecture/nodes/#manual-node-administration; pkg/controller/nodelifecycle: the taint follows',
      method: 'PATCH',
      path: '/api/v1/nodes/{node}',
      body: { spec: { unschedulable: true } },
    },
    {
      id: 'cordon/taint',
      source: 'pkg/controller/nodelifecycle/node_lifecycle_controller.go: node.kubernetes.io/unschedulable',
      path: '/api/v1/nodes/{node}',
      at: { 'spec.taints.*.key': ['node.kubernetes.io/unschedulable'], 'spec.taints.*.effect': ['NoSchedule'] },
      eventually: true,
    },
    {
      id: 'cordon/selected',
      source: 'pkg/registry/core/node/strategy.go NodeToSelectableFields',
      path: '/api/v1/nodes?fieldSelector=spec.unschedulable%3Dtrue',
      at: { 'items.*.spec.unschedulable': [true] },
    },
    {
      id: 'logs/of-a-pod-that-waits',
      source:
        'pkg/registry/core/pod/strategy.go LogLocation: no host yet, no location; resthandler StreamObject: no stream, no content',
      path: `${pods}/too-large/log`,
      status: 204,
      expect: '',
    },
    {
      id: 'logs/of-no-container',
      source: 'pkg/registry/core/pod/strategy.go validateContainer',
      path: `${pods}/selective/log?container=none`,
      status: 400,
      expect: { message: 'container none is not valid for pod selective' },
    },
    {
      id: 'budgets/never-met',
      source: 'pkg/apis/policy/validation ValidatePodDisruptionBudgetSpec',
      method: 'POST',
      path: '/apis/policy/v1/namespaces/default/poddisruptionbudgets',
      body: { metadata: { name: 'both' }, spec: { minAvailable: 1, maxUnavailable: 1 } },
      status: 422,
      at: { message: /minAvailable and maxUnavailable cannot be both set/ },
    },
  ],
};

export const scheduling: readonly Area[] = [messages];
