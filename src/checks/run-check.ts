import type { Cluster } from '../domain/cluster.ts';
import { FailureError } from '../domain/failure.ts';
import type {
  CheckCase,
  CheckLedger,
  CheckMetric,
  CheckOutcome,
  CheckProgress,
  CheckStep,
  Quarantine,
  SkipCode,
} from '../ports/check-runner.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { type Clock, patientLimit } from '../support/clock.ts';
import { cleanUp, isUnknown } from './cleanup.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import { collectEvidence, nodesOf } from './collect.ts';
import { controllerLogs, objectsAsJson } from './collect-objects.ts';
import {
  type CheckContext,
  type CheckDefinition,
  CheckFailed,
  CheckFlaked,
  CheckImpossible,
  CheckInterrupted,
  CheckSkipped,
  CheckTimedOut,
  type SkipReason,
} from './contract.ts';
import { type KeepQuota, keepObjects } from './keep.ts';
import { pause } from './pause.ts';
import { declaredButAbsent, whyNotHere } from './preconditions.ts';
import { LedgerWriter, recordingKube } from './recording-kube.ts';
import { createSandbox, labelsOf, namespaceOf, runKey, type SandboxInput, untilFurnished } from './sandbox.ts';
import type { CheckSettings } from './settings.ts';
import { untilObjects } from './wait.ts';

/** Wall time that a phase gets at least: its calls do not become faster with the clock. */
const leastPhaseWallMs = 30_000;
const mostSteps = 400;
const mostMetrics = 400;
const mostCases = 2_000;

/** Where files of runs are kept. */
export interface ArtifactStore {
  /** Replaces a file of the same name; `name` is relative to the folder of the check. */
  write(run: string, check: string, name: string, content: string | Uint8Array): Promise<void>;
}

export interface CheckScene {
  kube: KubeCluster;
  cluster: Cluster;
  settings: CheckSettings;
  facts: ClusterFacts;
  clock: Clock;
  ledger: CheckLedger;
  runId: string;
  quarantine: Quarantine[];
  newSince: number | undefined;
  newNodes: readonly string[];
  /** For how long objects of a failed check stay; 0 = not at all. */
  keepMs: number;
  /** Bounds of how many checks they stay. */
  keepQuota: KeepQuota;
  /** Of the whole run. */
  signal: AbortSignal;
  nextSeq: () => number;
  artifacts: ArtifactStore | undefined;
  onProgress: (check: string, progress: CheckProgress) => void;
  log: { warn(fields: Record<string, unknown>, message: string): void };
}

export interface Attempt {
  outcome: CheckOutcome;
  message: string;
  skipCode?: SkipCode;
  /** An error that another attempt would only repeat. */
  hopeless?: true;
  leaked: string[];
  steps: CheckStep[];
  metrics: CheckMetric[];
  cases: CheckCase[];
  nodes: string[];
  evidence: string[];
  kept?: { namespace: string; until: number };
}

/** `isLast`: whether no other attempt follows one that ended so. */
export type AttemptScene = CheckScene & { isLast: (said: Pick<Attempt, 'outcome' | 'hopeless'>) => boolean };

/** One run of one check: prepare, run, collect, clean up (or keep); each phase with a limit of its own. Never throws. */
export async function runCheck(check: CheckDefinition, attempt: number, scene: AttemptScene): Promise<Attempt> {
  const notes: Notes = { steps: [], metrics: [], cases: new Map(), sandboxed: false };
  const namespace = namespaceOf(scene.runId, check.id, attempt);
  let verdict: Verdict;
  try {
    const skip = await limited(scene, 'preparing', check.timeouts.prepareMs, async (signal) => {
      const context = contextOf(check, namespace, signal, scene, notes);
      return (await whyNotHere(check, context, scene.quarantine)) ?? (await check.plan?.(context));
    });
    verdict = skip
      ? skipped(skip, check, scene)
      : {
          outcome: 'pass',
          message: await limited(scene, 'running', check.timeouts.runMs, (signal) =>
            check.run(contextOf(check, namespace, signal, scene, notes)),
          ),
        };
  } catch (error) {
    verdict = error instanceof CheckSkipped ? skipped(error.reason, check, scene) : judge(error, scene.signal);
  }
  const nodes = notes.sandboxed ? await nodesOf(scene.kube, namespace) : [];
  const bad = verdict.outcome !== 'pass' && verdict.outcome !== 'skipped';
  const evidence = notes.sandboxed && bad ? await collected(check, scene, namespace) : [];
  const failed = verdict.outcome === 'fail' || verdict.outcome === 'timedout';
  const kept = failed && scene.isLast(verdict) ? await keptOf(check, scene, namespace) : undefined;
  const leaked = kept === undefined ? await cleaned(check, scene, namespace) : [];
  // A cluster that stopped answering has not failed: the next attempt sees what is there, and clears it up.
  if (!bad && leaked.length > 0 && leaked.every(isUnknown)) {
    verdict = { outcome: 'error', message: `${verdict.message}; what it made is ${leaked[0]}` };
  }
  const { steps, metrics } = notes;
  const rest = kept === undefined ? { nodes, evidence } : { nodes, evidence, kept };
  return { ...verdict, leaked, steps, metrics, cases: [...notes.cases.values()], ...rest };
}

