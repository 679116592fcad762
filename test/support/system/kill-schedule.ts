import { DaemonUnreachable } from '../../../src/cli/daemon-client.ts';
import type { Stage } from '../../../src/cli/demo/stage.ts';
import { sleep } from '../../../src/support/deadline.ts';
import { seededRandom } from '../../../src/support/random.ts';

const comesUpWithinMs = 60_000;
/** Share of the kills that hit a daemon while it starts. */
const duringStart = 0.25;

export interface KillReport {
  /** What became of each kill: wall ms after the start or after the first answer. */
  moments: { after: 'start' | 'answer'; waitedMs: number }[];
}

/**
 * Kills the daemon `kills` times with SIGKILL at moments that the seed decides, and starts it again each time; ends early when the
 * signal aborts. Moments count from the start of the process or from its first answer, so that slow machines see the same schedule.
 */
export async function killAtSeededMoments(
  stage: Stage,
  options: { seed: string; kills: number; longestWaitMs: number; signal: AbortSignal },
): Promise<KillReport> {
  const random = seededRandom(options.seed).fork('kills');
  const report: KillReport = { moments: [] };
  for (let kill = 0; kill < options.kills && !options.signal.aborted; kill++) {
    const after = random.next() < duringStart ? 'start' : 'answer';
    const waitedMs = random.int(options.longestWaitMs);
    if (after === 'answer') await answers(stage, options.signal);
    if (!(await sleep(waitedMs, options.signal))) break;
    await stage.daemon.restart();
    report.moments.push({ after, waitedMs });
  }
  return report;
}

async function answers(stage: Stage, signal: AbortSignal): Promise<void> {
  for (let waited = 0; waited < comesUpWithinMs && !signal.aborted; waited += 50) {
    if (stage.daemon.unexpectedExit !== undefined) throw new Error(stage.daemon.unexpectedExit);
    try {
      await stage.client.get('/v1/events', { limit: 1 });
      return;
    } catch (error) {
      if (!(error instanceof DaemonUnreachable)) throw error;
    }
    await sleep(50, signal);
  }
}
