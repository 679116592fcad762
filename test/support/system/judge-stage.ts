import type { Stage } from '../../../src/cli/demo/stage.ts';
import { judgePipeline, type PipelineVerdict } from '../pipeline-checkers/judge-pipeline.ts';
import { readPipelineRecord } from '../pipeline-checkers/read-record.ts';
import type { PipelineRecord } from '../pipeline-checkers/record.ts';

/** What stands in the stage's database and repository now. */
export function recordOf(stage: Stage): PipelineRecord {
  return readPipelineRecord({
    database: `${stage.directory}/state/clm.db`,
    repository: stage.repository.bare,
    path: 'cluster',
    clusters: stage.members.map(({ cluster }) => ({ id: cluster.id, channel: cluster.channel })),
    rules: stage.pipeline,
  });
}

export function judgeStage(stage: Stage): PipelineVerdict {
  return judgePipeline(recordOf(stage));
}

/** Tips of the channels' branches. */
export async function headsOf(stage: Stage): Promise<Record<string, string>> {
  const heads: Record<string, string> = {};
  for (const { branch } of stage.pipeline.channels) heads[branch] = await stage.repository.head(branch);
  return heads;
}
