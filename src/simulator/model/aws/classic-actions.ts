/** Classic load balancers: what the elasticloadbalancing API of 2012-06-01 answers. */

import { AwsError, type Params, page } from './aws-request.ts';
import type { ActionTable, Call, Cloud } from './cloud.ts';
import { portOfTarget } from './load-balancing.ts';
import type { RegionState } from './region-state.ts';
import { type ClassicLoadBalancer, tagList, tagsOf } from './resources.ts';

function healthCheck(params: Params): ClassicLoadBalancer['healthCheck'] {
  const target = params.required('Target');
  if (portOfTarget(target) === undefined)
    params.fail(
      'HealthCheck HTTP Target must specify a port followed by a path that begins with a slash. e.g. HTTP:80/ping/this/path',
    );
  const check = {
    target,
    interval: params.bounded('Interval', 5, 300) ?? 30,
    timeout: params.bounded('Timeout', 2, 60) ?? 5,
    unhealthy: params.bounded('UnhealthyThreshold', 2, 10) ?? 2,
    healthy: params.bounded('HealthyThreshold', 2, 10) ?? 10,
  };
  if (check.timeout >= check.interval) params.fail('HealthCheck timeout must be less than interval');
  return check;
}

function listener(params: Params): ClassicLoadBalancer['listeners'][number] {
  const certificate = params.text('SSLCertificateId');
  const protocol = params.required('Protocol');
  return {
    protocol,
    port: params.requiredInteger('LoadBalancerPort'),
    instanceProtocol: params.text('InstanceProtocol') ?? protocol,
    instancePort: params.requiredInteger('InstancePort'),
    ...(certificate === undefined ? {} : { certificate }),
  };
}

/** Fields as CreateLoadBalancer and the CloudFormation type share them. */
export function createClassic(cloud: Cloud, state: RegionState, name: string, params: Params): ClassicLoadBalancer {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(name)) {
    params.fail(`LoadBalancer name "${name}" must be 1 to 32 letters, digits and inner hyphens`);
  }
  if (state.classic.has(name)) {
    throw new AwsError('DuplicateLoadBalancerName', `The load balancer name '${name}' is already in use`);
  }
  const subnets = params.texts('Subnets');
  const zones = subnets.map((id) => {
    const subnet = state.subnet(id);
    if (subnet) return subnet.zone;
    throw new AwsError('SubnetNotFound', `The subnet ID '${id}' does not exist`);
  });
  zones.push(...params.texts('AvailabilityZones'));
  if (zones.length === 0) params.fail('Either AvailabilityZones or SubnetIds must be specified');
  const listeners = params.items('Listeners').map(listener);
  if (listeners.length === 0) params.fail('Listeners cannot be empty');
  const check = params.structure('HealthCheck');
  const scheme = params.text('Scheme') ?? 'internet-facing';
  const balancer: ClassicLoadBalancer = {
    name,
    dnsName: `${scheme === 'internal' ? 'internal-' : ''}${name}-${state.random.int(2 ** 31)}.${state.region}.elb.amazonaws.com`,
    scheme,
    zones: [...new Set(zones)],
    subnets,
    securityGroups: params.texts('SecurityGroups'),
    listeners,
    healthCheck: check
      ? healthCheck(check)
      : { target: `TCP:${listeners[0]?.instancePort ?? 80}`, interval: 30, timeout: 5, unhealthy: 2, healthy: 10 },
    draining: { enabled: false, timeoutSeconds: 300 },
    crossZone: false,
    idleTimeoutSeconds: 60,
    tags: tagsOf(params.items('Tags').map((tag) => ({ Key: tag.required('Key'), Value: tag.text('Value') ?? '' }))),
    createdAt: cloud.now(),
    tracker: cloud.balancing.classicTracker(state, name, () => balancer),
  };
  state.classic.set(name, balancer);
  return balancer;
}

