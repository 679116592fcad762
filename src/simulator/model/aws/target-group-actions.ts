/** Target groups, network and application load balancers: the elasticloadbalancing API of 2015-12-01. */

import { AwsError, type Params, page } from './aws-request.ts';
import type { ActionTable, Call, Cloud } from './cloud.ts';
import type { RegionState } from './region-state.ts';
import { type Listener, type LoadBalancerV2, type TargetGroup, tagList, tagsOf } from './resources.ts';

const badMarker = (): AwsError => new AwsError('ValidationError', 'The Marker value is not valid.');

function hexId(state: RegionState): string {
  return state.uuid().replaceAll('-', '').slice(0, 16);
}

function readTags(params: Params): Map<string, string> {
  return tagsOf(params.items('Tags').map((tag) => ({ Key: tag.required('Key'), Value: tag.text('Value') ?? '' })));
}

function readHealthCheck(params: Params, protocol: string): TargetGroup['healthCheck'] {
  const network = !/^HTTPS?$/.test(protocol);
  const checkProtocol = params.text('HealthCheckProtocol') ?? (network ? 'TCP' : 'HTTP');
  const path = params.text('HealthCheckPath') ?? (/^HTTP/.test(checkProtocol) ? '/' : undefined);
  const port = params.text('HealthCheckPort') ?? 'traffic-port';
  if (port !== 'traffic-port' && !/^\d{1,5}$/.test(port)) params.fail(`Health check port '${port}' is not valid`);
  return {
    protocol: checkProtocol,
    port,
    ...(path === undefined ? {} : { path }),
    interval: params.bounded('HealthCheckIntervalSeconds', 5, 300) ?? 30,
    timeout: params.bounded('HealthCheckTimeoutSeconds', 2, 120) ?? (network ? 10 : 5),
    healthy: params.bounded('HealthyThresholdCount', 2, 10) ?? 5,
    unhealthy: params.bounded('UnhealthyThresholdCount', 2, 10) ?? 2,
  };
}

export function createTargetGroup(cloud: Cloud, state: RegionState, name: string, params: Params): TargetGroup {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(name)) {
    params.fail(`Target group name '${name}' must be 1 to 32 letters, digits and inner hyphens`);
  }
  for (const group of state.targetGroups.values()) {
    if (group.name === name)
      throw new AwsError(
        'DuplicateTargetGroupName',
        `A target group with the same name '${name}' exists, but with different settings`,
      );
  }
  const protocol =
    params.oneOf('Protocol', ['HTTP', 'HTTPS', 'TCP', 'TLS', 'UDP', 'TCP_UDP', 'GENEVE'] as const) ??
    params.fail('A protocol must be specified');
  const port = params.bounded('Port', 1, 65_535) ?? params.fail('A port must be specified');
  const group: TargetGroup = {
    arn: state.arn('elasticloadbalancing', `targetgroup/${name}/${hexId(state)}`),
    name,
    protocol,
    port,
    vpcId: params.text('VpcId') ?? state.network.vpcId,
    targetType: params.text('TargetType') ?? 'instance',
    healthCheck: readHealthCheck(params, protocol),
    attributes: new Map([
      ['deregistration_delay.timeout_seconds', '300'],
      ['stickiness.enabled', 'false'],
    ]),
    tags: readTags(params),
    tracker: cloud.balancing.targetGroupTracker(state, name, () => group),
  };
  state.targetGroups.set(group.arn, group);
  return group;
}

export function createLoadBalancer(cloud: Cloud, state: RegionState, name: string, params: Params): LoadBalancerV2 {
  for (const balancer of state.loadBalancers.values()) {
    if (balancer.name === name)
      throw new AwsError(
        'DuplicateLoadBalancerName',
        `A load balancer with the same name '${name}' exists, but with different settings`,
      );
  }
  const type = params.oneOf('Type', ['application', 'network'] as const) ?? 'application';
  const mapped = params.items('SubnetMappings').map((each) => each.required('SubnetId'));
  const zones = [...params.texts('Subnets'), ...mapped].map((subnetId) => {
    const subnet = state.subnet(subnetId);
    if (subnet) return { zone: subnet.zone, subnetId };
    throw new AwsError('SubnetNotFound', `The subnet ID '${subnetId}' does not exist`);
  });
  if (zones.length === 0) params.fail('At least one subnet must be specified');
  const id = hexId(state);
  const kind = type === 'network' ? 'net' : 'app';
  const scheme = params.text('Scheme') ?? 'internet-facing';
  const balancer: LoadBalancerV2 = {
    arn: state.arn('elasticloadbalancing', `loadbalancer/${kind}/${name}/${id}`),
    name,
    dnsName: `${scheme === 'internal' ? 'internal-' : ''}${name}-${id}.elb.${state.region}.amazonaws.com`,
    type,
    scheme,
    zones,
    securityGroups: params.texts('SecurityGroups'),
    attributes: new Map([['deletion_protection.enabled', 'false']]),
    tags: readTags(params),
    createdAt: cloud.now(),
  };
  state.loadBalancers.set(balancer.arn, balancer);
  return balancer;
}

