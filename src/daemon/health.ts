/** What `/healthz` says: 503 with every reason, or 200. A pure judgement of what is observed. */

export interface HealthView {
  /** Wall ms since the engine last showed that its loop moves. */
  engineSilentMs: number;
  engineRunning: boolean;
  leaseHeld: boolean;
  storeFailing?: string;
  overdueSteps: { id: string; step: string; wallMs: number }[];
  /** Wall ms since the repository was last read well; undefined before the first time. */
  sinceGitPollMs?: number;
  gitProblem?: string;
  pollIntervalWallMs: number;
  sinceStartMs: number;
}

export interface HealthVerdict {
  ok: boolean;
  state: 'leading' | 'failing';
  reasons: string[];
}

const engineSilenceLimitMs = 30_000;
const gitPatienceMs = 120_000;

export function judgeHealth(view: HealthView): HealthVerdict {
  const reasons: string[] = [];
  if (!view.leaseHeld) reasons.push('the lease is lost: this daemon may not act any more');
  if (!view.engineRunning) reasons.push('the engine does not run');
  if (view.engineSilentMs > engineSilenceLimitMs) {
    reasons.push(`the engine loop has not moved for ${seconds(view.engineSilentMs)}`);
  }
  for (const step of view.overdueSteps.slice(0, 5)) {
    reasons.push(`step ${step.step} of ${step.id} has not settled for ${seconds(step.wallMs)}`);
  }
  if (view.storeFailing !== undefined) reasons.push(`the store fails: ${view.storeFailing}`);
  const patience = Math.max(gitPatienceMs, 5 * view.pollIntervalWallMs);
  const silent = view.sinceGitPollMs ?? view.sinceStartMs;
  if (silent > patience) {
    const why = view.gitProblem === undefined ? '' : `: ${view.gitProblem}`;
    reasons.push(
      `the configuration repository was last read ${view.sinceGitPollMs === undefined ? 'never' : `${seconds(silent)} ago`}${why}`,
    );
  }
  return { ok: reasons.length === 0, state: reasons.length === 0 ? 'leading' : 'failing', reasons };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
