/** What requests about stacks have in common. */
import type { Parameter, Tag } from '@aws-sdk/client-cloudformation';
import { FailureError, terminal } from '../../domain/failure.ts';
import type { StackInput } from '../../ports/cloud-provider.ts';
import { AwsServiceError } from './aws-calls.ts';

/** CloudFormation takes longer templates only from S3. */
const longestTemplateBytes = 51_200;

export interface StackRequest {
  StackName: string;
  TemplateBody?: string;
  TemplateURL?: string;
  Parameters: Parameter[];
  Tags: Tag[];
  Capabilities: ('CAPABILITY_IAM' | 'CAPABILITY_NAMED_IAM' | 'CAPABILITY_AUTO_EXPAND')[];
}

/** Throws FailureError for a template that is too long to be sent. */
export function stackRequest(input: StackInput): StackRequest {
  const bytes = Buffer.byteLength(input.template);
  if (input.templateUrl === undefined && bytes > longestTemplateBytes) {
    throw new FailureError(
      terminal(
        'aws-validation',
        `the template of stack ${input.name} has ${bytes} bytes; CloudFormation takes ${longestTemplateBytes} at most`,
      ),
    );
  }
  return {
    StackName: input.name,
    ...(input.templateUrl === undefined ? { TemplateBody: input.template } : { TemplateURL: input.templateUrl }),
    Parameters: Object.entries(input.parameters).map(([ParameterKey, ParameterValue]) => ({
      ParameterKey,
      ParameterValue,
    })),
    Tags: Object.entries(input.tags).map(([Key, Value]) => ({ Key, Value })),
    Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
  };
}

export function isServiceError(error: unknown, code: RegExp, message = /(?:)/): boolean {
  return error instanceof AwsServiceError && code.test(error.code) && message.test(error.message);
}

/** The same operation was asked for before: a resend after a lost answer. */
export function sentBefore(error: unknown): 'already' | undefined {
  return isServiceError(error, /^TokenAlreadyExists/) ? 'already' : undefined;
}
