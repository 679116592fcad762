import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import { parseBudget, sameBudget, selectorOf } from '../../../src/providers/session/parse-budget.ts';
import { parseDaemonSet, sameDaemonSet } from '../../../src/providers/session/parse-daemon-set.ts';
import { instanceIdOf, parseNode, sameNode } from '../../../src/providers/session/parse-node.ts';
import { parsePod, samePod } from '../../../src/providers/session/parse-pod.ts';
import { bytesOf, cpuMilliOf, parseQuantity } from '../../../src/providers/session/parse-quantity.ts';
import { compareVersions } from '../../../src/providers/session/resource-version.ts';

describe('a quantity', () => {
  it.each([
    ['1', 1],
    ['250m', 0.25],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1Gi', 2 ** 30],
    ['128Mi', 134_217_728],
    ['129M', 129e6],
    ['2e3', 2000],
    ['1E', 1e18],
    ['123456n', 123456e-9],
    [2, 2],
    ['', undefined],
    ['1GiB', undefined],
    ['abc', undefined],
    [null, undefined],
  ])('%j is %j', (text, value) => {
    expect(parseQuantity(text)).toBe(value);
  });

  it('rounds cores up to thousandths without errors of binary fractions', () => {
    expect(cpuMilliOf('100m')).toBe(100);
    expect(cpuMilliOf('0.3')).toBe(300);
    expect(cpuMilliOf('1.0001')).toBe(1001);
    expect(cpuMilliOf(undefined)).toBe(0);
    expect(bytesOf('1.5Ki')).toBe(1536);
  });
});

function node(
  overrides: { labels?: Record<string, string>; spec?: object; status?: object; metadata?: object } = {},
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: 'ip-10-1-2-3.eu-central-1.compute.internal',
      uid: 'u1',
      resourceVersion: '7',
      creationTimestamp: '2026-01-02T03:04:05Z',
      labels: {
        'topology.kubernetes.io/zone': 'eu-central-1a',
        'node.kubernetes.io/node-pool': 'default',
        ...overrides.labels,
      },
      annotations: { small: 'x', 'applied-configuration': 'y'.repeat(5000) },
      ...overrides.metadata,
    },
    spec: {
      providerID: 'aws:///eu-central-1a/i-0abc12',
      taints: [{ key: 'k', effect: 'NoSchedule' }],
      ...overrides.spec,
    },
    status: {
      conditions: [
        { type: 'MemoryPressure', status: 'False' },
        {
          type: 'Ready',
          status: 'True',
          lastTransitionTime: '2026-01-02T03:05:00Z',
          lastHeartbeatTime: '2026-01-02T03:06:00Z',
        },
      ],
      allocatable: { cpu: '3920m', memory: '15Gi', pods: '58' },
      nodeInfo: { kubeletVersion: 'v1.31.2', osImage: 'Ubuntu 24.04' },
      ...overrides.status,
    },
  };
}

/** Long after all that the objects tell. */
const now = Date.UTC(2026, 5, 1);