/** Target groups that a listener's default actions forward to. @throws AwsError TargetGroupNotFound */
export function forwardedGroups(state: RegionState, actions: readonly Params[]): string[] {
  const arns = actions.flatMap((action) => {
    const weighted = action.structure('ForwardConfig')?.items('TargetGroups') ?? [];
    const single = action.text('TargetGroupArn');
    return [...(single === undefined ? [] : [single]), ...weighted.map((each) => each.required('TargetGroupArn'))];
  });
  for (const arn of arns) {
    if (!state.targetGroups.has(arn)) throw new AwsError('TargetGroupNotFound', `Target groups '${arn}' not found`);
  }
  return [...new Set(arns)];
}

export function createListener(state: RegionState, params: Params): Listener {
  const balancer = findLoadBalancer(state, params.required('LoadBalancerArn'));
  const port = params.bounded('Port', 1, 65_535) ?? params.fail('A port must be specified');
  for (const other of state.listeners.values()) {
    if (other.loadBalancerArn === balancer.arn && other.port === port) {
      throw new AwsError('DuplicateListener', 'A listener already exists on this port for this load balancer');
    }
  }
  const listener: Listener = {
    arn: `${balancer.arn.replace(':loadbalancer/', ':listener/')}/${hexId(state)}`,
    loadBalancerArn: balancer.arn,
    port,
    protocol: params.text('Protocol') ?? 'TCP',
    targetGroupArns: forwardedGroups(state, params.items('DefaultActions')),
    certificates: params.items('Certificates').map((each) => each.required('CertificateArn')),
  };
  state.listeners.set(listener.arn, listener);
  return listener;
}

export function findLoadBalancer(state: RegionState, arn: string): LoadBalancerV2 {
  const balancer = state.loadBalancers.get(arn);
  if (balancer) return balancer;
  throw new AwsError('LoadBalancerNotFound', `Load balancer '${arn}' not found`);
}

function groupView(call: Call, group: TargetGroup): Record<string, unknown> {
  const { healthCheck } = group;
  return {
    TargetGroupArn: group.arn,
    TargetGroupName: group.name,
    Protocol: group.protocol,
    Port: group.port,
    VpcId: group.vpcId,
    HealthCheckProtocol: healthCheck.protocol,
    HealthCheckPort: healthCheck.port,
    HealthCheckEnabled: true,
    HealthCheckIntervalSeconds: healthCheck.interval,
    HealthCheckTimeoutSeconds: healthCheck.timeout,
    HealthyThresholdCount: healthCheck.healthy,
    UnhealthyThresholdCount: healthCheck.unhealthy,
    ...(healthCheck.path === undefined ? {} : { HealthCheckPath: healthCheck.path, Matcher: { HttpCode: '200' } }),
    LoadBalancerArns: call.cloud.balancing.balancersOf(call.state, group.arn).map((balancer) => balancer.arn),
    TargetType: group.targetType,
    IpAddressType: 'ipv4',
  };
}

function balancerView(call: Call, balancer: LoadBalancerV2): Record<string, unknown> {
  return {
    LoadBalancerArn: balancer.arn,
    LoadBalancerName: balancer.name,
    DNSName: balancer.dnsName,
    CanonicalHostedZoneId: 'Z3F0SRJ5LGBH90',
    CreatedTime: new Date(balancer.createdAt),
    Scheme: balancer.scheme,
    VpcId: call.state.network.vpcId,
    State: { Code: 'active' },
    Type: balancer.type,
    AvailabilityZones: balancer.zones.map(({ zone, subnetId }) => ({ ZoneName: zone, SubnetId: subnetId })),
    SecurityGroups: balancer.securityGroups,
    IpAddressType: 'ipv4',
  };
}

