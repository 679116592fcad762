/** Checks on one cluster that a kubeconfig names: no registry, no daemon, no cloud. */
import { hostname } from 'node:os';
import { ArtifactFolder } from '../../checks/artifact-folder.ts';
import { keptIn } from '../../checks/keep.ts';
import { catalogue, profiles } from '../../checks/profiles.ts';
import type { RunReport } from '../../checks/report/run-report.ts';
import { createCheckRunner } from '../../checks/runner.ts';
import { checksInNoProfile } from '../../checks/selection.ts';
import { sweepKept } from '../../checks/sweep.ts';
import type { Cluster } from '../../domain/cluster.ts';
import { runVerdict } from '../../planning/e2e/run-record.ts';
import type { CheckRunRequest, CheckRunState, KeptObjects, Quarantine } from '../../ports/check-runner.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { connectKube } from '../../providers/kube/connect-kube.ts';
import type { KubeAccess } from '../../providers/kube/kube-access.ts';
import type { Clock } from '../../support/clock.ts';
import { FileLedger } from './file-ledger.ts';

export interface StandaloneRun {
  access: KubeAccess;
  /** As the report names the cluster. */
  cluster: string;
  configItems: Record<string, string>;
  quarantine: Quarantine[];
  profile: string;
  only: string[];
  skip: string[];
  ledgerFolder: string;
  /** For how long objects of failed checks stay; undefined = as the settings say. */
  keepOnFailureMs: number | undefined;
  /** Where files of checks go; undefined = nowhere. */
  artifacts: string | undefined;
  version: string;
  clock: Clock;
  /** Asks the run to end: checks under way are cancelled, and what they made is cleaned up. */
  signal: AbortSignal;
  onProgress: (state: CheckRunState) => void;
  /** Something that the person who waits should know. */
  tell: (line: string) => void;
}

/** What failed checks keep on the cluster of a kubeconfig; takes it away when asked to. */
export async function keptOnCluster(
  input: Pick<StandaloneRun, 'cluster' | 'access' | 'ledgerFolder' | 'version' | 'clock' | 'tell'>,
  sweep: 'expired' | 'all' | undefined,
): Promise<{ kept: KeptObjects[]; swept: KeptObjects[]; left: string[] }> {
  const kube = connect(input);
  try {
    const { uid } = await introduce(kube);
    const ledger = new FileLedger(input.ledgerFolder, uid);
    const { clock } = input;
    const sessions = { sessionFor: async () => ({ kube }) };
    const log = { warn: (fields: object, message: string) => input.tell(`${message}: ${JSON.stringify(fields)}`) };
    const name = input.cluster;
    const none = { swept: [], left: [] };
    const { swept, left } = sweep === undefined ? none : await sweepKept({ sessions, clock, ledger, log }, name, sweep);
    const kept: KeptObjects[] = [];
    for (const run of await ledger.openRuns(name)) kept.push(...keptIn(await ledger.open(run)));
    return { kept, swept, left };
  } finally {
    kube.close();
  }
}

/** Runs to the end, cleaning up included. Throws FailureError when the cluster cannot be asked at all. */
export async function runStandalone(input: StandaloneRun): Promise<RunReport> {
  const { clock } = input;
  const name = input.cluster;
  const kube = connect(input);
  try {
    const { uid, version } = await introduce(kube);
    const cluster = clusterOf(name, input.configItems);
    const ledger = new FileLedger(input.ledgerFolder, uid);
    const runner = createCheckRunner({
      sessions: { sessionFor: async () => ({ kube }) },
      clusterOf: () => cluster,
      clock,
      profiles,
      ledger,
      ...(input.artifacts === undefined ? {} : { artifacts: new ArtifactFolder(input.artifacts, { flat: true }) }),
      log: { warn: (fields, message) => input.tell(`${message}: ${JSON.stringify(fields)}`) },
    });
    const { swept } = await runner.sweepKept(cluster.id, 'expired');
    for (const one of swept)
      input.tell(`what ${one.check} of run ${one.run} had kept in ${one.namespace} is past its time: gone`);
    for (const run of ledger.abandoned()) {
      if (await nothingButKept(ledger, run)) continue;
      input.tell(`cleaning up after run ${run}, which was killed`);
      await runner.cancel(run, cluster.id);
    }
    const startedAt = clock.now();
    const runId = `cli-${Math.round(startedAt)}-${hostname()}-${process.pid}`;
    const state = await finish(runner, request(input, runId, cluster.id), input);
    return reportOf(input, { runId, cluster: name, version, startedAt, state });
  } finally {
    kube.close();
  }
}

