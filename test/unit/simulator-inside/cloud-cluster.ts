import type { Pod } from '../../../src/simulator/model/kube/kinds.ts';
import type { KubeModel } from '../../../src/simulator/model/kube/kube-model.ts';
import type { World } from '../../../src/simulator/model/world.ts';
import { call, clusterId, smallWorld } from '../simulator-aws/small-world.ts';
import type { Body } from '../simulator-kube/test-cluster.ts';
import { coreDnsObjects, type ProbeRun, probeImage } from './inside-cluster.ts';

/** A cluster of three masters and three workers on a simulated cloud, with DNS. */
export class CloudCluster {
  readonly world: World;
  readonly model: KubeModel;
  #runs = 0;

  constructor(seed: number | string = 1) {
    this.world = smallWorld(seed).world;
    this.model = this.world.kube(clusterId);
    this.apply(...coreDnsObjects());
    this.until(() => this.ready('k8s-app=kube-dns').length === 2);
  }

  get now(): number {
    return this.world.clock.now();
  }

  apply(...objects: object[]): void {
    this.model.seed(objects);
  }

  advance(ms: number): void {
    this.world.advanceTo(this.now + ms);
  }

  until(holds: () => boolean, limitMs = 900_000): void {
    const end = this.now + limitMs;
    while (!holds()) {
      const next = this.world.nextEventAt();
      if (next === undefined || next > end) throw new Error(`not reached: ${holds.toString()}`);
      this.world.advanceTo(next);
    }
  }

  send(method: string, path: string, body?: object): { status: number; body: Body } {
    const [pathname = '', search = ''] = path.split('?');
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const query = new URLSearchParams(search);
    return this.model.handle({ method, path: pathname, query, body, contentType, userAgent: 'test/1' });
  }

  get(path: string): Body {
    return this.send('GET', path).body;
  }

  nodes(): string[] {
    return [...this.model.truth().nodes.keys()];
  }

  ready(label: string): Pod[] {
    const [key = '', value] = label.split('=');
    const truth = this.model.truth();
    return [...truth.pods.values()].filter((pod) => pod.metadata.labels?.[key] === value && truth.trulyReady(pod));
  }

  /** A deployment of one image in kube-system, and waits for its pods. */
  install(
    name: string,
    image: string,
    args: string[] = [],
    more: { container?: object; namespace?: string } = {},
  ): void {
    const labels = { app: name };
    this.apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: more.namespace ?? 'kube-system' },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: 'c', image, args, ...more.container }] },
        },
      },
    });
    this.until(() => this.ready(`app=${name}`).length === 1);
    this.advance(5_000);
  }

  /** Servers of the probe program behind a service of the same name. */
  serve(name: string, service: object = {}, metadata: object = {}, args: string[] = []): void {
    this.install(name, probeImage, ['serve', '--http', '8080', '--body', name, ...args], {
      namespace: 'default',
      container: { readinessProbe: { httpGet: { path: '/readyz', port: 8080 } } },
    });
    this.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default', ...metadata },
      spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...service },
    });
    this.advance(2_000);
  }

  probe(...args: string[]): ProbeRun {
    const name = `probe-${this.#runs++}`;
    const path = `/api/v1/namespaces/default/pods/${name}`;
    this.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { restartPolicy: 'Never', containers: [{ name: 'probe', image: probeImage, args }] },
    });
    this.until(() => ['Succeeded', 'Failed'].includes(this.get(path).status?.phase));
    const pod = this.get(path);
    const { terminated } = pod.status.containerStatuses[0].state;
    return { code: terminated.exitCode, result: JSON.parse(terminated.message), pod };
  }

  /** One HTTP request from inside; its status, body, or kind of error. */
  http(
    url: string,
    ...more: string[]
  ): { status?: string; body?: string; error?: string; location?: string; tls?: Body } {
    const [target] = this.probe('http', '--url', url, '--insecure', '--timeout', '10s', ...more).result.targets;
    const status = Object.keys(target.statuses ?? {})[0];
    const body = Object.keys(target.bodies ?? {})[0];
    return {
      ...(status === undefined ? {} : { status }),
      ...(body === undefined ? {} : { body }),
      ...(target.errors ? { error: target.errors[0].kind } : {}),
      ...(target.location ? { location: target.location } : {}),
      ...(target.tls ? { tls: target.tls } : {}),
    };
  }

  classicBalancers(): Body[] {
    const found = call(this.world, 'elasticloadbalancing', 'DescribeLoadBalancers', {});
    return (found['LoadBalancerDescriptions'] as Body[]).filter((each) => each.LoadBalancerName !== 'api');
  }

  networkBalancers(): Body[] {
    return call(this.world, 'elasticloadbalancingv2', 'DescribeLoadBalancers', {})['LoadBalancers'] as Body[];
  }
}
