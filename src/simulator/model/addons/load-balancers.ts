import { isNodeReady, isTerminating, type Node, type Service } from '../kube/kinds.ts';
import { type Fields, fieldsOf, listOf, shownText } from '../kube/object.ts';
import type { ResourceDefinition } from '../kube/resource-definition.ts';
import type { Message, Served } from '../network/messages.ts';
import { Addon, type AddonContext } from './addon.ts';

const finalizer = 'service.kubernetes.io/load-balancer-cleanup';
const typeAnnotation = 'service.beta.kubernetes.io/aws-load-balancer-type';
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** From the creation until the public name resolves. */
const nameAfterMs = 45_000;
const retryMs = 30_000;
const clientAddress = '203.0.113.10';

interface Balancer {
  /** Classic: its name. Otherwise the ARN. */
  id: string;
  hostname: string;
  address: string;
  network: boolean;
  /** Listener port → target group ARN (network only) and node port. */
  ports: Map<number, { nodePort: number; group?: string }>;
  instances: Set<string>;
}

/** Services of type LoadBalancer get a classic ELB, or an NLB by annotation, with the ready nodes behind it. */
export class LoadBalancers extends Addon {
  readonly name = 'load-balancer';
  readonly images = ['aws-load-balancer-controller', 'aws-cloud-controller-manager', 'cloud-controller-manager'];
  readonly #services: ResourceDefinition;
  readonly #balancers = new Map<string, Balancer>();

  constructor(ctx: AddonContext) {
    super(ctx, 'load-balancer');
    this.#services = ctx.core.resources.find('', 'v1', 'services') as ResourceDefinition;
  }

  protected watch(): void {
    this.onChange('services', (object) => [object.metadata.uid]);
    this.onChange('nodes', () => [...this.#balancers.keys()]);
  }

  protected resync(): void {
    for (const service of this.all('services')) this.enqueue(service.metadata.uid);
  }

  protected sync(uid: string): void {
    const service = this.ctx.core.store.byUid(uid) as Service | undefined;
    const balancer = this.#balancers.get(uid);
    const wanted = service?.spec.type === 'LoadBalancer' && !isTerminating(service);
    if (service && wanted) {
      const held = this.#hold(service);
      const made = balancer ?? this.#create(held);
      if (made) this.#update(held, made);
    } else if (balancer || service?.metadata.finalizers?.includes(finalizer)) this.#remove(uid, service, balancer);
  }

  #hold(service: Service): Service {
    const { finalizers = [] } = service.metadata;
    if (finalizers.includes(finalizer)) return service;
    const metadata = { ...service.metadata, finalizers: [...finalizers, finalizer] };
    return this.ctx.writer.update(this.#services, service, { ...service, metadata });
  }

  #call(
    service: 'ec2' | 'elasticloadbalancing' | 'elasticloadbalancingv2',
    action: string,
    params: Fields,
  ): Fields | undefined {
    const reply = this.ctx.cloud(service, action, params, 'aws-load-balancer-controller');
    if (!reply.ok) this.leader()?.log(`${action}: ${reply.code}: ${reply.message}`);
    return reply.ok ? reply.result : undefined;
  }

  #create(service: Service): Balancer | undefined {
    const annotations = service.metadata.annotations ?? {};
    const network = /nlb|external/.test(annotations[typeAnnotation] ?? '');
    const name = `a${service.metadata.uid.replaceAll('-', '')}`.slice(0, 31);
    const zones = [...new Set(this.#nodes().map((node) => node.metadata.labels?.['topology.kubernetes.io/zone']))];
    const ports = service.spec.ports ?? [];
    if (zones.length === 0 || ports.some((port) => port.nodePort === undefined)) {
      this.enqueue(service.metadata.uid, retryMs);
      return undefined;
    }
    const tags = [
      { Key: `kubernetes.io/cluster/${this.ctx.core.clusterId}`, Value: 'owned' },
      { Key: 'kubernetes.io/service-name', Value: this.keyOf(service) },
    ];
    const made = network ? this.#createNetwork(name, service, tags) : this.#createClassic(name, service, zones, tags);
    if (!made) {
      this.enqueue(service.metadata.uid, retryMs);
      return undefined;
    }
    this.#balancers.set(service.metadata.uid, made);
    const { internet } = this.ctx.runtime;
    internet.setHost(made.address, { serve: (port, message, from) => this.#serve(made, port, message, from) });
    this.ctx.core.clock.at(this.ctx.core.clock.now() + nameAfterMs, () => {
      if (this.#balancers.get(service.metadata.uid) === made) internet.setName(made.hostname, [made.address]);
    });
    return made;
  }

  #createClassic(name: string, service: Service, zones: unknown[], tags: object[]): Balancer | undefined {
    const ports = service.spec.ports ?? [];
    const result = this.#call('elasticloadbalancing', 'CreateLoadBalancer', {
      LoadBalancerName: name,
      AvailabilityZones: zones,
      Listeners: ports.map((port) => ({
        Protocol: 'TCP',
        LoadBalancerPort: port.port,
        InstanceProtocol: 'TCP',
        InstancePort: port.nodePort,
      })),
      Tags: tags,
    });
    if (!result) return undefined;
    this.#call('elasticloadbalancing', 'ConfigureHealthCheck', {
      LoadBalancerName: name,
      HealthCheck: {
        Target: `TCP:${ports[0]?.nodePort}`,
        Interval: 10,
        Timeout: 5,
        HealthyThreshold: 2,
        UnhealthyThreshold: 6,
      },
    });
    return this.#balancer(name, shownText(result['DNSName']), false, service);
  }

