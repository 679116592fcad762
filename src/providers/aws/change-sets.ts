import type { DescribeChangeSetCommandOutput, ResourceChange } from '@aws-sdk/client-cloudformation';
import { FailureError, terminal } from '../../domain/failure.ts';
import type { ChangeSetView, CloudProvider, PropertyChange, StackChange } from '../../ports/cloud-provider.ts';
import type { RecoveringCall } from './scoped-call.ts';
import { isServiceError, sentBefore, stackRequest } from './stack-request.ts';

type ChangeSetCalls = Pick<
  CloudProvider,
  'createChangeSet' | 'describeChangeSet' | 'executeChangeSet' | 'deleteChangeSet'
>;

const mostPages = 50;
/** As CloudFormation words it for change sets, and for those of macros and nested stacks. */
const nothingToDo = /didn't contain changes|no updates are to be performed/i;

const absent = (error: unknown): 'missing' | undefined =>
  isServiceError(error, /^ChangeSetNotFound/) || isServiceError(error, /^ValidationError/, /does not exist/i)
    ? 'missing'
    : undefined;
/** A killed run made it: it says the same, as its name is made of what it says. */
const madeBefore = (error: unknown): 'already' | undefined =>
  isServiceError(error, /^AlreadyExists/) ? 'already' : undefined;
const notExecutable = (error: unknown): 'refused' | undefined =>
  isServiceError(error, /^InvalidChangeSetStatus/) ? 'refused' : absent(error) === undefined ? undefined : 'refused';

export function createChangeSetCalls(recovering: RecoveringCall): ChangeSetCalls {
  return {
    async createChangeSet(input) {
      const { changeSet: ChangeSetName, token: ClientToken } = input;
      const request = { ...stackRequest(input), ChangeSetName, ClientToken, ChangeSetType: 'UPDATE' as const };
      await recovering('CreateChangeSet', request, `stack ${input.name}`, madeBefore);
    },

    async describeChangeSet(stack, changeSet) {
      const changes: StackChange[] = [];
      let token: string | undefined;
      for (let page = 0; page < mostPages; page += 1) {
        const request = { StackName: stack, ChangeSetName: changeSet, ...(token ? { NextToken: token } : {}) };
        const answer = await recovering('DescribeChangeSet', request, `stack ${stack}`, absent);
        if (answer === 'missing' || answer.Status?.startsWith('DELETE') === true) return undefined;
        for (const { ResourceChange } of answer.Changes ?? [])
          if (ResourceChange) changes.push(changeOf(ResourceChange));
        token = answer.NextToken;
        if (!token) return viewOf(answer, changes);
      }
      const message = `DescribeChangeSet stack ${stack}: more than ${mostPages} pages of changes`;
      throw new FailureError(terminal('aws-validation', message));
    },

    async executeChangeSet(stack, changeSet, token) {
      const request = { StackName: stack, ChangeSetName: changeSet, ClientRequestToken: token };
      const recover = (error: unknown): 'refused' | 'already' | undefined => notExecutable(error) ?? sentBefore(error);
      const answer = await recovering('ExecuteChangeSet', request, `stack ${stack}`, recover);
      return answer === 'refused' ? 'refused' : 'started';
    },

    async deleteChangeSet(stack, changeSet) {
      const request = { StackName: stack, ChangeSetName: changeSet };
      await recovering('DeleteChangeSet', request, `stack ${stack}`, notExecutable);
    },
  };
}

function viewOf(answer: Omit<DescribeChangeSetCommandOutput, '$metadata'>, changes: StackChange[]): ChangeSetView {
  const reason = answer.StatusReason;
  return { status: statusOf(answer), ...(reason === undefined ? {} : { reason }), changes };
}

function statusOf(answer: Omit<DescribeChangeSetCommandOutput, '$metadata'>): ChangeSetView['status'] {
  if (/^(EXECUTE_|OBSOLETE)/.test(answer.ExecutionStatus ?? '')) return 'spent';
  if (answer.Status === 'CREATE_COMPLETE') return 'ready';
  if (answer.Status !== 'FAILED') return 'making';
  return nothingToDo.test(answer.StatusReason ?? '') ? 'unchanged' : 'failed';
}

function changeOf(change: ResourceChange): StackChange {
  return {
    action: change.Action ?? '',
    logicalId: change.LogicalResourceId ?? '',
    ...(change.PhysicalResourceId === undefined ? {} : { physicalId: change.PhysicalResourceId }),
    type: change.ResourceType ?? '',
    replacement: change.Replacement ?? 'False',
    properties: (change.Details ?? []).map(
      ({ Target, Evaluation }): PropertyChange => ({
        property: Target?.Name ?? Target?.Attribute ?? '',
        recreation: Target?.RequiresRecreation ?? 'Never',
        dynamic: Evaluation === 'Dynamic',
      }),
    ),
  };
}
