/** What operators can do to the pipeline. Each either does the whole of it, or refuses with what would be right. */
import type { z } from 'zod';

import type * as bodies from './control-schemas.ts';
import type { ActionAnswer } from './schemas.ts';

type Command<Body extends z.ZodType> = (request: z.output<Body>, by: { name: string }) => Promise<ActionAnswer>;

export interface PipelineControl {
  override: Command<typeof bodies.overrideBody>;
  endOverride: Command<typeof bodies.overrideEndBody>;
  approve: Command<typeof bodies.approveBody>;
  promote: Command<typeof bodies.promoteBody>;
  hotfix: Command<typeof bodies.hotfixBody>;
  rollback: Command<typeof bodies.rollbackBody>;
  stopTheLine: Command<typeof bodies.stopTheLineBody>;
}