function listenerView(listener: Listener): Record<string, unknown> {
  return {
    ListenerArn: listener.arn,
    LoadBalancerArn: listener.loadBalancerArn,
    Port: listener.port,
    Protocol: listener.protocol,
    Certificates: listener.certificates.map((CertificateArn) => ({ CertificateArn })),
    DefaultActions: listener.targetGroupArns.map((TargetGroupArn) => ({ Type: 'forward', TargetGroupArn })),
  };
}

function answerPage(params: Params, key: string, all: Record<string, unknown>[]): Record<string, unknown> {
  const size = params.bounded('PageSize', 1, 400) ?? 400;
  const { items, next } = page(all, { size, token: params.text('Marker'), badToken: badMarker });
  return { [key]: items, ...(next === undefined ? {} : { NextMarker: next }) };
}

function describeGroups(call: Call): Record<string, unknown> {
  const { cloud, state, params } = call;
  const arns = params.texts('TargetGroupArns');
  const names = params.texts('Names');
  const balancerArn = params.text('LoadBalancerArn');
  let groups = [...state.targetGroups.values()];
  if (arns.length > 0) groups = arns.map((arn) => cloud.balancing.targetGroup(state, arn));
  else if (names.length > 0) {
    groups = names.map((name) => {
      const group = groups.find((each) => each.name === name);
      if (group) return group;
      throw new AwsError('TargetGroupNotFound', 'One or more target groups not found');
    });
  } else if (balancerArn !== undefined) {
    findLoadBalancer(state, balancerArn);
    groups = groups.filter((group) =>
      cloud.balancing.balancersOf(state, group.arn).some((each) => each.arn === balancerArn),
    );
  }
  return answerPage(
    params,
    'TargetGroups',
    groups.map((group) => groupView(call, group)),
  );
}

function describeHealth({ cloud, state, params }: Call): Record<string, unknown> {
  const group = cloud.balancing.targetGroup(state, params.required('TargetGroupArn'));
  const asked = params.items('Targets').map((each) => each.required('Id'));
  const ids = asked.length > 0 ? asked : group.tracker.views().map((each) => each.instanceId);
  const port = group.healthCheck.port === 'traffic-port' ? String(group.port) : group.healthCheck.port;
  return {
    TargetHealthDescriptions: ids.map((id) => {
      const view = cloud.balancing.targetView(state, group, id);
      return {
        Target: { Id: id, Port: group.port },
        HealthCheckPort: port,
        TargetHealth: {
          State: view.state,
          ...(view.reason === undefined ? {} : { Reason: view.reason }),
          ...(view.description === undefined ? {} : { Description: view.description }),
        },
      };
    }),
  };
}

function targets(call: Call, change: 'register' | 'deregister'): Record<string, unknown> {
  const { cloud, state, params } = call;
  const group = cloud.balancing.targetGroup(state, params.required('TargetGroupArn'));
  const ids = params.items('Targets').map((each) => each.required('Id'));
  if (ids.length === 0) params.fail('At least one target must be specified');
  for (const id of ids) {
    if (change === 'register') cloud.balancing.register(state, 'target-group', group.arn, id);
    else cloud.balancing.deregister(state, 'target-group', group.arn, id);
  }
  return {};
}

export function deleteTargetGroup(cloud: Cloud, state: RegionState, arn: string): void {
  const group = state.targetGroups.get(arn);
  if (!group) return;
  if (cloud.balancing.balancersOf(state, arn).length > 0) {
    throw new AwsError('ResourceInUse', `Target group '${arn}' is currently in use by a listener or a rule`);
  }
  group.tracker.dropAll();
  state.targetGroups.delete(arn);
}

export function deleteLoadBalancer(state: RegionState, arn: string): void {
  for (const listener of [...state.listeners.values()]) {
    if (listener.loadBalancerArn === arn) state.listeners.delete(listener.arn);
  }
  state.loadBalancers.delete(arn);
}

function attributes(of: ReadonlyMap<string, string>): Record<string, unknown> {
  return { Attributes: tagList(of) };
}

/** Checks all before it sets any. */
export function setAttributes(target: Map<string, string>, items: readonly Params[]): void {
  const wanted = items.map((each) => {
    const key = each.required('Key');
    if (key === 'deregistration_delay.timeout_seconds' && each.bounded('Value', 0, 3600) === undefined) {
      each.fail(`The value of attribute '${key}' must be between 0 and 3600`);
    }
    return [key, each.text('Value') ?? ''] as const;
  });
  for (const [key, value] of wanted) target.set(key, value);
}

