import { FailureError, terminal } from '../../domain/failure.ts';
import type { CloudProvider, ResourceDrift } from '../../ports/cloud-provider.ts';
import type { RecoveringCall, ScopedCall } from './scoped-call.ts';
import { isServiceError } from './stack-request.ts';

const mostPages = 50;

/** It is busy, gone, or compared already: none of it is a fault. */
const notNow = (error: unknown): 'not-now' | undefined =>
  isServiceError(error, /^ValidationError/, /does not exist|drift detection/i) ? 'not-now' : undefined;

export function createDriftCalls(
  call: ScopedCall,
  recovering: RecoveringCall,
): Pick<CloudProvider, 'detectDrift' | 'stackDrift'> {
  return {
    async detectDrift(stack) {
      const answer = await recovering('DetectStackDrift', { StackName: stack }, `stack ${stack}`, notNow);
      return answer === 'not-now' ? undefined : answer.StackDriftDetectionId;
    },

    async stackDrift(stack, detection) {
      const asked = { StackDriftDetectionId: detection };
      const answer = await recovering('DescribeStackDriftDetectionStatus', asked, `stack ${stack}`, notNow);
      if (answer === 'not-now' || answer.DetectionStatus === 'DETECTION_FAILED') return 'failed';
      if (answer.DetectionStatus !== 'DETECTION_COMPLETE') return 'going';
      if (answer.StackDriftStatus === 'IN_SYNC') return [];
      const found: ResourceDrift[] = [];
      let token: string | undefined;
      for (let page = 0; page < mostPages; page += 1) {
        const request = {
          StackName: stack,
          StackResourceDriftStatusFilters: ['MODIFIED' as const, 'DELETED' as const],
          ...(token === undefined ? {} : { NextToken: token }),
        };
        const part = await call('DescribeStackResourceDrifts', request, `stack ${stack}`);
        for (const drift of part.StackResourceDrifts ?? []) {
          found.push({
            logicalId: drift.LogicalResourceId ?? '',
            type: drift.ResourceType ?? '',
            change: drift.StackResourceDriftStatus === 'DELETED' ? 'deleted' : 'modified',
            properties: (drift.PropertyDifferences ?? []).flatMap((difference) => difference.PropertyPath ?? []),
          });
        }
        token = part.NextToken;
        if (!token) return found;
      }
      const message = `DescribeStackResourceDrifts stack ${stack}: more than ${mostPages} pages`;
      throw new FailureError(terminal('aws-validation', message));
    },
  };
}
