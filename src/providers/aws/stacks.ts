import type { Parameter, StackEvent as SdkStackEvent, Stack, Tag } from '@aws-sdk/client-cloudformation';
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { CloudProvider, StackEvent, StackInput, StackView } from '../../ports/cloud-provider.ts';
import { AwsServiceError } from './aws-calls.ts';
import type { RecoveringCall, ScopedCall } from './scoped-call.ts';

type StackCalls = Pick<
  CloudProvider,
  'describeStack' | 'listStacks' | 'stackTemplate' | 'stackEvents' | 'createStack' | 'updateStack' | 'deleteStack'
>;

/** CloudFormation takes longer templates only from S3. */
const longestTemplateBytes = 51_200;
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
  };
}

function requestOf(input: StackInput): {
  StackName: string;
  TemplateBody: string;
  Parameters: Parameter[];
  Tags: Tag[];
  Capabilities: ('CAPABILITY_IAM' | 'CAPABILITY_NAMED_IAM' | 'CAPABILITY_AUTO_EXPAND')[];
  ClientRequestToken: string;
} {
  const bytes = Buffer.byteLength(input.template);
  if (bytes > longestTemplateBytes) {
    throw new FailureError(
      terminal(
        'aws-validation',
        `the template of stack ${input.name} has ${bytes} bytes; CloudFormation takes ${longestTemplateBytes} at most`,
      ),
    );
  }
  return {
    StackName: input.name,
    TemplateBody: input.template,
    Parameters: Object.entries(input.parameters).map(([ParameterKey, ParameterValue]) => ({
      ParameterKey,
      ParameterValue,
    })),
    Tags: Object.entries(input.tags).map(([Key, Value]) => ({ Key, Value })),
    Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
    ClientRequestToken: input.token,
  };
}

function isServiceError(error: unknown, code: RegExp, message: RegExp): boolean {
  return error instanceof AwsServiceError && code.test(error.code) && message.test(error.message);
}

const noSuchStack = (error: unknown): 'missing' | undefined =>
  isServiceError(error, /^(ValidationError|StackNotFound)/, /does not exist/i) ? 'missing' : undefined;
const nothingToUpdate = (error: unknown): 'no-change' | undefined =>
  isServiceError(error, /^ValidationError/, /no updates are to be performed/i) ? 'no-change' : undefined;
/** The same operation was asked for before: a resend after a lost answer. */
const sentBefore = (error: unknown): 'already' | undefined =>
  isServiceError(error, /^TokenAlreadyExists/, /./) ? 'already' : undefined;

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
      await recovering('CreateStack', requestOf(input), `stack ${input.name}`, sentBefore);
    },

    async updateStack(input) {
      const recover = (error: unknown): 'no-change' | 'already' | undefined =>
        nothingToUpdate(error) ?? sentBefore(error);
      const answer = await recovering('UpdateStack', requestOf(input), `stack ${input.name}`, recover);
      return answer === 'no-change' ? 'no-change' : 'started';
    },

    async deleteStack(name, token) {
      await recovering('DeleteStack', { StackName: name, ClientRequestToken: token }, `stack ${name}`, sentBefore);
    },
  };
}
