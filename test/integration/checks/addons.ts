/** Objects that install add-ons in a simulated cluster. */
import { systemDeployment } from './check-world.ts';

export function definition(group: string, plural: string, kind: string, scope = 'Namespaced'): object {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {} } }],
    },
  };
}

export function addon(name: string, image: string, args: string[] = [], ports: number[] = []): object {
  const deployment = systemDeployment(name, image) as { spec: { template: { spec: object } } };
  const container = { name: 'server', image, args, ports: ports.map((containerPort) => ({ containerPort })) };
  const template = { ...deployment.spec.template, spec: { containers: [container] } };
  return { ...deployment, spec: { ...deployment.spec, template } };
}

/** A service of kube-system in front of an add-on. */
export function serviceOf(name: string, port: number, targetPort = port): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'kube-system' },
    spec: { selector: { app: name }, ports: [{ name: 'main', port, targetPort, protocol: 'TCP' }] },
  };
}

/** One of an image on every node. */
export function everywhere(name: string, image: string, spec: object = {}, container: object = {}): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace: 'kube-system' },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { tolerations: [{ operator: 'Exists' }], containers: [{ name: 'main', image, ...container }], ...spec },
      },
    },
  };
}

/** An API that another server answers, behind the API server. */
export function apiServiceOf(name: string, group: string, version: string): object {
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `${version}.${group}` },
    spec: {
      group,
      version,
      service: { name, namespace: 'kube-system' },
      groupPriorityMinimum: 100,
      versionPriority: 100,
    },
  };
}

/** A server that the API asks about pods. */
export function webhookOf(kind: 'Validating' | 'Mutating', service: string, more: object = {}): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name: service },
    webhooks: [
      {
        name: `${service}.example.org`,
        clientConfig: { service: { namespace: 'kube-system', name: service, path: '/review' } },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['pods'] }],
        namespaceSelector: { matchExpressions: [{ key: 'policy', operator: 'NotIn', values: ['none'] }] },
        failurePolicy: 'Fail',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        ...more,
      },
    ],
  };
}
