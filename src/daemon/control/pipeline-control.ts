/** Commands of the pipeline on the running daemon. */

import { ApiError } from '../../api/errors.ts';
import type { PipelineControl } from '../../api/pipeline-control.ts';
import { FailureError } from '../../domain/failure.ts';
import { approve } from './approvals.ts';
import { commitFinder } from './commits.ts';
import type { ControlInput } from './control-input.ts';
import { hotfix, promote, rollback } from './moves.ts';
import { endOverride, layOverride } from './overrides.ts';
import { stopTheLine } from './stop-the-line.ts';

export function createPipelineControl(parts: Omit<ControlInput, 'findCommit'>): PipelineControl {
  const input: ControlInput = { ...parts, findCommit: commitFinder(parts.source, parts.lastGood) };
  const told =
    <Request, By, Answer>(command: (input: ControlInput, request: Request, by: By) => Promise<Answer>) =>
    async (request: Request, by: By): Promise<Answer> => {
      try {
        return await command(input, request, by);
      } catch (error) {
        // the repository did not answer: nothing was changed, and it may be asked again
        if (error instanceof FailureError) throw new ApiError(503, error.failure.code, error.failure.message);
        throw error;
      }
    };
  return {
    override: told(layOverride),
    endOverride: told(endOverride),
    approve: told(approve),
    promote: told(promote),
    hotfix: told(hotfix),
    rollback: told(rollback),
    stopTheLine: told(stopTheLine),
  };
}
