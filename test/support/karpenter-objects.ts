/** Karpenter's definitions and objects as a cluster configuration would apply them. */

function definition(group: string, plural: string, kind: string): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Cluster',
      names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
}

export const karpenterDefinitions: object[] = [
  definition('karpenter.sh', 'nodepools', 'NodePool'),
  definition('karpenter.sh', 'nodeclaims', 'NodeClaim'),
  definition('karpenter.k8s.aws', 'ec2nodeclasses', 'EC2NodeClass'),
];

export function nodeClass(name: string, imageId: string, spec: object = {}) {
  return {
    apiVersion: 'karpenter.k8s.aws/v1',
    kind: 'EC2NodeClass',
    metadata: { name },
    spec: {
      amiSelectorTerms: [{ id: imageId }],
      subnetSelectorTerms: [{ tags: { 'kubernetes.io/role/elb': '*' } }],
      role: 'nodes',
      userData: '#cloud-config\nkubelet --node-labels=lifecycle-status=ready,node.kubernetes.io/role=worker\n',
      ...spec,
    },
  };
}

export function nodePool(name: string, parts: { budget?: string; labels?: object; spec?: object; type?: string } = {}) {
  const { budget = '100%', labels = {}, spec = {}, type = 'm5.large' } = parts;
  return {
    apiVersion: 'karpenter.sh/v1',
    kind: 'NodePool',
    metadata: { name },
    spec: {
      disruption: { budgets: [{ nodes: budget }] },
      template: {
        metadata: { labels: { 'node.kubernetes.io/node-pool': name, ...labels } },
        spec: {
          nodeClassRef: { group: 'karpenter.k8s.aws', kind: 'EC2NodeClass', name },
          requirements: [{ key: 'node.kubernetes.io/instance-type', operator: 'In', values: [type] }],
          ...spec,
        },
      },
    },
  };
}

/** Pods of more than half of an m5.large each, for the nodes of one pool. */
export function spikyPods(pool: string, replicas: number, pod: object = {}) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'load', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'load' } },
      template: {
        metadata: { labels: { app: 'load' } },
        spec: {
          nodeSelector: { 'node.kubernetes.io/node-pool': pool },
          containers: [{ name: 'c', image: 'x:1', resources: { requests: { cpu: '1100m' } } }],
          ...pod,
        },
      },
    },
  };
}

export function loadBudget(spec: object) {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'load', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'load' } }, ...spec },
  };
}
