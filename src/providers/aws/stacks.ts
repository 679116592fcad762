import type { StackEvent as SdkStackEvent, Stack } from '@aws-sdk/client-cloudformation';
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { CloudProvider, StackEvent, StackView } from '../../ports/cloud-provider.ts';
import type { RecoveringCall, ScopedCall } from './scoped-call.ts';
import { isServiceError, sentBefore, stackRequest } from './stack-request.ts';

type StackCalls = Pick<
  CloudProvider,
  | 'describeStack'
  | 'listStacks'
  | 'stackTemplate'
  | 'stackEvents'
  | 'createStack'
  | 'deleteStack'
  | 'continueRollback'
  | 'setTerminationProtection'
  | 'stackPolicy'
  | 'setStackPolicy'
>;

const mostPages = 200;

function pairs<T>(
  items: T[] | undefined,
  key: (item: T) => string | undefined,
  value: (item: T) => string | undefined,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const item of items ?? []) {
    const name = key(item);
    if (name !== undefined) result[name] = value(item) ?? '';
  }
  return result;
}

function viewOf(stack: Stack): StackView {
  return {
    name: stack.StackName ?? '',
    id: stack.StackId ?? '',
    status: stack.StackStatus ?? '',
    ...(stack.StackStatusReason === undefined ? {} : { statusReason: stack.StackStatusReason }),
    outputs: pairs(
      stack.Outputs,
      (o) => o.OutputKey,
      (o) => o.OutputValue,
    ),
    tags: pairs(
      stack.Tags,
      (t) => t.Key,
      (t) => t.Value,
    ),
    parameters: pairs(
      stack.Parameters,
      (p) => p.ParameterKey,
      (p) => p.ParameterValue,
    ),
    terminationProtection: stack.EnableTerminationProtection ?? false,
    ...(stack.ChangeSetId === undefined ? {} : { changeSetId: stack.ChangeSetId }),
  };
}

function eventOf(event: SdkStackEvent): StackEvent {
  // The SDK gives a Date, the simulated cloud text.
  const at = event.Timestamp === undefined ? '' : new Date(event.Timestamp).toISOString();
  return {
    at,
    logicalId: event.LogicalResourceId ?? '',
    status: event.ResourceStatus ?? '',
    ...(event.ResourceStatusReason === undefined ? {} : { reason: event.ResourceStatusReason }),
    ...(event.ClientRequestToken === undefined ? {} : { token: event.ClientRequestToken }),
  };
}

const noSuchStack = (error: unknown): 'missing' | undefined =>
  isServiceError(error, /^(ValidationError|StackNotFound)/, /does not exist/i) ? 'missing' : undefined;

export function createStackCalls(call: ScopedCall, recovering: RecoveringCall): StackCalls {
  return {
    async describeStack(name) {
      const answer = await recovering('DescribeStacks', { StackName: name }, `stack ${name}`, noSuchStack);
      if (answer === 'missing') return undefined;
      const stack = answer.Stacks?.[0];
      if (stack === undefined)
        throw new FailureError(transient('aws-server-error', `DescribeStacks stack ${name}: an answer without stacks`));
      return stack.StackStatus === 'DELETE_COMPLETE' ? undefined : viewOf(stack);
    },

    async listStacks(tag) {
      const found: StackView[] = [];
      let token: string | undefined;
      for (let page = 0; page < mostPages; page += 1) {
        const answer = await call('DescribeStacks', token === undefined ? {} : { NextToken: token });
        for (const stack of answer.Stacks ?? []) {
          const view = viewOf(stack);
          if (view.tags[tag.key] === tag.value && view.status !== 'DELETE_COMPLETE') found.push(view);
        }
        token = answer.NextToken;
        if (!token) return found;
      }
      throw new FailureError(terminal('aws-validation', `DescribeStacks: more than ${mostPages} pages of stacks`));
    },

    async stackTemplate(name) {
      const answer = await call('GetTemplate', { StackName: name, TemplateStage: 'Original' }, `stack ${name}`);
      return answer.TemplateBody ?? '';
    },

    async stackEvents(name, limit) {
      const events: StackEvent[] = [];
      let token: string | undefined;
      while (events.length < limit) {
        const input = { StackName: name, ...(token === undefined ? {} : { NextToken: token }) };
        const answer = await call('DescribeStackEvents', input, `stack ${name}`);
        for (const event of answer.StackEvents ?? []) events.push(eventOf(event));
        token = answer.NextToken;
        if (!token) break;
      }
      return events.slice(0, limit);
    },

    async createStack(input) {
      const request = {
        ...stackRequest(input),
        ClientRequestToken: input.token,
        EnableTerminationProtection: input.terminationProtection ?? false,
        ...(input.policy === undefined ? {} : { StackPolicyBody: input.policy }),
      };
      await recovering('CreateStack', request, `stack ${input.name}`, sentBefore);
    },

    async deleteStack(name, token) {
      await recovering('DeleteStack', { StackName: name, ClientRequestToken: token }, `stack ${name}`, sentBefore);
    },

    async continueRollback(name, token) {
      const request = { StackName: name, ClientRequestToken: token };
      await recovering('ContinueUpdateRollback', request, `stack ${name}`, sentBefore);
    },

    async setTerminationProtection(name, enabled) {
      const request = { StackName: name, EnableTerminationProtection: enabled };
      await call('UpdateTerminationProtection', request, `stack ${name}`);
    },

    async stackPolicy(name) {
      const { StackPolicyBody } = await call('GetStackPolicy', { StackName: name }, `stack ${name}`);
      return StackPolicyBody === undefined || StackPolicyBody === '' ? undefined : StackPolicyBody;
    },

    async setStackPolicy(name, policy) {
      await call('SetStackPolicy', { StackName: name, StackPolicyBody: policy }, `stack ${name}`);
    },
  };
}
