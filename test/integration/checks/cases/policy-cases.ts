/** Checks of what may run, as whom, and of what makes room: policies, identities, autoscalers, logs. */
import { addon, apiServiceOf, everywhere, serviceOf, webhookOf } from '../addons.ts';
import type { CheckCase } from '../check-cases.ts';
import type { CheckWorld } from '../check-world.ts';

const minute = 60_000;
const allowed = 'nginx:1.27-alpine';

const off =
  (name: string): ((world: CheckWorld) => void) =>
  (world) =>
    world.kube.runtimeFaults.set({ addons: { [name]: 'off' } });

async function metricsApi(world: CheckWorld): Promise<void> {
  world.kube.seed([
    addon('metrics-server', 'metrics-server/metrics-server:v0.7.2'),
    apiServiceOf('metrics-server', 'metrics.k8s.io', 'v1beta1'),
  ]);
  await world.pass(2 * minute);
}

export const policyCases: CheckCase[] = [
  {
    check: 'security.pod-security',
    evidence: /^privileged pods are refused, directly and through a deployment$/,
    given: (world) => {
      world.cluster.configItems['e2e_expects'] = 'pod-security';
    },
    broken: {
      'a cluster that enforces nothing': {
        by: (world) => {
          world.kube.faults.podSecurity = 'off';
        },
        message: /^a privileged pod on the host network is taken by a namespace that is restricted$/,
      },
    },
  },
  {
    check: 'security.image-policy',
    given: async (world) => {
      const { configItems } = world.cluster;
      configItems['e2e_image_policy_denied'] = 'evil.example.org/miner:1';
      configItems['e2e_image_policy_allowed'] = allowed;
      configItems['e2e_image_policy_exempt'] = 'policy=none';
      world.kube.seed([
        addon('policy', 'image-policy-webhook:1', ['--allow=nginx,clm-probe,image-policy-webhook'], [8443]),
        serviceOf('policy', 443, 8443),
      ]);
      await world.pass(2 * minute);
      world.kube.seed([webhookOf('Validating', 'policy')]);
    },
    evidence: /^evil\.example\.org\/miner:1 is refused in Pod, Deployment, StatefulSet, Job; nginx:1\.27-alpine runs$/,
    broken: {
      'a policy that lets everything in': {
        by: off('image-policy'),
        message: /^a pod with evil\.example\.org\/miner:1 is let in$/,
      },
      'a policy that nobody asks any more': {
        by: (world) =>
          world.kube.seed([
            webhookOf('Validating', 'policy', { objectSelector: { matchLabels: { nobody: 'has-it' } } }),
          ]),
        message: /^a pod with \S+ is let in$/,
      },
      'a policy that is asked about direct pods alone': {
        by: (world) => {
          const withOwner = { matchExpressions: [{ key: 'app', operator: 'In', values: ['good-pod', 'bad-pod'] }] };
          world.kube.seed([webhookOf('Validating', 'policy', { objectSelector: withOwner })]);
        },
        message: /^a Deployment with evil\.example\.org\/miner:1 gets pods: Created pod: bad-deployment-/,
      },
      'a policy that keeps good images out, too': {
        by: async (world) => {
          world.kube.seed([addon('policy', 'image-policy-webhook:1', ['--allow=nothing'], [8443])]);
          await world.pass(2 * minute);
        },
        message: /^a Pod with the allowed image nginx:1\.27-alpine is refused: .*is not of a registry that may be used/,
      },
      'a policy that does not see changes': {
        by: (world) => {
          const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }];
          world.kube.seed([webhookOf('Validating', 'policy', { rules })]);
        },
        message: /^a pod with nginx:1\.27-alpine may be changed to evil\.example\.org\/miner:1$/,
      },
      'an exemption that exempts nobody': {
        by: (world) => world.kube.seed([webhookOf('Validating', 'policy', { namespaceSelector: {} })]),
        message: /^a namespace with label policy=none does not take evil/,
      },
    },
  },
  {
    check: 'security.cloud-identity',
    given: async (world) => {
      const { configItems } = world.cluster;
      configItems['e2e_identity_bucket'] = 'clm-e2e-bucket';
      configItems['e2e_identity_role'] = 'arn:aws:iam::123456789012:role/clm-e2e';
      world.createBucket('clm-e2e-bucket');
      world.kube.seed([
        addon('identity', 'amazon-eks-pod-identity-webhook:1', [], [8443]),
        serviceOf('identity', 443, 8443),
      ]);
      await world.pass(2 * minute);
      world.kube.seed([webhookOf('Mutating', 'identity', { failurePolicy: 'Ignore' })]);
    },
    evidence: /^clm-e2e-bucket: with arn:aws:iam::123456789012:role\/clm-e2e it is listed, without it is not$/,
    broken: {
      'nobody who gives pods their identity': {
        by: off('pod-identity'),
        message: /cannot list clm-e2e-bucket: it ends with code 254: .*AccessDenied/,
      },
      'nodes that may do too much': {
        by: (world) => world.kube.runtimeFaults.set({ nodeRole: 'wide' }),
        message: /^a pod without an identity lists clm-e2e-bucket: it has the rights of its node/,
      },
    },
  },
  {
    check: 'node.gpu-job',
    given: (world) => {
      const [node = ''] = world.nodeNames();
      world.patchNode(node, { status: { allocatable: { 'nvidia.com/gpu': '1' } } }, 'status');
    },
    evidence: /^its log says PASSED$/,
    broken: {
      'a driver that is too old': {
        by: (world) => world.kube.runtimeFaults.set({ gpuDriver: 'broken' }),
        message: /^the pod ended Failed and its log does not say PASSED: .*CUDA driver version is insufficient/s,
      },
      'an image that nobody can pull': {
        by: (world) => {
          world.kube.faults.imagePull = 'broken';
        },
        outcome: 'timedout',
        message: /^the pod with a GPU ended: not within 900 s; it is Pending.*cannot be pulled/,
      },
    },
  },
  {
    check: 'autoscale.nodes',
    usesUp: true,
    given: async (world) => {
      world.tagGroup('k8s.io/cluster-autoscaler/enabled', 'true');
      world.kube.seed([
        addon('autoscaler', 'cluster-autoscaler:v1.31', [
          '--scale-down-unneeded-time=2m',
          '--scale-down-delay-after-add=1m',
        ]),
      ]);
      await world.pass(2 * minute);
    },
    evidence: /^\S+ came within \d+ s, and is gone again or marked to go$/,
    broken: {
      'an autoscaler that stands still': {
        by: off('cluster-autoscaler'),
        outcome: 'timedout',
        message: /^1 ready pods of app=room: not within 900 s; .*; no autoscaler has said a word to the pod$/,
      },
      'pools that are as large as they may be': {
        by: (world) => world.resizeGroup({ MaxSize: 4 }),
        outcome: 'timedout',
        message: /NotTriggerScaleUp: .*max node group size reached/,
      },
    },
  },
  {
    check: 'autoscale.hpa',
    given: async (world) => {
      await metricsApi(world);
      world.cluster.configItems['e2e_hpa_metrics'] = 'object, external';
      world.kube.seed([
        addon('adapter', 'kube-metrics-adapter:v0.2'),
        apiServiceOf('adapter', 'custom.metrics.k8s.io', 'v1beta1'),
        apiServiceOf('adapter', 'external.metrics.k8s.io', 'v1beta1'),
      ]);
      await world.pass(2 * minute);
    },
    evidence: /^up and down by processor, by a metric of the pods, by a metric of a service, by a number from outside$/,
    broken: {
      'a metrics server that does nothing': {
        by: off('metrics-server'),
        // Its APIs cannot be asked: no namespace goes until they can.
        leaks: true,
        outcome: 'timedout',
        message:
          /^2 pods of busy under load: not within 360 s; 1 are wanted, 1 are ready.*ScalingActive: FailedGetResourceMetric/,
      },
      'an adapter that does nothing': {
        by: off('custom-metrics'),
        // Its APIs cannot be asked: no namespace goes until they can.
        leaks: true,
        outcome: 'timedout',
        message: /^2 pods of measured under load: not within 360 s/,
      },
      'an adapter that serves no numbers from outside': {
        by: async (world) => {
          const path = '/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io';
          world.kube.handle({ method: 'DELETE', path, query: new URLSearchParams() });
          await world.pass(minute);
        },
        outcome: 'timedout',
        message: /^2 pods of by-external under load: not within 360 s; .*ScalingActive: FailedGetExternalMetric/,
      },
      'services that have no ready pods': {
        by: (world) =>
          world.when('/by-object', 'deployments.apps', 1, () => {
            world.kube.runtimeFaults.set({ images: { 'clm-probe': 'refused' } });
          }),
        outcome: 'timedout',
        message: /^2 pods of by-object under load: not within 360 s; .*ScalingActive: FailedGetObjectMetric/,
      },
      'a controller that stands still': {
        by: (world) =>
          world.when('clm-e2e', 'horizontalpodautoscalers.autoscaling', 1, () => {
            world.kube.faults.workloads = 'broken';
          }),
        outcome: 'timedout',
        message: /^2 pods of busy under load/,
      },
    },
  },
  {
    check: 'obs.logs',
    given: async (world) => {
      world.cluster.configItems['e2e_logs_query'] =
        'kube-system/loki:3100/loki/api/v1/query_range?query={namespace="{namespace}"} |= "{marker}"&limit=50';
      world.kube.seed([
        addon('loki', 'grafana/loki:3.1'),
        serviceOf('loki', 3100),
        everywhere('promtail', 'grafana/promtail:3.1'),
      ]);
      await world.pass(3 * minute);
    },
    evidence: /^lines of 4 nodes are found$/,
    broken: {
      'a backend that keeps nothing': {
        by: off('log-backend'),
        outcome: 'timedout',
        message: /^lines written on \S+, \S+, \S+, \S+ are not found within 240 s$/,
      },
      'one node without a shipper': {
        by: async (world) => {
          const [first] = world.nodeNames();
          const term = { matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: [first] }] };
          const affinity = {
            nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
          };
          world.kube.seed([everywhere('promtail', 'grafana/promtail:3.1', { affinity })]);
          await world.pass(3 * minute);
        },
        outcome: 'timedout',
        message: /^lines written on \S+ are not found within 240 s$/,
      },
      'a backend that is gone': {
        by: async (world) => {
          const gone = addon('loki', 'grafana/loki:3.1') as { spec: object };
          world.kube.seed([{ ...gone, spec: { ...gone.spec, replicas: 0 } }]);
          await world.pass(2 * minute);
        },
        outcome: 'timedout',
        message: /the log backend answers 503/,
      },
      'a query that the backend does not know': {
        by: (world) => {
          world.cluster.configItems['e2e_logs_query'] =
            'kube-system/loki:3100/loki/api/v1/query_range?query=select {marker}';
        },
        message: /^the log backend answers 400: parse error/,
      },
    },
  },
];
