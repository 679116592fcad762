import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { AwsCaller } from './aws-calls.ts';
import { asFailureError } from './aws-failure.ts';
import { createChangeSetCalls } from './change-sets.ts';
import { createControlPlaneCalls } from './control-planes.ts';
import { createFileCalls } from './files.ts';
import { createGroupSettingCalls } from './group-settings.ts';
import { createGroupCalls } from './groups.ts';
import { createInstanceCalls } from './instances.ts';
import { createLaunchTemplateCalls } from './launch-templates.ts';
import { createLoadBalancerCalls } from './load-balancers.ts';
import { createOwnedResourceCalls } from './owned-resources.ts';
import type { AwsScope, RecoveringCall, ScopedCall } from './scoped-call.ts';
import { createDriftCalls } from './stack-drift.ts';
import { createStackCalls } from './stacks.ts';

/** The CloudProvider port over any caller. */
export function createCloudProvider(scope: AwsScope, caller: AwsCaller): CloudProvider {
  const place = `account ${scope.account} ${scope.region}`;
  const whereOf = (action: string, object: string): string =>
    `${action}${object === '' ? '' : ` ${object}`} in ${place}`;

  const call: ScopedCall = async (action, input, object = '') => {
    const where = whereOf(action, object);
    try {
      return await caller.call(action, input, where);
    } catch (error) {
      throw asFailureError(error, where);
    }
  };

  const recovering: RecoveringCall = async (action, input, object, recover) => {
    const where = whereOf(action, object);
    try {
      return await caller.call(action, input, where);
    } catch (error) {
      const answer = recover(error);
      if (answer !== undefined) return answer;
      throw asFailureError(error, where);
    }
  };

  return {
    async callerIdentity() {
      const identity = await call('GetCallerIdentity', {});
      return { account: identity.Account ?? '', region: scope.region, arn: identity.Arn ?? '' };
    },
    ...createStackCalls(call, recovering),
    ...createChangeSetCalls(recovering),
    ...createDriftCalls(call, recovering),
    ...createFileCalls(call, recovering, scope),
    ...createGroupCalls(call, scope),
    ...createGroupSettingCalls(call),
    ...createInstanceCalls(call),
    ...createLaunchTemplateCalls(call, scope),
    ...createLoadBalancerCalls(call, recovering),
    ...createControlPlaneCalls(recovering),
    ...createOwnedResourceCalls(call),
    credentialsExpireAt: () => caller.credentialsExpireAt(),
  };
}
