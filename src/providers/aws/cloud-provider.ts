import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { AwsAction, AwsCaller, AwsInput, AwsOutput } from './aws-calls.ts';
import { asFailureError } from './aws-failure.ts';
import { createGroupCalls } from './groups.ts';
import { createLoadBalancerCalls } from './load-balancers.ts';
import { createStackCalls } from './stacks.ts';

/** One account in one region, as messages name it. */
export interface AwsScope {
  /** 12 digits. */
  account: string;
  region: string;
}

/** Calls an action; `object` names what it is about. Rejects with FailureError. */
export type ScopedCall = <A extends AwsAction>(action: A, input: AwsInput<A>, object?: string) => Promise<AwsOutput<A>>;
/** The same, but a service's refusal is handed to `recover` first; what that does not answer is thrown as FailureError. */
export type RecoveringCall = <A extends AwsAction, R>(
  action: A,
  input: AwsInput<A>,
  object: string,
  recover: (error: unknown) => R | undefined,
) => Promise<AwsOutput<A> | R>;

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
    ...createGroupCalls(call, scope),
    ...createLoadBalancerCalls(call, recovering),
    credentialsExpireAt: () => caller.credentialsExpireAt(),
  };
}