function connect({ cluster, access, version }: Pick<StandaloneRun, 'cluster' | 'access' | 'version'>): KubeCluster {
  return connectKube({ cluster, access, userAgent: `clm/${version} e2e` });
}

/** A run that came to its end, and keeps something for people. */
async function nothingButKept(ledger: FileLedger, run: string): Promise<boolean> {
  const entries = await ledger.open(run);
  const kept = new Set(keptIn(entries).map((one) => one.check));
  return entries.length > 0 && entries.every((entry) => kept.has(entry.check));
}

/** The first words with the cluster: its identity and version. Fails here rather than in every check. */
async function introduce(kube: KubeCluster): Promise<{ uid: string; version: string }> {
  const namespaces = { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false };
  const system = await kube.get(namespaces, undefined, 'kube-system');
  const answer = await kube.raw('/version');
  const version = answer.status === 200 ? (JSON.parse(answer.body) as { gitVersion?: string }).gitVersion : undefined;
  return { uid: system?.metadata.uid ?? 'unknown', version: version ?? '' };
}

function clusterOf(name: string, configItems: Record<string, string>): Cluster {
  return {
    id: name,
    alias: name,
    localId: name,
    infrastructureAccount: '',
    region: '',
    provider: '',
    apiServerUrl: '',
    channel: '',
    // Whoever asks for a check by hand wants it; what disturbs nodes still has to be allowed.
    environment: 'test',
    criticalityLevel: 1,
    lifecycleStatus: 'ready',
    configItems,
    nodePools: [],
  };
}

function request(input: StandaloneRun, runId: string, clusterId: string): CheckRunRequest {
  const { profile, only, skip, quarantine, keepOnFailureMs } = input;
  const keep = keepOnFailureMs === undefined ? {} : { keepOnFailureMs };
  return { runId, clusterId, profile, finished: [], only, skip, quarantine, ...keep };
}

function finish(
  runner: ReturnType<typeof createCheckRunner>,
  wanted: CheckRunRequest,
  input: StandaloneRun,
): Promise<CheckRunState> {
  return new Promise((resolve, reject) => {
    let over = false;
    const cancel = (): void => {
      input.tell('ending: checks are cancelled and cleaned up');
      runner.cancel(wanted.runId).catch(reject);
    };
    const look = (): void => {
      // The first call may come before `ensure` has returned.
      queueMicrotask(() => {
        input.onProgress(state);
        if (!state.done || over) return;
        over = true;
        input.signal.removeEventListener('abort', cancel);
        resolve(state);
      });
    };
    const state = runner.ensure(wanted, look);
    if (input.signal.aborted) cancel();
    else input.signal.addEventListener('abort', cancel, { once: true });
    look();
  });
}

function reportOf(
  input: StandaloneRun,
  run: { runId: string; cluster: string; version: string; startedAt: number; state: CheckRunState },
): RunReport {
  const { state, startedAt } = run;
  const now = input.clock.now();
  const order = new Map(catalogue.map((check, index) => [check.id, index]));
  const results = [...state.results]
    .sort((a, b) => (order.get(a.check) ?? 0) - (order.get(b.check) ?? 0))
    .map((result) => {
      const definition = catalogue.find((check) => check.id === result.check);
      return { ...result, title: definition?.title ?? result.check, area: definition?.area ?? 'custom' };
    });
  const counts: Record<string, number> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return {
    run: run.runId,
    cluster: run.cluster,
    profile: input.profile,
    kubernetesVersion: run.version,
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: new Date(now).toISOString(),
    durationSeconds: (now - startedAt) / 1000,
    ...runVerdict(results),
    counts,
    results,
    notSelected: state.notSelected,
    inNoProfile: checksInNoProfile(catalogue, profiles),
    leaked: results.flatMap((result) => result.leaked),
    kept: results.flatMap(({ check, kept }) =>
      kept === undefined ? [] : [{ check, namespace: kept.namespace, until: new Date(kept.until).toISOString() }],
    ),
    runnerVersion: input.version,
  };
}
