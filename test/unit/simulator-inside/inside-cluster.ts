import type { KubeOptions } from '../../../src/simulator/model/kube/options.ts';
import { type Body, inDefault, TestCluster } from '../simulator-kube/test-cluster.ts';

/** What a probe wrote, and how it ended. */
export interface ProbeRun {
  code: number;
  result: Body;
  pod: Body;
}

/** The image under its registry, as a cluster would name it. */
export const probeImage = 'registry.example.org/clm/clm-probe:1';

/** A cluster with DNS, and a short way to run the probe program in it. */
export class InsideCluster {
  readonly cluster: TestCluster;
  #runs = 0;

  constructor(nodes = 3, options: Partial<KubeOptions> = {}, seed: number | string = 1) {
    this.cluster = TestCluster.withNodes(nodes, options, seed);
    this.cluster.model.seed(coreDnsObjects());
    this.cluster.until(() => this.cluster.ready('k8s-app=kube-dns').length === 2);
    this.settle();
  }

  settle(ms = 10_000): void {
    this.cluster.advance(ms);
  }

  get faults() {
    return this.cluster.model.runtimeFaults;
  }

  apply(...objects: object[]): void {
    this.cluster.model.seed(objects);
  }

  /** Servers of the probe program behind a service of the same name. */
  serve(
    name: string,
    input: { replicas?: number; args?: string[]; service?: object; pod?: object; namespace?: string } = {},
  ) {
    const namespace = input.namespace ?? 'default';
    const args = ['serve', '--http', '8080', ...(input.args ?? [])];
    const labels = { app: name };
    this.apply(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace },
        spec: {
          replicas: input.replicas ?? 2,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              containers: [
                {
                  name: 'probe',
                  image: probeImage,
                  args,
                  ports: [{ name: 'http', containerPort: 8080 }],
                  readinessProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 2 },
                },
              ],
              ...input.pod,
            },
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace },
        spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...input.service },
      },
    );
    this.cluster.until(() => this.cluster.ready(`app=${name}`).length === (input.replicas ?? 2));
    this.settle(2_000);
  }

  podAddress(name: string, index = 0): string {
    return this.cluster.ready(`app=${name}`)[index]?.status.podIP ?? '';
  }

  /** Runs one probe to its end in a pod of its own. */
  probe(args: string[], pod: object = {}, metadata: object = {}): ProbeRun {
    const name = `probe-${this.#runs++}`;
    const namespace = (metadata as { namespace?: string }).namespace ?? 'default';
    this.cluster.create(`/api/v1/namespaces/${namespace}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, ...metadata },
      spec: { restartPolicy: 'Never', containers: [{ name: 'probe', image: probeImage, args }], ...pod },
    });
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const phase = (): string => this.cluster.get(path).status?.phase;
    this.cluster.until(() => phase() === 'Succeeded' || phase() === 'Failed', 300_000);
    const stored = this.cluster.get(path);
    const { terminated } = stored.status.containerStatuses[0].state;
    return { code: terminated.exitCode, result: JSON.parse(terminated.message), pod: stored };
  }

  log(pod: string, query = ''): string {
    return this.cluster.send('GET', `${inDefault}/pods/${pod}/log${query}`).body;
  }
}

export function coreDnsObjects(image = 'registry.k8s.io/coredns/coredns:v1.11.3'): object[] {
  const labels = { 'k8s-app': 'kube-dns' };
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'coredns', namespace: 'kube-system' },
      data: { Corefile: '.:53 {\n  kubernetes cluster.local in-addr.arpa\n  forward . /etc/resolv.conf\n}\n' },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'coredns', namespace: 'kube-system' },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            dnsPolicy: 'Default',
            containers: [
              {
                name: 'coredns',
                image,
                readinessProbe: { httpGet: { path: '/ready', port: 8181 } },
                volumeMounts: [{ name: 'config', mountPath: '/etc/coredns' }],
              },
            ],
            volumes: [{ name: 'config', configMap: { name: 'coredns' } }],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kube-dns', namespace: 'kube-system' },
      spec: {
        clusterIP: '172.20.0.10',
        selector: labels,
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, protocol: 'TCP' },
        ],
      },
    },
  ];
}