interface Verdict {
  outcome: CheckOutcome;
  message: string;
  skipCode?: SkipCode;
  hopeless?: true;
}

interface Notes {
  steps: CheckStep[];
  metrics: CheckMetric[];
  cases: Map<string, CheckCase>;
  sandboxed: boolean;
}

/** Undefined: nothing is kept. Where that cannot be written down, everything goes as it always does. */
async function keptOf(check: CheckDefinition, scene: CheckScene, namespace: string): Promise<Attempt['kept']> {
  const { kube, clock, runId, cluster, log, keepMs } = scene;
  if (keepMs <= 0 || scene.signal.aborted) return undefined;
  try {
    const entries = (await scene.ledger.open(runId)).filter((entry) => entry.check === check.id);
    const about = { run: runId, cluster: cluster.id, check: check.id };
    const ledger = new LedgerWriter(scene.ledger, about, clock, scene.nextSeq);
    const { keepQuota } = scene;
    return await keepQuota.within(() => keepObjects({ kube, clock, entries, ledger, namespace, forMs: keepMs }));
  } catch (error) {
    log.warn({ clusterId: cluster.id, check: check.id, error: String(error) }, 'Objects of a check could not be kept');
    return undefined;
  }
}

/** Everything that says why, before anything is deleted: lines for the report, and the objects themselves as a file. */
async function collected(check: CheckDefinition, scene: CheckScene, namespace: string): Promise<string[]> {
  const { kube, ledger, runId, artifacts, log } = scene;
  const lines = await collectEvidence(kube, namespace);
  try {
    const entries = (await ledger.open(runId)).filter((entry) => entry.check === check.id);
    lines.push(...(await controllerLogs(kube, entries)));
    await artifacts?.write(runId, check.id, `${namespace}.json`, await objectsAsJson(kube, namespace, entries));
  } catch (error) {
    log.warn({ check: check.id, error: String(error) }, 'What a failed check has made could not be kept on file');
  }
  return lines;
}

