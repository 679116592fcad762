import type { Cluster } from '../domain/cluster.ts';
import type { KubeObject } from '../domain/kube-object.ts';
import type { Capability, CheckCase, CheckProgress, SkipCode } from '../ports/check-runner.ts';
import type { KubeCluster, ListOptions, Patch, Resource } from '../ports/kube-cluster.ts';
import type { Clock } from '../support/clock.ts';
import type { ClusterFacts, Provider } from './cluster-facts.ts';
import type { CheckSettings } from './settings.ts';

export interface SkipReason {
  code: SkipCode;
  message: string;
  /** What the cluster lacks; a skip for something that the registry declares is a failure. */
  capability?: Capability;
}

/** The thing under test is broken: the message says what was expected and what was seen. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}

/** The wait ran out: what was waited for, and how it stood at the end. */
export class CheckTimedOut extends Error {
  override readonly name = 'CheckTimedOut';
}

/** Something took the check's own means away (its pod was evicted, its node deleted): no verdict, the check is run again. */
export class CheckInterrupted extends Error {
  override readonly name = 'CheckInterrupted';
}

/** What every check like it needs is not there, and will not be in a moment: no verdict, and no second try. */
export class CheckImpossible extends Error {
  override readonly name = 'CheckImpossible';
}

/** It passed in the end, and not at first: what was run again by the check itself. */
export class CheckFlaked extends Error {
  override readonly name = 'CheckFlaked';
}

/** Found out while running that the check cannot apply here (a policy that nobody enforces, say). */
export class CheckSkipped extends Error {
  override readonly name = 'CheckSkipped';
  readonly reason: SkipReason;

  constructor(reason: SkipReason) {
    super(reason.message);
    this.reason = reason;
  }
}

export type Area =
  | 'api'
  | 'security'
  | 'workload'
  | 'storage'
  | 'network'
  | 'dns'
  | 'autoscaling'
  | 'node'
  | 'observability'
  | 'rollout'
  | 'conformance'
  | 'custom';

export interface CheckContext {
  /** Everything created through it is in the ledger before it exists, and carries the run's labels. */
  readonly kube: KubeCluster;
  readonly cluster: Cluster;
  readonly settings: CheckSettings;
  /** What the cluster is and offers; read once a run. */
  readonly facts: ClusterFacts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The check's own namespace; created by `sandbox()`, removed by the runner whatever happens. */
  readonly namespace: string;
  readonly labels: Record<string, string>;
  /** Epoch ms: nodes made since then are new ones; undefined where no roll is under way. */
  readonly newSince?: number;
  /** New ones that have to be looked at: each is the first of its pool. */
  readonly newNodes: readonly string[];
  /** Short, the same for every check of the run: for names that leave the cluster (DNS). */
  readonly runKey: string;
  /** Creates the namespace with its labels and a quota, and waits until it is usable. */
  sandbox(options?: { podSecurity?: 'privileged' | 'baseline' | 'restricted'; pods?: number }): Promise<void>;
  /**
   * Waits until `judge` returns undefined for the listed objects (list, then watch); it returns what is still missing
   * otherwise. Throws CheckTimedOut with the last answer after `withinMs` of decision time.
   */
  until(
    what: string,
    resource: Resource,
    options: ListOptions,
    withinMs: number,
    judge: (items: KubeObject[]) => string | undefined,
  ): Promise<KubeObject[]>;
  /** Decision time passes. */
  pause(ms: number): Promise<void>;
  /** One assertion, for reports: its outcome, its time, and its error as the message. Errors pass through. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** An assertion that was looked at already: cells of a table. */
  note(name: string, outcome: 'pass' | 'fail' | 'skipped', message?: string): void;
  /** A measured value, `name` without the `clm_e2e_` prefix; times in seconds. */
  measure(name: string, value: number, labels?: Record<string, string>): void;
  /** An object that a controller makes for the check: cleaning up waits until it is gone. */
  follows(resource: Resource, namespace: string | undefined, name: string): Promise<void>;
  /**
   * From now on every object of the kind with these labels that was not there before was made on the check's behalf: it is deleted
   * when cleaning up. Cluster-wide kinds alone.
   */
  claimNew(resource: Resource, labelSelector: string): Promise<void>;
  /** How far it is, for people who wait. */
  progress(progress: CheckProgress): void;
  /** Tests that the check runs itself, for history. The same name again replaces what was said before. */
  cases(cases: readonly CheckCase[]): void;
  /** A file that is kept with the run: `name` is relative, without `..`. Never fails the check. */
  artifact(name: string, content: string | Uint8Array): Promise<void>;
  /** Changes something that is not the check's own; what takes it back is written down first, and done when cleaning up. */
  borrow(change: {
    resource: Resource;
    namespace?: string;
    name: string;
    patch: Patch;
    undo: Patch;
    note: string;
  }): Promise<void>;
}

export interface CheckDefinition {
  /** `area.name` */
  id: string;
  title: string;
  area: Area;
  gate: 'blocking' | 'informing';
  /** Alone on the cluster while it runs. */
  serial: boolean;
  disruptive: boolean;
  dependsOn: string[];
  requires: Capability[];
  /** Kinds without which it cannot ask: an old server, or one that is told so, does not serve all of them. */
  uses: Resource[];
  providers: 'any' | Provider[];
  /** Ready nodes that take a pod without special tolerations. */
  minNodes: number;
  minZones: number;
  /** Decision time a phase. */
  timeouts: { prepareMs: number; runMs: number; cleanupMs: number };
  /** How often a failure is run again before it counts. */
  retries: number;
  /** What running it costs. */
  cost: 'none' | 'small' | 'cloud';
  /** A guess, until history knows better; for the time that is left. */
  expectedMs: number;
  /** A reason not to run here; asked before anything is created. */
  plan?(context: CheckContext): Promise<SkipReason | undefined>;
  /** Resolves with one sentence of evidence; throws CheckFailed when the cluster is at fault. */
  run(context: CheckContext): Promise<string>;
}

type Optional = Partial<Omit<CheckDefinition, 'id' | 'title' | 'area' | 'run' | 'timeouts'>>;

/** A check with what most checks have; `withinMs` is the time for its run. */
export function defineCheck(
  parts: Pick<CheckDefinition, 'id' | 'title' | 'area' | 'run'> &
    Optional & { withinMs: number; prepareMs?: number; cleanupMs?: number },
): CheckDefinition {
  const { withinMs, prepareMs, cleanupMs, ...rest } = parts;
  return {
    gate: 'blocking',
    serial: false,
    disruptive: false,
    dependsOn: [],
    requires: [],
    uses: [],
    providers: 'any',
    minNodes: 0,
    minZones: 0,
    retries: 1,
    cost: 'none',
    expectedMs: Math.min(withinMs, 60_000),
    ...rest,
    timeouts: { prepareMs: prepareMs ?? 2 * 60_000, runMs: withinMs, cleanupMs: cleanupMs ?? 3 * 60_000 },
  };
}