function balancerView(state: RegionState, balancer: ClassicLoadBalancer): Record<string, unknown> {
  return {
    LoadBalancerName: balancer.name,
    DNSName: balancer.dnsName,
    CanonicalHostedZoneName: balancer.dnsName,
    CanonicalHostedZoneNameID: 'Z3F0SRJ5LGBH90',
    ListenerDescriptions: balancer.listeners.map((each) => ({
      Listener: {
        Protocol: each.protocol,
        LoadBalancerPort: each.port,
        InstanceProtocol: each.instanceProtocol,
        InstancePort: each.instancePort,
        ...(each.certificate === undefined ? {} : { SSLCertificateId: each.certificate }),
      },
      PolicyNames: [],
    })),
    Policies: { AppCookieStickinessPolicies: [], LBCookieStickinessPolicies: [], OtherPolicies: [] },
    BackendServerDescriptions: [],
    AvailabilityZones: balancer.zones,
    Subnets: balancer.subnets,
    VPCId: state.network.vpcId,
    Instances: balancer.tracker
      .views()
      .filter((each) => each.state !== 'draining')
      .map((each) => ({ InstanceId: each.instanceId })),
    HealthCheck: {
      Target: balancer.healthCheck.target,
      Interval: balancer.healthCheck.interval,
      Timeout: balancer.healthCheck.timeout,
      UnhealthyThreshold: balancer.healthCheck.unhealthy,
      HealthyThreshold: balancer.healthCheck.healthy,
    },
    SourceSecurityGroup: { OwnerAlias: state.account, GroupName: 'default' },
    SecurityGroups: balancer.securityGroups,
    CreatedTime: new Date(balancer.createdAt),
    Scheme: balancer.scheme,
  };
}

function describe({ state, params }: Call): Record<string, unknown> {
  const names = params.texts('LoadBalancerNames');
  const all = names.length > 0 ? names.map((name) => findClassic(state, name)) : [...state.classic.values()];
  const { items, next } = page(all, {
    size: params.bounded('PageSize', 1, 400) ?? 400,
    token: params.text('Marker'),
    badToken: () => new AwsError('ValidationError', 'The Marker value is not valid.'),
  });
  return {
    LoadBalancerDescriptions: items.map((balancer) => balancerView(state, balancer)),
    ...(next === undefined ? {} : { NextMarker: next }),
  };
}

export function findClassic(state: RegionState, name: string): ClassicLoadBalancer {
  const balancer = state.classic.get(name);
  if (balancer) return balancer;
  throw new AwsError('LoadBalancerNotFound', `There is no ACTIVE Load Balancer named '${name}'`);
}

const outOfService = {
  draining: { ReasonCode: 'N/A', Description: 'Instance deregistration currently in progress.' },
  initial: { ReasonCode: 'ELB', Description: 'Instance registration is still in progress.' },
  unhealthy: {
    ReasonCode: 'Instance',
    Description: 'Instance has failed at least the UnhealthyThreshold number of health checks consecutively.',
  },
} as const;

/** InService or OutOfService of registered instances; asking for another one is an error. */
function describeHealth({ state, params }: Call): Record<string, unknown> {
  const balancer = findClassic(state, params.required('LoadBalancerName'));
  const asked = params.items('Instances').map((each) => each.required('InstanceId'));
  const tracked =
    asked.length === 0
      ? balancer.tracker.views()
      : asked.map((id) => {
          const each = balancer.tracker.view(id);
          if (each) return each;
          throw new AwsError('InvalidInstance', `Could not find EC2 instance ${id}.`);
        });
  return {
    InstanceStates: tracked.map((each) => {
      if (each.state === 'healthy') {
        return { InstanceId: each.instanceId, State: 'InService', ReasonCode: 'N/A', Description: 'N/A' };
      }
      const state = each.state === 'draining' ? 'InService' : 'OutOfService';
      return { InstanceId: each.instanceId, State: state, ...outOfService[each.state] };
    }),
  };
}

