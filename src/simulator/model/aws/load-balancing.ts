import { AwsError } from './aws-request.ts';
import type { Cloud } from './cloud.ts';
import type { BalancingPart, TargetView } from './cloud-parts.ts';
import { HealthTracker } from './health-tracker.ts';
import type { RegionState } from './region-state.ts';
import {
  type ClassicLoadBalancer,
  clusterOfTags,
  type LoadBalancerV2,
  type Registrations,
  type TargetGroup,
} from './resources.ts';

/** `HTTPS:443/healthz` → 443. */
export function portOfTarget(target: string): number | undefined {
  const match = /^(?:TCP|SSL|HTTP|HTTPS):(\d+)/i.exec(target);
  return match ? Number(match[1]) : undefined;
}

/** Registration of instances at classic load balancers and target groups, and what ends it. */
export class LoadBalancing implements BalancingPart {
  readonly #cloud: Cloud;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  classicTracker(state: RegionState, name: string, balancer: () => ClassicLoadBalancer): HealthTracker {
    return new HealthTracker(this.#cloud, state, name, {
      port: () => portOfTarget(balancer().healthCheck.target),
      intervalMs: () => balancer().healthCheck.interval * 1000,
      healthyCount: () => balancer().healthCheck.healthy,
      unhealthyCount: () => balancer().healthCheck.unhealthy,
      drainMs: () => (balancer().draining.enabled ? balancer().draining.timeoutSeconds * 1000 : 0),
      firstCheckMs: () => balancer().healthCheck.interval * 1000,
    });
  }

  targetGroupTracker(state: RegionState, name: string, group: () => TargetGroup): HealthTracker {
    return new HealthTracker(this.#cloud, state, name, {
      port: () => {
        const { port } = group().healthCheck;
        return port === 'traffic-port' ? group().port : Number(port);
      },
      intervalMs: () => group().healthCheck.interval * 1000,
      healthyCount: () => group().healthCheck.healthy,
      unhealthyCount: () => group().healthCheck.unhealthy,
      drainMs: () =>
        this.balancersOf(state, group().arn).length === 0
          ? 0
          : Number(group().attributes.get('deregistration_delay.timeout_seconds') ?? '300') * 1000,
      firstCheckMs: () =>
        this.balancersOf(state, group().arn).some((each) => each.type === 'network')
          ? this.#cloud.draw(state, this.#cloud.timings.networkRegistration)
          : group().healthCheck.interval * 1000,
    });
  }

  /** Load balancers whose listeners forward to the target group. */
  balancersOf(state: RegionState, targetGroupArn: string): LoadBalancerV2[] {
    const arns = new Set<string>();
    for (const listener of state.listeners.values()) {
      if (listener.targetGroupArns.includes(targetGroupArn)) arns.add(listener.loadBalancerArn);
    }
    return [...arns].flatMap((arn) => state.loadBalancers.get(arn) ?? []);
  }

  /** @throws AwsError InvalidInstance, InvalidTarget */
  register(state: RegionState, kind: 'classic' | 'target-group', id: string, instanceId: string): void {
    const tracker = this.tracker(state, kind, id);
    const instance = state.instances.get(instanceId);
    if (instance === undefined || instance.state === 'terminated') {
      if (kind === 'classic') throw new AwsError('InvalidInstance', `Could not find EC2 instance ${instanceId}.`);
      throw new AwsError(
        'InvalidTarget',
        `The following targets are not in a running state and cannot be registered: '${instanceId}'`,
      );
    }
    if (kind === 'target-group' && instance.state !== 'running') {
      throw new AwsError(
        'InvalidTarget',
        `The following targets are not in a running state and cannot be registered: '${instanceId}'`,
      );
    }
    tracker.register(instanceId);
  }

  /** Starts draining; `drained` when the instance is out. */
  deregister(
    state: RegionState,
    kind: 'classic' | 'target-group',
    id: string,
    instanceId: string,
    drained?: () => void,
  ): void {
    const tracker = this.tracker(state, kind, id);
    if (!tracker.deregister(instanceId, drained)) return;
    const instance = state.instances.get(instanceId);
    this.#cloud.emit({
      kind: 'deregistered',
      cluster: instance ? (clusterOfTags(instance.tags) ?? '') : '',
      loadBalancer: kind === 'classic' ? id : tracker.name,
      instanceId,
    });
  }

  /** @throws AwsError LoadBalancerNotFound, TargetGroupNotFound */
  tracker(state: RegionState, kind: 'classic' | 'target-group', id: string): Registrations {
    if (kind === 'classic') return this.classic(state, id).tracker;
    return this.targetGroup(state, id).tracker;
  }

  classic(state: RegionState, name: string): ClassicLoadBalancer {
    const balancer = state.classic.get(name);
    if (balancer) return balancer;
    throw new AwsError('LoadBalancerNotFound', `There is no ACTIVE Load Balancer named '${name}'`);
  }

  targetGroup(state: RegionState, arn: string): TargetGroup {
    const group = state.targetGroups.get(arn);
    if (group) return group;
    if (!/^arn:aws[^:]*:elasticloadbalancing:[^:]*:\d*:targetgroup\//.test(arn)) {
      throw new AwsError('ValidationError', `'${arn}' is not a valid target group ARN`);
    }
    throw new AwsError('TargetGroupNotFound', `Target groups '${arn}' not found`);
  }

  /** Health as DescribeTargetHealth says it; `draining` and `unused` included. */
  targetView(state: RegionState, group: TargetGroup, instanceId: string): TargetView {
    const tracked = group.tracker.view(instanceId);
    if (tracked === undefined) {
      return {
        instanceId,
        state: 'unused',
        reason: 'Target.NotRegistered',
        description: 'Target is not registered to the target group',
      };
    }
    if (tracked.state === 'draining') {
      return {
        instanceId,
        state: 'draining',
        reason: 'Target.DeregistrationInProgress',
        description: 'Target deregistration is in progress',
      };
    }
    const balancers = this.balancersOf(state, group.arn);
    if (balancers.length === 0) {
      return {
        instanceId,
        state: 'unused',
        reason: 'Target.NotInUse',
        description: 'Target group is not configured to receive traffic from the load balancer',
      };
    }
    const instance = state.instances.get(instanceId);
    if (!balancers.some((each) => each.zones.some((zone) => zone.zone === instance?.zone))) {
      return {
        instanceId,
        state: 'unused',
        reason: 'Target.NotInUse',
        description: 'Target is in an Availability Zone that is not enabled for the load balancer',
      };
    }
    if (instance?.state !== 'running') {
      return {
        instanceId,
        state: 'unused',
        reason: 'Target.InvalidState',
        description: 'Target is in the stopped state',
      };
    }
    if (tracked.state === 'initial') {
      return {
        instanceId,
        state: 'initial',
        reason: 'Elb.RegistrationInProgress',
        description: 'Target registration is in progress',
      };
    }
    if (tracked.state === 'unhealthy') {
      return {
        instanceId,
        state: 'unhealthy',
        reason: 'Target.FailedHealthChecks',
        description: 'Health checks failed',
      };
    }
    return { instanceId, state: 'healthy' };
  }

  /** The kubelet's side changed: ask again where the instance is registered. */
  probeChanged(state: RegionState, instanceId: string): void {
    for (const tracker of state.trackersOf.get(instanceId) ?? []) tracker.poke(instanceId);
  }

  instanceGone(state: RegionState, instanceId: string): void {
    for (const tracker of [...(state.trackersOf.get(instanceId) ?? [])]) tracker.drop(instanceId);
  }
}
