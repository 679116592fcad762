import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FollowResult, follow } from '../../../src/cli/demo/follow.ts';
import { closeStage, type Stage, type StageOptions, setUpStage } from '../../../src/cli/demo/stage.ts';
import type { StatusDocument } from '../../../src/planning/explain/status-document.ts';

/** A stage of its own, and its end whatever happens; a failure carries the end of the daemon's log. */
export async function withStage<Result>(
  options: Omit<StageOptions, 'directory' | 'say'>,
  work: (stage: Stage) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'clm-system-'));
  let stage: Stage | undefined;
  try {
    stage = await setUpStage({ ...options, directory, say: () => {} });
    return await work(stage);
  } catch (error) {
    const log = await readFile(join(directory, 'daemon.log'), 'utf8').catch(() => '');
    const tail = log.split('\n').slice(-15).join('\n');
    if (error instanceof Error && tail.trim() !== '') error.message += `\nThe daemon's log ends:\n${tail}`;
    throw error;
  } finally {
    if (stage !== undefined) await closeStage(stage);
    await rm(directory, { recursive: true, force: true });
  }
}

/** Follows the commit to its end. */
export function followCommit(
  stage: Stage,
  commit: string,
  options: { timeoutSeconds: number; signal?: AbortSignal; onStatus?: (status: StatusDocument) => void },
): Promise<FollowResult> {
  const { client, daemon } = stage;
  return follow({
    client,
    daemon,
    commit,
    timeoutSeconds: options.timeoutSeconds,
    signal: options.signal ?? new AbortController().signal,
    onStatus: options.onStatus ?? (() => {}),
  });
}