  #createNetwork(name: string, service: Service, tags: object[]): Balancer | undefined {
    const subnets = listOf(this.#call('ec2', 'DescribeSubnets', {})?.['Subnets']).map(fieldsOf);
    const result = this.#call('elasticloadbalancingv2', 'CreateLoadBalancer', {
      Name: name,
      Type: 'network',
      Subnets: subnets.map((subnet) => subnet['SubnetId']),
      Tags: tags,
    });
    const view = fieldsOf(listOf(result?.['LoadBalancers'])[0]);
    if (!result) return undefined;
    const arn = shownText(view['LoadBalancerArn']);
    const made = this.#balancer(arn, shownText(view['DNSName']), true, service);
    for (const [port, target] of made.ports) {
      const answer = this.#call('elasticloadbalancingv2', 'CreateTargetGroup', {
        Name: `${name.slice(0, 24)}-${port}`,
        Protocol: 'TCP',
        Port: target.nodePort,
        VpcId: view['VpcId'],
        HealthCheckIntervalSeconds: 10,
      });
      const group = shownText(fieldsOf(listOf(answer?.['TargetGroups'])[0])['TargetGroupArn']);
      if (!answer) continue;
      target.group = group;
      this.#call('elasticloadbalancingv2', 'CreateListener', {
        LoadBalancerArn: arn,
        Port: port,
        Protocol: 'TCP',
        DefaultActions: [{ Type: 'forward', TargetGroupArn: group }],
      });
    }
    return made;
  }

  #balancer(id: string, hostname: string, network: boolean, service: Service): Balancer {
    const ports = new Map((service.spec.ports ?? []).map((port) => [port.port, { nodePort: port.nodePort as number }]));
    return {
      id,
      hostname: hostname.toLowerCase(),
      address: this.ctx.runtime.internet.freshAddress(),
      network,
      ports,
      instances: new Set(),
    };
  }

  /** Nodes that may stand behind a load balancer. */
  #nodes(): Node[] {
    return (this.all('nodes') as Node[]).filter(
      (node) =>
        isNodeReady(node) &&
        !isTerminating(node) &&
        node.metadata.labels?.[excludeLabel] === undefined &&
        node.metadata.labels?.['node.kubernetes.io/role'] !== 'master',
    );
  }

  #update(service: Service, balancer: Balancer): void {
    const wanted = new Set(this.#nodes().map((node) => (node.spec.providerID ?? '').split('/').at(-1) ?? ''));
    const added = [...wanted].filter((id) => !balancer.instances.has(id));
    const gone = [...balancer.instances].filter((id) => !wanted.has(id));
    this.#members(balancer, 'Register', added);
    this.#members(balancer, 'Deregister', gone);
    balancer.instances = wanted;
    const status = { loadBalancer: { ingress: [{ hostname: balancer.hostname }] } };
    this.ctx.writer.setStatus(this.#services, service, status);
  }

  #members(balancer: Balancer, change: 'Register' | 'Deregister', ids: readonly string[]): void {
    if (ids.length === 0) return;
    if (!balancer.network) {
      const word = change === 'Register' ? 'InstancesWith' : 'InstancesFrom';
      const Instances = ids.map((InstanceId) => ({ InstanceId }));
      const params = { LoadBalancerName: balancer.id, Instances };
      this.#call('elasticloadbalancing', `${change}${word}LoadBalancer`, params);
      return;
    }
    for (const { group } of balancer.ports.values())
      if (group !== undefined)
        this.#call('elasticloadbalancingv2', `${change}Targets`, {
          TargetGroupArn: group,
          Targets: ids.map((Id) => ({ Id })),
        });
  }

  #remove(uid: string, service: Service | undefined, balancer: Balancer | undefined): void {
    if (balancer) {
      if (balancer.network) {
        this.#call('elasticloadbalancingv2', 'DeleteLoadBalancer', { LoadBalancerArn: balancer.id });
        for (const { group } of balancer.ports.values())
          if (group !== undefined) this.#call('elasticloadbalancingv2', 'DeleteTargetGroup', { TargetGroupArn: group });
      } else this.#call('elasticloadbalancing', 'DeleteLoadBalancer', { LoadBalancerName: balancer.id });
      this.ctx.runtime.internet.setName(balancer.hostname, []);
      this.ctx.runtime.internet.setHost(balancer.address, undefined);
      this.#balancers.delete(uid);
    }
    if (!service?.metadata.finalizers?.includes(finalizer)) return;
    const finalizers = service.metadata.finalizers.filter((each) => each !== finalizer);
    const next = this.ctx.writer.update(this.#services, service, {
      ...service,
      metadata: { ...service.metadata, finalizers },
    });
    if (!isTerminating(next)) this.ctx.writer.setStatus(this.#services, next, { loadBalancer: {} });
  }

  /** What comes in from outside goes to a healthy instance's node port; without one, nowhere. */
  #serve(balancer: Balancer, port: number, message: Message, _from: string): Served | 'closed' {
    const target = balancer.ports.get(port);
    if (!target) return 'closed';
    const healthy = this.#healthy(balancer, target.group);
    const chosen = healthy[this.random.int(Math.max(1, healthy.length))];
    const node = this.#nodes().find((each) => each.spec.providerID?.endsWith(`/${chosen}`));
    const host = node?.status.addresses?.find((each) => each.type === 'InternalIP')?.address;
    if (host === undefined) return 'reset';
    const to = { host, port: target.nodePort, transport: 'TCP' } as const;
    const from = { kind: 'outside', address: clientAddress } as const;
    const result = this.ctx.runtime.network.exchange(from, to, message, 60_000);
    return result.ok ? { reply: result.reply, afterMs: result.latencyMs } : 'reset';
  }

  #healthy(balancer: Balancer, group: string | undefined): string[] {
    if (!balancer.network) {
      const answer = this.#call('elasticloadbalancing', 'DescribeInstanceHealth', { LoadBalancerName: balancer.id });
      return listOf(answer?.['InstanceStates'])
        .map(fieldsOf)
        .filter((each) => each['State'] === 'InService')
        .map((each) => shownText(each['InstanceId']));
    }
    const answer = this.#call('elasticloadbalancingv2', 'DescribeTargetHealth', { TargetGroupArn: group ?? '' });
    return listOf(answer?.['TargetHealthDescriptions'])
      .map(fieldsOf)
      .filter((each) => fieldsOf(each['TargetHealth'])['State'] === 'healthy')
      .map((each) => shownText(fieldsOf(each['Target'])['Id']));
  }
}