function membership(call: Call, change: 'register' | 'deregister'): Record<string, unknown> {
  const { cloud, state, params } = call;
  const balancer = findClassic(state, params.required('LoadBalancerName'));
  const ids = params.items('Instances').map((each) => each.required('InstanceId'));
  if (ids.length === 0) params.fail('At least one instance must be specified.');
  for (const id of ids) {
    if (!state.instances.has(id)) throw new AwsError('InvalidInstance', `Could not find EC2 instance ${id}.`);
  }
  for (const id of ids) {
    if (change === 'register') cloud.balancing.register(state, 'classic', balancer.name, id);
    else cloud.balancing.deregister(state, 'classic', balancer.name, id);
  }
  const left = balancer.tracker.views().filter((each) => each.state !== 'draining');
  return { Instances: left.map((each) => ({ InstanceId: each.instanceId })) };
}

function attributesView(balancer: ClassicLoadBalancer): Record<string, unknown> {
  return {
    CrossZoneLoadBalancing: { Enabled: balancer.crossZone },
    AccessLog: { Enabled: false },
    ConnectionDraining: { Enabled: balancer.draining.enabled, Timeout: balancer.draining.timeoutSeconds },
    ConnectionSettings: { IdleTimeout: balancer.idleTimeoutSeconds },
  };
}

/** ConnectionDraining, CrossZone… as ModifyLoadBalancerAttributes takes them. */
export function modifyClassic(balancer: ClassicLoadBalancer, attributes: Params): void {
  const draining = attributes.structure('ConnectionDraining');
  if (draining) {
    balancer.draining = {
      enabled: draining.flag('Enabled') ?? false,
      timeoutSeconds: draining.bounded('Timeout', 1, 3600) ?? balancer.draining.timeoutSeconds,
    };
  }
  balancer.crossZone = attributes.structure('CrossZoneLoadBalancing')?.flag('Enabled') ?? balancer.crossZone;
  balancer.idleTimeoutSeconds =
    attributes.structure('ConnectionSettings')?.bounded('IdleTimeout', 1, 4000) ?? balancer.idleTimeoutSeconds;
}

export const classicActions: ActionTable = {
  DescribeLoadBalancers: describe,
  DescribeInstanceHealth: describeHealth,
  RegisterInstancesWithLoadBalancer: (call) => membership(call, 'register'),
  DeregisterInstancesFromLoadBalancer: (call) => membership(call, 'deregister'),
  CreateLoadBalancer: ({ cloud, state, params }) => {
    const balancer = createClassic(cloud, state, params.required('LoadBalancerName'), params);
    return { DNSName: balancer.dnsName };
  },
  DeleteLoadBalancer: ({ state, params }) => {
    const balancer = state.classic.get(params.required('LoadBalancerName'));
    if (balancer) {
      balancer.tracker.dropAll();
      state.classic.delete(balancer.name);
    }
    return {};
  },
  ConfigureHealthCheck: ({ state, params }) => {
    const balancer = findClassic(state, params.required('LoadBalancerName'));
    balancer.healthCheck = healthCheck(params.structure('HealthCheck') ?? params.fail('HealthCheck is required'));
    return { HealthCheck: balancerView(state, balancer)['HealthCheck'] };
  },
  DescribeLoadBalancerAttributes: ({ state, params }) => ({
    LoadBalancerAttributes: attributesView(findClassic(state, params.required('LoadBalancerName'))),
  }),
  ModifyLoadBalancerAttributes: ({ state, params }) => {
    const balancer = findClassic(state, params.required('LoadBalancerName'));
    modifyClassic(
      balancer,
      params.structure('LoadBalancerAttributes') ?? params.fail('LoadBalancerAttributes is required'),
    );
    return { LoadBalancerName: balancer.name, LoadBalancerAttributes: attributesView(balancer) };
  },
  DescribeTags: ({ state, params }) => ({
    TagDescriptions: params.texts('LoadBalancerNames').map((name) => ({
      LoadBalancerName: name,
      Tags: tagList(findClassic(state, name).tags),
    })),
  }),
  AddTags: ({ state, params }) => {
    for (const name of params.texts('LoadBalancerNames')) {
      const balancer = findClassic(state, name);
      for (const tag of params.items('Tags')) balancer.tags.set(tag.required('Key'), tag.text('Value') ?? '');
    }
    return {};
  },
};
