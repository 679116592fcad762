import type { CheckResult } from '../../ports/check-runner.ts';
import type { RunVerdict } from '../../ports/e2e-store.ts';

/** A finished run, for reports. JSON; stable. */
export interface RunReport {
  run: string;
  /** Name by which people know the cluster. */
  cluster: string;
  profile: string;
  kubernetesVersion: string;
  /** ISO 8601. */
  startedAt: string;
  finishedAt: string;
  durationSeconds: number;
  verdict: RunVerdict;
  reason: string;
  counts: Record<string, number>;
  results: (CheckResult & { title: string; area: string })[];
  /** Left out by the request. */
  notSelected: string[];
  /** Checks that exist and that no profile selects. */
  inNoProfile: string[];
  leaked: string[];
  /** Of failed checks, on purpose: where, and until when (ISO 8601). */
  kept: { check: string; namespace: string; until: string }[];
  runnerVersion: string;
}