function modified(target: Map<string, string>, params: Params): Record<string, unknown> {
  setAttributes(target, params.items('Attributes'));
  return attributes(target);
}

export const targetGroupActions: ActionTable = {
  CreateTargetGroup: (call) => {
    const group = createTargetGroup(call.cloud, call.state, call.params.required('Name'), call.params);
    return { TargetGroups: [groupView(call, group)] };
  },
  DeleteTargetGroup: ({ cloud, state, params }) => {
    deleteTargetGroup(cloud, state, params.required('TargetGroupArn'));
    return {};
  },
  DescribeTargetGroups: describeGroups,
  DescribeTargetHealth: describeHealth,
  RegisterTargets: (call) => targets(call, 'register'),
  DeregisterTargets: (call) => targets(call, 'deregister'),
  DescribeTargetGroupAttributes: ({ cloud, state, params }) =>
    attributes(cloud.balancing.targetGroup(state, params.required('TargetGroupArn')).attributes),
  ModifyTargetGroupAttributes: ({ cloud, state, params }) =>
    modified(cloud.balancing.targetGroup(state, params.required('TargetGroupArn')).attributes, params),
  CreateLoadBalancer: (call) => {
    const balancer = createLoadBalancer(call.cloud, call.state, call.params.required('Name'), call.params);
    return { LoadBalancers: [balancerView(call, balancer)] };
  },
  DeleteLoadBalancer: ({ state, params }) => {
    deleteLoadBalancer(state, params.required('LoadBalancerArn'));
    return {};
  },
  DescribeLoadBalancers: (call) => {
    const { state, params } = call;
    const arns = params.texts('LoadBalancerArns');
    const names = params.texts('Names');
    let balancers = [...state.loadBalancers.values()];
    if (arns.length > 0) balancers = arns.map((arn) => findLoadBalancer(state, arn));
    else if (names.length > 0) {
      balancers = names.map((name) => {
        const balancer = balancers.find((each) => each.name === name);
        if (balancer) return balancer;
        throw new AwsError('LoadBalancerNotFound', `Load balancers '[${name}]' not found`);
      });
    }
    return answerPage(
      params,
      'LoadBalancers',
      balancers.map((balancer) => balancerView(call, balancer)),
    );
  },
  DescribeLoadBalancerAttributes: ({ state, params }) =>
    attributes(findLoadBalancer(state, params.required('LoadBalancerArn')).attributes),
  ModifyLoadBalancerAttributes: ({ state, params }) =>
    modified(findLoadBalancer(state, params.required('LoadBalancerArn')).attributes, params),
  CreateListener: ({ state, params }) => ({ Listeners: [listenerView(createListener(state, params))] }),
  DeleteListener: ({ state, params }) => {
    state.listeners.delete(params.required('ListenerArn'));
    return {};
  },
  DescribeListeners: ({ state, params }) => {
    const arns = params.texts('ListenerArns');
    const balancerArn = params.text('LoadBalancerArn');
    if (balancerArn !== undefined) findLoadBalancer(state, balancerArn);
    const missing = arns.find((arn) => !state.listeners.has(arn));
    if (missing !== undefined) throw new AwsError('ListenerNotFound', 'One or more listeners not found');
    const listeners = [...state.listeners.values()].filter(
      (each) =>
        (arns.length === 0 || arns.includes(each.arn)) &&
        (balancerArn === undefined || each.loadBalancerArn === balancerArn),
    );
    return answerPage(params, 'Listeners', listeners.map(listenerView));
  },
  DescribeTags: ({ state, params }) => ({
    TagDescriptions: params.texts('ResourceArns').map((arn) => {
      const found = state.targetGroups.get(arn) ?? state.loadBalancers.get(arn);
      if (!found) throw new AwsError('LoadBalancerNotFound', `'${arn}' not found`);
      return { ResourceArn: arn, Tags: tagList(found.tags) };
    }),
  }),
  AddTags: ({ state, params }) => {
    for (const arn of params.texts('ResourceArns')) {
      const found = state.targetGroups.get(arn) ?? state.loadBalancers.get(arn);
      if (!found) throw new AwsError('LoadBalancerNotFound', `'${arn}' not found`);
      for (const tag of params.items('Tags')) found.tags.set(tag.required('Key'), tag.text('Value') ?? '');
    }
    return {};
  },
};
