import { FailureError } from '../domain/failure.ts';
import type { KubeObject } from '../domain/kube-object.ts';
import type { CheckLedger, LedgerEntry } from '../ports/check-runner.ts';
import type { KubeCluster, Resource } from '../ports/kube-cluster.ts';
import { type Clock, patientLimit } from '../support/clock.ts';
import { keptIn } from './keep.ts';
import { describeLeftovers } from './leftovers.ts';
import { pause } from './pause.ts';
import { namespaces, pods } from './resources.ts';
import { runKey } from './sandbox.ts';
import { untilObjects } from './wait.ts';

/** Wall time that cleaning up gets at least. */
const leastWallMs = 10_000;
const againAfterMs = 2_000;
/** Pods of checks get at most 30 s to stop; whoever is there long after that waits for a kubelet that does not answer. */
const stoppedWithinMs = 75_000;
/** What is made for these outside the cluster (load balancers, disks, names, certificates) goes only when they go first. */
const orderly = new Set([
  'services',
  'persistentvolumeclaims',
  'ingresses',
  'certificates',
  'dnsendpoints',
  'routegroups',
]);

export interface CleanupInput {
  kube: KubeCluster;
  clock: Clock;
  ledger: CheckLedger;
  run: string;
  /** All checks of the run unless one is named. */
  check?: string;
  withinMs: number;
  /** Checks whose objects go now, although they are kept for longer. */
  release?: (check: string) => boolean;
}

/** The same, and which checks are left alone. */
type Work = CleanupInput & { keeps: ReadonlySet<string> };

/**
 * Takes back what a run made and changed, last things first, and waits until it is gone. Returns what stayed, in words. Never
 * touches an object that does not carry the run's label. Entries of what stayed are kept, so that a later sweep can try again.
 */
export async function cleanUp(wanted: CleanupInput): Promise<string[]> {
  const deadline = wanted.clock.now() + patientLimit(wanted.clock, wanted.withinMs, leastWallMs);
  const all = await wanted.ledger.open(wanted.run);
  const input: Work = { ...wanted, keeps: keptChecks(wanted, all) };
  const ours = all.filter(({ check }) => !input.keeps.has(check) && (input.check ?? check) === check);
  const entries = ours.reverse();
  const left: string[] = [];
  for (const entry of entries) left.push(...(await patiently(input, deadline, () => undo(input, entry))));
  const apart = entries.map((entry) => entry.what).filter(goesApart);
  left.push(...(await removeAll(input, apart, deadline)));
  left.push(...(await removeNamespaces(input, deadline)));
  // Whoever made them on our behalf is gone now: nothing more appears.
  for (const { what, at } of entries)
    if (what.kind === 'appearing') left.push(...(await removeAppeared(input, what, at, deadline)));
  // What controllers made goes only after what it was made for.
  for (const what of apart) if (what.kind === 'follows') left.push(...(await gone(input, what, deadline)));
  if (left.length === 0) {
    for (const check of new Set(entries.map((entry) => entry.check))) await input.ledger.close(input.run, check);
  }
  return left;
}

/** Checks whose objects stay for now: their time is not over, and nobody has asked for them. */
function keptChecks({ clock, release }: CleanupInput, entries: readonly LedgerEntry[]): Set<string> {
  const now = clock.now();
  const staying = keptIn(entries).filter((one) => one.until > now && release?.(one.check) !== true);
  return new Set(staying.map((one) => one.check));
}

/** Namespaces of the run that are to go. */
function going({ keeps }: Work, found: KubeObject[]): KubeObject[] {
  return found.filter((item) => !keeps.has(item.metadata.labels?.['clm.e2e/check'] ?? ''));
}

/** Whether an entry of what stayed says that nobody could look, instead of what was seen to stay. */
export function isUnknown(left: string): boolean {
  return left.startsWith('not cleaned up: ') || left.startsWith('not known to be gone: ');
}

/** Again and again while the API is away, up to the deadline; then the problem itself is what is left. */
async function patiently(input: Work, deadline: number, work: () => Promise<string[]>): Promise<string[]> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      const left = deadline - input.clock.now();
      if (error.failure.kind === 'terminal' || left <= 0) return [`not cleaned up: ${error.failure.message}`];
      await pause(input.clock, Math.min(againAfterMs, left), new AbortController().signal);
    }
  }
}

async function undo(input: Work, entry: LedgerEntry): Promise<string[]> {
  const { what } = entry;
  if (what.kind !== 'undo') return [];
  const found = await input.kube.get(what.resource, what.namespace, what.name);
  if (found === undefined) return [];
  await input.kube.patch(what.resource, what.namespace, what.name, what.patch);
  return [];
}

type Named = Extract<LedgerEntry['what'], { kind: 'object' | 'follows' }>;

/** Whatever does not simply go with the namespace: cluster-wide objects, and those with something outside behind them. */
function goesApart(what: LedgerEntry['what']): what is Named {
  if (what.kind === 'undo' || what.kind === 'appearing' || what.kind === 'kept') return false;
  if (what.resource.kind === 'Namespace') return false;
  return what.kind === 'follows' || what.namespace === undefined || orderly.has(what.resource.resource);
}

async function removeAll(input: Work, apart: Named[], deadline: number): Promise<string[]> {
  const own = apart.filter((what) => what.kind === 'object');
  const left: string[] = [];
  for (const what of own) left.push(...(await patiently(input, deadline, () => remove(input, what))));
  // A claim that a pod still uses goes with the pod, and the pod with the namespace.
  const waited = own.filter((what) => what.resource.resource !== 'persistentvolumeclaims');
  for (const what of waited) left.push(...(await gone(input, what, deadline)));
  return left;
}