/** Not under the run's signal: a cancelled run cleans up too. */
async function cleaned(check: CheckDefinition, scene: CheckScene, namespace: string): Promise<string[]> {
  const { kube, clock, ledger, runId, log, cluster } = scene;
  try {
    const made = (await ledger.open(runId)).some((entry) => entry.check === check.id);
    if (!made) return [];
    return await cleanUp({ kube, clock, ledger, run: runId, check: check.id, withinMs: check.timeouts.cleanupMs });
  } catch (error) {
    log.warn({ clusterId: cluster.id, check: check.id, error: String(error) }, 'Cleaning up after a check failed');
    return [`not known to be gone: namespace/${namespace}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

async function limited<T>(
  scene: CheckScene,
  phase: string,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock } = scene;
  const limit = new AbortController();
  const limitMs = patientLimit(clock, ms, leastPhaseWallMs);
  const why = new CheckTimedOut(`${phase} was not finished within ${Math.round(limitMs / 1000)} s`);
  const timer = clock.at(clock.now() + limitMs, () => limit.abort(why));
  const signal = AbortSignal.any([scene.signal, limit.signal]);
  // A call that hangs does not listen to the signal: the phase ends without it.
  const cut = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  cut.catch(() => {});
  try {
    signal.throwIfAborted();
    return await Promise.race([work(signal), cut]);
  } finally {
    timer.cancel();
  }
}

function contextOf(
  check: CheckDefinition,
  namespace: string,
  signal: AbortSignal,
  scene: CheckScene,
  notes: Notes,
): CheckContext {
  const { clock, cluster, settings, facts, runId } = scene;
  const labels = labelsOf(runId, check.id);
  const about = { run: runId, cluster: cluster.id, check: check.id };
  const ledger = new LedgerWriter(scene.ledger, about, clock, scene.nextSeq);
  const kube = recordingKube(scene.kube, ledger, labels);
  const note = (step: CheckStep): void => {
    if (notes.steps.length < mostSteps) notes.steps.push(step);
  };
  return {
    kube,
    cluster,
    settings,
    facts,
    clock,
    signal,
    namespace,
    labels,
    runKey: runKey(runId),
    ...(scene.newSince === undefined ? {} : { newSince: scene.newSince }),
    newNodes: scene.newNodes,
    sandbox: (options = {}) => {
      const spec = { namespace, podSecurity: options.podSecurity ?? 'baseline', pods: options.pods ?? 0 } as const;
      return openSandbox({ ...spec, now: clock.now() }, { kube, clock, signal, facts, notes });
    },
    until: (what, resource, options, withinMs, judgeItems) =>
      untilObjects({ kube, clock, signal, what, resource, options, withinMs, judge: judgeItems }),
    pause: (ms) => pause(clock, ms, signal),
    async step(name, work) {
      const from = clock.now();
      try {
        const result = await work();
        note({ name, outcome: 'pass', durationMs: clock.now() - from });
        return result;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        note({ name, outcome: 'fail', message, durationMs: clock.now() - from });
        throw error;
      }
    },
    note: (name, outcome, message) =>
      note({ name, outcome, durationMs: 0, ...(message === undefined ? {} : { message }) }),
    measure: (name, value, more = {}) => {
      if (notes.metrics.length < mostMetrics) notes.metrics.push({ name, value, labels: more });
    },
    follows: (resource, where, name) =>
      ledger.write({ kind: 'follows', resource, name, ...(where === undefined ? {} : { namespace: where }) }),
    async claimNew(resource, labelSelector) {
      const there = (await scene.kube.list(resource, { labelSelector })).items.map((item) => item.metadata.name);
      await ledger.write({ kind: 'appearing', resource, name: labelSelector, labelSelector, except: there });
    },
    progress: (progress) => scene.onProgress(check.id, progress),
    cases: (found) => {
      for (const one of found)
        if (notes.cases.size < mostCases || notes.cases.has(one.name)) notes.cases.set(one.name, one);
    },
    async artifact(name, content) {
      try {
        await scene.artifacts?.write(runId, check.id, name, content);
      } catch (error) {
        scene.log.warn({ check: check.id, file: name, error: String(error) }, 'A file of a check could not be kept');
      }
    },
    async borrow(change) {
      const { resource, name, patch, undo, note: text } = change;
      const where = change.namespace === undefined ? {} : { namespace: change.namespace };
      await ledger.write({ kind: 'undo', resource, ...where, name, patch: undo, note: text });
      await scene.kube.patch(resource, change.namespace, name, patch);
    },
  };
}

/** The check's namespace, usable. Makes none where nobody would take it away again. */
async function openSandbox(
  input: SandboxInput,
  parts: Pick<CheckContext, 'kube' | 'clock' | 'signal' | 'facts'> & { notes: Notes },
): Promise<void> {
  const { kube, facts, notes } = parts;
  if (!(await facts.hasControllers())) {
    throw new CheckImpossible(
      'no controllers are at work here (no namespace has a service account): a namespace made by a check would stay for ever',
    );
  }
  notes.sandboxed = true;
  await createSandbox(kube, input);
  try {
    await untilFurnished({ ...parts, namespace: input.namespace });
  } catch (error) {
    if (!(error instanceof CheckTimedOut)) throw error;
    facts.controllersAreSilent();
    throw new CheckImpossible(`no controllers are at work here: ${error.message}`);
  }
}

function skipped(reason: SkipReason, check: CheckDefinition, scene: CheckScene): Verdict {
  const declared = declaredButAbsent(reason, check, scene.settings.expects);
  if (declared === undefined) return { outcome: 'skipped', message: reason.message, skipCode: reason.code };
  return {
    outcome: 'fail',
    message: `the registry declares ${declared} for this cluster (e2e_expects), but the check would be skipped: ${reason.message}`,
  };
}

/** Only CheckFailed and CheckTimedOut are verdicts on the cluster; a tool that cannot ask has no opinion. */
function judge(error: unknown, cancelledBy: AbortSignal): Verdict {
  if (cancelledBy.aborted) return { outcome: 'cancelled', message: 'the run was cancelled' };
  if (error instanceof CheckFailed) return { outcome: 'fail', message: error.message };
  if (error instanceof CheckTimedOut) return { outcome: 'timedout', message: error.message };
  if (error instanceof CheckFlaked) return { outcome: 'flaky', message: error.message };
  if (error instanceof CheckInterrupted) return { outcome: 'error', message: error.message };
  if (error instanceof CheckImpossible) return { outcome: 'error', message: error.message, hopeless: true };
  if (error instanceof FailureError) {
    const { kind, code, message } = error.failure;
    const refused = kind === 'terminal' && (code === 'kube-invalid' || code === 'kube-forbidden');
    return { outcome: refused ? 'fail' : 'error', message: `${code}: ${message}` };
  }
  return { outcome: 'error', message: `internal-error: ${error instanceof Error ? error.message : String(error)}` };
}
