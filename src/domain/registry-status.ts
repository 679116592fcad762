/** What a cluster registry knows of a cluster's progress. Field names and the cap are the original registry's. */
import type { LifecycleStatus } from './cluster.ts';

export interface RegistryProblem {
  /** URI reference that names the kind of problem: `urn:clm:problem:<code>`. */
  type: string;
  /** One sentence for people. */
  title: string;
  detail?: string;
  /** What it is about: a cluster, pool or object. */
  instance?: string;
}

export interface RegistryStatus {
  /** Cluster version that runs; empty = none known. */
  currentVersion: string;
  /** The one before: what a rollback would go to. */
  lastVersion: string;
  /** Version that the cluster is being brought to; empty = none. */
  nextVersion: string;
  problems: RegistryProblem[];
  /** Absent where it cannot be read. */
  lifecycle?: LifecycleStatus;
}

/** Problems that a registry keeps of one cluster: more of them have crashed the people's tools that read it. */
export const maxRegistryProblems = 25;

/** Without repeats; above the cap the first says how many are left out. */
export function capProblems(problems: readonly RegistryProblem[]): RegistryProblem[] {
  const seen = new Set<string>();
  const distinct = problems.filter((problem) => {
    const key = JSON.stringify([problem.type, problem.title, problem.detail, problem.instance]);
    return seen.has(key) ? false : seen.add(key);
  });
  if (distinct.length <= maxRegistryProblems) return distinct;
  const kept = distinct.slice(distinct.length - (maxRegistryProblems - 1));
  const omitted = distinct.length - kept.length;
  return [{ type: 'urn:clm:problem:too-many-problems', title: `${omitted} more problems are not listed` }, ...kept];
}

/** What the cluster shows now, to be told to the registry. */
export interface ObservedStatus {
  /** undefined = no version is known, so what the registry has stays. */
  current?: string;
  next?: string;
  problems: RegistryProblem[];
  /** How far clm has brought the cluster. */
  lifecycle?: LifecycleStatus;
}

/** What clm may write over what is there: steps forward of a life that somebody asked for, never over people's newer wish. */
const mayBecome: Partial<Record<LifecycleStatus, readonly LifecycleStatus[]>> = {
  requested: ['creating', 'ready'],
  creating: ['ready'],
  'decommission-requested': ['decommissioned'],
};

function nextLifecycle(known: LifecycleStatus | undefined, observed: LifecycleStatus | undefined) {
  if (known === undefined || observed === undefined) return known;
  return mayBecome[known]?.includes(observed) === true ? observed : known;
}

/** The registry's status after an observation: a new current version makes the old one the last. */
export function nextRegistryStatus(known: RegistryStatus, observed: ObservedStatus): RegistryStatus {
  const current = observed.current ?? known.currentVersion;
  const moved = current !== known.currentVersion;
  const lifecycle = nextLifecycle(known.lifecycle, observed.lifecycle);
  const last = moved && known.currentVersion !== '' ? known.currentVersion : known.lastVersion;
  return {
    currentVersion: current,
    lastVersion: last,
    nextVersion: observed.next ?? '',
    problems: capProblems(observed.problems),
    ...(lifecycle === undefined ? {} : { lifecycle }),
  };
}

export function sameRegistryStatus(a: RegistryStatus, b: RegistryStatus): boolean {
  return (
    a.currentVersion === b.currentVersion &&
    a.lastVersion === b.lastVersion &&
    a.nextVersion === b.nextVersion &&
    a.lifecycle === b.lifecycle &&
    JSON.stringify(a.problems.map(problemParts)) === JSON.stringify(b.problems.map(problemParts))
  );
}

function problemParts({ type, title, detail, instance }: RegistryProblem): unknown[] {
  return [type, title, detail ?? null, instance ?? null];
}