describe('a node', () => {
  it('that is Ready has been so since now at the latest, on a clock that is behind the cluster', () => {
    const behind = Date.UTC(2026, 0, 1);
    expect(parseNode(node(), now).readySince).toBe(Date.parse('2026-01-02T03:05:00Z'));
    expect(parseNode(node(), behind).readySince).toBe(behind);
    const lost = { type: 'Ready', status: 'Unknown', lastTransitionTime: '2026-01-02T03:05:00Z' };
    expect(parseNode(node({ status: { conditions: [lost] } }), behind).readySince).toBe(
      Date.parse('2026-01-02T03:05:00Z'),
    );
  });

  it('is read into a view without its long annotations', () => {
    expect(parseNode(node(), now)).toEqual({
      name: 'ip-10-1-2-3.eu-central-1.compute.internal',
      uid: 'u1',
      resourceVersion: '7',
      instanceId: 'i-0abc12',
      zone: 'eu-central-1a',
      labels: { 'topology.kubernetes.io/zone': 'eu-central-1a', 'node.kubernetes.io/node-pool': 'default' },
      annotations: { small: 'x' },
      taints: [{ key: 'k', effect: 'NoSchedule' }],
      unschedulable: false,
      ready: true,
      readySince: Date.UTC(2026, 0, 2, 3, 5, 0),
      kubeletVersion: 'v1.31.2',
      osImage: 'Ubuntu 24.04',
      createdAt: Date.UTC(2026, 0, 2, 3, 4, 5),
      deleting: false,
      allocatable: { cpuMilli: 3920, memoryBytes: 15 * 2 ** 30, pods: 58 },
    });
  });

  it.each(['Unknown', 'False'])('is not ready while its condition is %s', (status) => {
    expect(parseNode(node({ status: { conditions: [{ type: 'Ready', status }] } }), now).ready).toBe(false);
  });

  it('is not ready without any condition', () => {
    expect(parseNode(node({ status: { conditions: [] } }), now).ready).toBe(false);
    expect(parseNode({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'bare' } }, now).ready).toBe(false);
  });

  it.each([
    ['aws:///eu-central-1a/i-0abc', 'i-0abc'],
    ['aws://eu-central-1a/i-0abc', 'i-0abc'],
    ['gce://project/zone/name', undefined],
    ['aws:///eu-central-1a/', undefined],
    [undefined, undefined],
  ])('with provider id %j belongs to instance %j', (providerId, instanceId) => {
    expect(instanceIdOf(providerId)).toBe(instanceId);
  });

  it('counts as unchanged after a heartbeat, and as changed after a cordon, a taint, a label or a lost readiness', () => {
    const before = parseNode(node(), now);
    const heartbeat = node({ metadata: { resourceVersion: '8' } });
    expect(sameNode(before, parseNode(heartbeat, now))).toBe(true);
    expect(sameNode(before, parseNode(node({ spec: { unschedulable: true } }), now))).toBe(false);
    expect(sameNode(before, parseNode(node({ spec: { taints: [] } }), now))).toBe(false);
    expect(sameNode(before, parseNode(node({ labels: { 'lifecycle-status': 'draining' } }), now))).toBe(false);
    expect(
      sameNode(before, parseNode(node({ status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }), now)),
    ).toBe(false);
  });
});

function pod(overrides: { metadata?: object; spec?: object; status?: object } = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid: 'p1',
      creationTimestamp: '2026-01-02T03:04:05Z',
      labels: { app: 'web' },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Other', name: 'o', uid: 'o1' },
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5', uid: 'r1', controller: true },
      ],
      ...overrides.metadata,
    },
    spec: {
      nodeName: 'n1',
      terminationGracePeriodSeconds: 60,
      containers: [
        { name: 'a', resources: { requests: { cpu: '100m', memory: '128Mi' } } },
        { name: 'b', resources: { requests: { cpu: '200m', memory: '64Mi' } } },
      ],
      initContainers: [
        { name: 'setup', resources: { requests: { cpu: '1', memory: '32Mi' } } },
        { name: 'proxy', restartPolicy: 'Always', resources: { requests: { cpu: '50m', memory: '16Mi' } } },
      ],
      volumes: [
        { name: 'data', persistentVolumeClaim: { claimName: 'data-web-1' } },
        { name: 'scratch', ephemeral: { volumeClaimTemplate: {} } },
        { name: 'tmp', emptyDir: {} },
      ],
      tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }],
      ...overrides.spec,
    },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-02T03:05:00Z' }],
      ...overrides.status,
    },
  };
}

describe('a pod', () => {
  it('is read into a view', () => {
    expect(parsePod(pod())).toEqual({
      namespace: 'shop',
      name: 'web-1',
      uid: 'p1',
      nodeName: 'n1',
      labels: { app: 'web' },
      annotations: {},
      owner: { kind: 'ReplicaSet', name: 'web-5', uid: 'r1' },
      phase: 'Running',
      ready: true,
      gracePeriodSeconds: 60,
      mirror: false,
      createdAt: Date.UTC(2026, 0, 2, 3, 4, 5),
      readySince: Date.UTC(2026, 0, 2, 3, 5, 0),
      claims: ['data-web-1', 'web-1-scratch'],
      tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }],
      // The one init container that runs alone asks for more cores, all others together for more memory.
      requests: { cpuMilli: 1000, memoryBytes: (128 + 64 + 16) * 2 ** 20 },
    });
  });

  it('keeps a grace period of zero, and has the default when it says none', () => {
    expect(parsePod(pod({ spec: { terminationGracePeriodSeconds: 0 } })).gracePeriodSeconds).toBe(0);
    expect(parsePod(pod({ spec: { terminationGracePeriodSeconds: undefined } })).gracePeriodSeconds).toBe(30);
  });

  it('shows its deletion, a static origin and why a container waits', () => {
    const view = parsePod(
      pod({
        metadata: { deletionTimestamp: '2026-01-02T03:06:00Z', annotations: { 'kubernetes.io/config.mirror': 'abc' } },
        status: {
          containerStatuses: [{ state: { running: {} } }, { state: { waiting: { reason: 'ImagePullBackOff' } } }],
        },
      }),
    );
    expect(view).toMatchObject({
      deletingAt: Date.UTC(2026, 0, 2, 3, 6, 0),
      mirror: true,
      waitingReason: 'ImagePullBackOff',
    });
  });

  it('has no owner without a controller reference', () => {
    expect(
      parsePod(pod({ metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'x' }] } })).owner,
    ).toBeUndefined();
  });

  it('counts as changed when it becomes unready, moves or is deleted, and as unchanged when only its conditions tick', () => {
    const before = parsePod(pod());
    const tick = pod({
      status: {
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-02T03:05:00Z', lastProbeTime: 'x' }],
      },
    });
    expect(samePod(before, parsePod(tick))).toBe(true);
    expect(samePod(before, parsePod(pod({ status: { conditions: [] } })))).toBe(false);
    expect(samePod(before, parsePod(pod({ spec: { nodeName: 'n2' } })))).toBe(false);
    expect(samePod(before, parsePod(pod({ metadata: { deletionTimestamp: '2026-01-02T03:06:00Z' } })))).toBe(false);
  });
});

