import type { ClusterCore } from './cluster-core.ts';
import type { ContainerProcess } from './container-process.ts';
import { probeProblem } from './health-checks.ts';
import { isSidecar, type Probe } from './kinds.ts';

const unreadyNodeRetryMs = 10_000;

/** The kubelet, as the probes of its containers use it. */
export interface ProbedBy {
  readonly core: ClusterCore;
  readonly nodeName: string;
  setReady(process: ContainerProcess, ready: boolean): void;
  exited(process: ContainerProcess, code: number, message: string | undefined): void;
}

/** An init container is never ready while it runs, unless it is a sidecar. */
export function staysUp(process: ContainerProcess): boolean {
  return !process.init || isSidecar(process.container);
}

/** Readiness and liveness of one kubelet's containers: asked when their answer may have changed. */
export class ContainerProbes {
  readonly #kubelet: ProbedBy;

  constructor(kubelet: ProbedBy) {
    this.#kubelet = kubelet;
  }

  /** Acts on what the probes say now; when to look again, epoch ms, if at a known time. */
  observe(process: ContainerProcess): number | undefined {
    const { readinessProbe, livenessProbe } = process.container;
    const now = this.#kubelet.core.clock.now();
    let next: number | undefined;
    const again = (at: number | undefined): void => {
      if (at !== undefined && at > now && (next === undefined || at < next)) next = at;
    };
    if (livenessProbe) again(this.#observeLiveness(process, livenessProbe));
    if (process.ended) return undefined;
    if (readinessProbe) again(this.#observeReadiness(process, readinessProbe));
    else if (!process.ready && process.upAt !== undefined && staysUp(process)) again(this.#becomeReady(process));
    if (readinessProbe || livenessProbe) {
      again(process.upAt);
      again(process.program.nextChangeAt?.(process));
    }
    return next;
  }

  /** When to look again, if at a known time. */
  #observeReadiness(process: ContainerProcess, probe: Probe): number | undefined {
    const now = this.#kubelet.core.clock.now();
    const firstAt = process.startedAt + (probe.initialDelaySeconds ?? 0) * 1000;
    if (now < firstAt) return firstAt;
    const good = probeProblem(this.#kubelet.core.runtime, process, probe) === undefined;
    if (good === process.ready) {
      process.readinessTurnedAt = undefined;
      return undefined;
    }
    process.readinessTurnedAt ??= now;
    const rounds = (good ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3)) - 1;
    const turnsAt = process.readinessTurnedAt + rounds * (probe.periodSeconds ?? 10) * 1000;
    if (now < turnsAt) return turnsAt;
    if (good) return this.#becomeReady(process);
    process.readinessTurnedAt = undefined;
    this.#kubelet.setReady(process, false);
    return undefined;
  }

  #becomeReady(process: ContainerProcess): number | undefined {
    if (this.#kubelet.core.faults.unreadyNodes.has(this.#kubelet.nodeName))
      return this.#kubelet.core.clock.now() + unreadyNodeRetryMs;
    process.readinessTurnedAt = undefined;
    this.#kubelet.setReady(process, true);
    return undefined;
  }

  #observeLiveness(process: ContainerProcess, probe: Probe): number | undefined {
    const now = this.#kubelet.core.clock.now();
    const startup = process.container.startupProbe;
    const allowance = startup ? (startup.failureThreshold ?? 3) * (startup.periodSeconds ?? 10) * 1000 : 0;
    const firstAt = process.startedAt + (probe.initialDelaySeconds ?? 0) * 1000 + allowance;
    if (now < firstAt) return firstAt;
    if (probeProblem(this.#kubelet.core.runtime, process, probe) === undefined) {
      process.livenessFailedAt = undefined;
      return undefined;
    }
    process.livenessFailedAt ??= now;
    const deadline =
      process.livenessFailedAt + Math.max(0, (probe.failureThreshold ?? 3) - 1) * (probe.periodSeconds ?? 10) * 1000;
    if (now < deadline) return deadline;
    this.#kubelet.exited(process, 137, undefined);
    return undefined;
  }
}
