import type { InstanceState } from '@aws-sdk/client-elastic-load-balancing';
import type { TargetHealthDescription } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { CloudProvider, LoadBalancerHealth, TargetHealth } from '../../ports/cloud-provider.ts';
import { AwsServiceError } from './aws-calls.ts';
import type { RecoveringCall, ScopedCall } from './scoped-call.ts';

type LoadBalancerCalls = Pick<CloudProvider, 'loadBalancerHealth' | 'register' | 'deregister'>;

/** Worst first: an instance that is registered with several ports is as well as its worst one. */
const severity: readonly TargetHealth[] = ['unhealthy', 'draining', 'unused', 'unknown', 'initial', 'healthy'];

function classicHealth(state: InstanceState): TargetHealth {
  if (state.State === 'InService') return 'healthy';
  if (state.State !== 'OutOfService') return 'unknown';
  // Reason ELB: the load balancer itself has not judged yet (registration, or checks that are still to pass).
  return state.ReasonCode === 'ELB' ? 'initial' : 'unhealthy';
}

/** undefined = not registered. */
function targetHealth(description: TargetHealthDescription): TargetHealth | undefined {
  const health = description.TargetHealth;
  switch (health?.State as string | undefined) {
    case 'healthy':
      return 'healthy';
    case 'initial':
      return 'initial';
    case 'unhealthy':
      return 'unhealthy';
    case 'draining':
    case 'unhealthy.draining':
      return 'draining';
    case 'unused':
      return health?.Reason === 'Target.NotRegistered' ? undefined : 'unused';
    default:
      return 'unknown';
  }
}

function worse(a: TargetHealth | undefined, b: TargetHealth): TargetHealth {
  return a === undefined || severity.indexOf(b) < severity.indexOf(a) ? b : a;
}

export function createLoadBalancerCalls(call: ScopedCall, recovering: RecoveringCall): LoadBalancerCalls {
  async function classic(name: string): Promise<LoadBalancerHealth> {
    const answer = await call('DescribeInstanceHealth', { LoadBalancerName: name }, `load balancer ${name}`);
    const instances: Record<string, TargetHealth> = {};
    for (const state of answer.InstanceStates ?? []) {
      if (state.InstanceId !== undefined) instances[state.InstanceId] = classicHealth(state);
    }
    return { kind: 'classic', id: name, instances };
  }

  async function targetGroup(arn: string): Promise<LoadBalancerHealth> {
    const answer = await call('DescribeTargetHealth', { TargetGroupArn: arn }, `target group ${arn}`);
    const instances: Record<string, TargetHealth> = {};
    for (const description of answer.TargetHealthDescriptions ?? []) {
      const id = description.Target?.Id;
      const health = targetHealth(description);
      if (id !== undefined && health !== undefined) instances[id] = worse(instances[id], health);
    }
    return { kind: 'target-group', id: arn, instances };
  }

  const notThere = (error: unknown): 'gone' | undefined =>
    error instanceof AwsServiceError && /^(InvalidInstance|InvalidEndPoint|InvalidTarget)/.test(error.code)
      ? 'gone'
      : undefined;
  const inputOf = {
    classic: (id: string, instanceId: string) => ({
      LoadBalancerName: id,
      Instances: [{ InstanceId: instanceId }],
    }),
    'target-group': (id: string, instanceId: string) => ({ TargetGroupArn: id, Targets: [{ Id: instanceId }] }),
  };

  return {
    loadBalancerHealth: (names, arns) => Promise.all([...names.map(classic), ...arns.map(targetGroup)]),

    async register(kind, id, instanceId) {
      const object = `instance ${instanceId} with ${id}`;
      if (kind === 'classic') {
        await recovering('RegisterInstancesWithLoadBalancer', inputOf.classic(id, instanceId), object, notThere);
      } else {
        await recovering('RegisterTargets', inputOf['target-group'](id, instanceId), object, notThere);
      }
    },

    async deregister(kind, id, instanceId) {
      const object = `instance ${instanceId} from ${id}`;
      if (kind === 'classic') {
        await recovering('DeregisterInstancesFromLoadBalancer', inputOf.classic(id, instanceId), object, notThere);
      } else {
        await recovering('DeregisterTargets', inputOf['target-group'](id, instanceId), object, notThere);
      }
    },
  };
}