describe('a budget', () => {
  const object: KubeObject = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace: 'shop', uid: 'b1', generation: 3, labels: { team: 'a' } },
    spec: { minAvailable: 2, selector: { matchLabels: { app: 'web' } } },
    status: { observedGeneration: 2, disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3 },
  };

  it('is read into a view', () => {
    expect(parseBudget(object)).toEqual({
      namespace: 'shop',
      name: 'web',
      uid: 'b1',
      labels: { team: 'a' },
      generation: 3,
      observedGeneration: 2,
      selector: { matchLabels: { app: 'web' } },
      disruptionsAllowed: 1,
      currentHealthy: 3,
      desiredHealthy: 2,
      expectedPods: 3,
      unhealthyPodEvictionPolicy: 'IfHealthyBudget',
    });
  });

  it('allows nothing before its controller has judged it', () => {
    expect(parseBudget({ ...object, status: undefined })).toMatchObject({
      disruptionsAllowed: 0,
      observedGeneration: 0,
    });
  });

  it('keeps an absent selector (nothing) apart from an empty one (everything)', () => {
    expect(selectorOf(undefined)).toBeUndefined();
    expect(selectorOf({})).toEqual({});
    expect(selectorOf({ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] })).toEqual({
      matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }],
    });
  });

  it('counts as changed when it allows more', () => {
    const more = { ...object, status: { ...object['status'], disruptionsAllowed: 2 } };
    expect(sameBudget(parseBudget(object), parseBudget(more))).toBe(false);
    expect(sameBudget(parseBudget(object), parseBudget({ ...object }))).toBe(true);
  });
});

describe('a DaemonSet', () => {
  it('is read into a view', () => {
    const object = {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'cni', namespace: 'kube-system', uid: 'd1' },
      status: { desiredNumberScheduled: 5, numberReady: 4 },
    };
    const placement = { nodeSelector: {}, terms: [], tolerations: [] };
    const counts = { desired: 5, ready: 4 };
    expect(parseDaemonSet(object)).toEqual({ namespace: 'kube-system', name: 'cni', uid: 'd1', ...counts, placement });
  });

  it('says where its pods may run, and counts as changed when that changes', () => {
    const terms = [{ matchExpressions: [{ key: 'gpu', operator: 'Exists' }] }];
    const spec = {
      nodeSelector: { role: 'worker' },
      tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }],
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
    };
    const object = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'gpu', uid: 'd1' } };
    const placed = parseDaemonSet({ ...object, spec: { template: { spec } } });
    expect(placed.placement).toEqual({
      nodeSelector: { role: 'worker' },
      terms: [[{ key: 'gpu', operator: 'Exists' }]],
      tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }],
    });
    expect(sameDaemonSet(placed, parseDaemonSet({ ...object, spec: { template: { spec } } }))).toBe(true);
    expect(sameDaemonSet(placed, parseDaemonSet(object))).toBe(false);
  });
});

describe('versions of objects', () => {
  it.each([
    ['9', '10', -1],
    ['10', '9', 1],
    ['10', '10', 0],
    ['18446744073709551615', '18446744073709551616', -1],
    ['abc', '10', 0],
    ['', '10', 0],
  ])('%j against %j has sign %i', (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
  });
});