async function remove(input: Work, what: Named): Promise<string[]> {
  const found = await input.kube.get(what.resource, what.namespace, what.name);
  if (found === undefined || !isOurs(found, input.run) || found.metadata.deletionTimestamp) return [];
  const uid = found.metadata.uid;
  await input.kube.delete(what.resource, what.namespace, what.name, {
    ...(uid === undefined ? {} : { uid }),
    propagation: 'Background',
  });
  return [];
}

function isOurs(object: KubeObject, run: string): boolean {
  return object.metadata.labels?.['clm.e2e/run'] === runKey(run);
}

async function gone(input: Work, what: Named, deadline: number): Promise<string[]> {
  const options = {
    fieldSelector: `metadata.name=${what.name}`,
    ...(what.namespace === undefined ? {} : { namespace: what.namespace }),
  };
  return untilGone(input, what.resource, options, deadline, (found) =>
    found.filter((item) => what.kind === 'follows' || isOurs(item, input.run)),
  );
}

/** A pod that is still there so long after its time to stop has no kubelet that stops it. */
const unheardMs = 30_000;

/** Pods of our own namespaces that nobody will ever report as stopped: without kubelets they keep their namespace for ever. */
async function releasePods(input: Work, labelSelector: string): Promise<void> {
  const { kube, clock } = input;
  for (const { metadata } of going(input, (await kube.list(namespaces, { labelSelector })).items)) {
    for (const pod of (await kube.list(pods, { namespace: metadata.name })).items) {
      const dueAt = Date.parse(pod.metadata.deletionTimestamp ?? '');
      if (Number.isNaN(dueAt) || clock.now() < dueAt + unheardMs) continue;
      const { uid } = pod.metadata;
      await kube.delete(pods, metadata.name, pod.metadata.name, {
        ...(uid === undefined ? {} : { uid }),
        gracePeriodSeconds: 0,
      });
    }
  }
}

/** By label, not by ledger: a lost ledger must not keep namespaces alive. */
async function removeNamespaces(input: Work, deadline: number): Promise<string[]> {
  const only = input.check === undefined ? '' : `,clm.e2e/check=${input.check}`;
  const labelSelector = `clm.e2e/run=${runKey(input.run)}${only}`;
  const problems = await patiently(input, deadline, async () => {
    const { items } = await input.kube.list(namespaces, { labelSelector });
    for (const item of going(input, items)) {
      if (item.metadata.deletionTimestamp) continue;
      const uid = item.metadata.uid;
      await input.kube.delete(namespaces, undefined, item.metadata.name, uid === undefined ? {} : { uid });
    }
    return [];
  });
  if (problems.length > 0) return problems;
  const ours = (found: KubeObject[]): KubeObject[] => going(input, found);
  const patientUntil = Math.min(deadline, input.clock.now() + patientLimit(input.clock, stoppedWithinMs, leastWallMs));
  const stuck = await untilGone(input, namespaces, { labelSelector }, patientUntil, ours);
  if (stuck.length === 0 || patientUntil >= deadline) return stuck;
  await patiently(input, deadline, async () => {
    await releasePods(input, labelSelector);
    return [];
  });
  return untilGone(input, namespaces, { labelSelector }, deadline, ours);
}

type Appearing = Extract<LedgerEntry['what'], { kind: 'appearing' }>;
/** Clocks of a cluster and of clm differ a little. */
const clockSkewMs = 60_000;

async function removeAppeared(input: Work, what: Appearing, since: number, deadline: number): Promise<string[]> {
  const { labelSelector } = what;
  const ours = (found: KubeObject[]): KubeObject[] =>
    found.filter((item) => {
      const madeAt = Date.parse(item.metadata.creationTimestamp ?? '');
      return !what.except.includes(item.metadata.name) && madeAt >= since - clockSkewMs;
    });
  const problems = await patiently(input, deadline, async () => {
    for (const { metadata } of ours((await input.kube.list(what.resource, { labelSelector })).items)) {
      if (metadata.deletionTimestamp) continue;
      const { uid } = metadata;
      await input.kube.delete(what.resource, undefined, metadata.name, uid === undefined ? {} : { uid });
    }
    return [];
  });
  if (problems.length > 0) return problems;
  return untilGone(input, what.resource, { labelSelector }, deadline, ours);
}

async function untilGone(
  input: Work,
  resource: Resource,
  options: { namespace?: string; labelSelector?: string; fieldSelector?: string },
  deadline: number,
  ours: (found: KubeObject[]) => KubeObject[],
): Promise<string[]> {
  const { kube, clock } = input;
  let stays: KubeObject[] = [];
  try {
    await untilObjects({
      kube,
      clock,
      signal: new AbortController().signal,
      what: `${resource.resource} gone`,
      resource,
      options,
      withinMs: Math.max(1, deadline - clock.now()),
      judge: (found) => {
        stays = ours(found);
        return stays.length === 0 ? undefined : `left: ${stays.map((item) => item.metadata.name).join(', ')}`;
      },
    });
    return [];
  } catch (error) {
    if (stays.length > 0) return describeLeftovers(kube, resource, stays);
    return [`not known to be gone: ${error instanceof Error ? error.message : String(error)}`];
  }
}
