import type { Cluster } from '../domain/cluster.ts';
import type { KubeObject } from '../domain/kube-object.ts';
import type { SkipCode } from '../ports/check-runner.ts';
import type { KubeCluster, ListOptions, Resource } from '../ports/kube-cluster.ts';
import type { Clock } from '../support/clock.ts';

export interface SkipReason {
  code: SkipCode;
  message: string;
}

/** The thing under test is broken: the message says what was expected and what was seen. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}

/** The wait ran out: what was waited for, and how it stood at the end. */
export class CheckTimedOut extends Error {
  override readonly name = 'CheckTimedOut';
}

export interface CheckContext {
  readonly kube: KubeCluster;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The check's own namespace; created by `sandbox()`, removed by the runner whatever happens. */
  readonly namespace: string;
  readonly labels: Record<string, string>;
  /** Creates the namespace with its labels and waits until it is usable. */
  sandbox(): Promise<void>;
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
}

export interface CheckDefinition {
  /** `area.name` */
  id: string;
  title: string;
  gate: 'blocking' | 'informing';
  /** Alone on the cluster while it runs. */
  serial: boolean;
  disruptive: boolean;
  dependsOn: string[];
  /** Decision time allowed for the check, cleaning up apart. */
  timeoutMs: number;
  /** A reason not to run here; asked before anything is created. */
  plan?(context: CheckContext): Promise<SkipReason | undefined>;
  /** Resolves with one sentence of evidence; throws CheckFailed when the cluster is at fault. */
  run(context: CheckContext): Promise<string>;
}
