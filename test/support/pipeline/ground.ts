/** What the clusters of a pipeline's world are made of: scripts in memory, or the simulator's model. */
import type { Cluster } from '../../../src/domain/cluster.ts';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import type { Engine } from '../../../src/engine/engine-options.ts';
import type { MachineModule } from '../../../src/machines/events.ts';
import type { CheckRunner } from '../../../src/ports/check-runner.ts';
import type { ClusterSessions } from '../../../src/ports/cluster-session.ts';
import type { Step } from '../../../src/ports/step.ts';
import type { Store } from '../../../src/ports/store.ts';
import type { Clock, VirtualClock } from '../../../src/support/clock.ts';
import type { CrashPoint } from '../crashing-store.ts';
import type { CommitContent } from './scripted-source.ts';

export interface SessionParts {
  /** The daemon's own idea of the time. */
  time: Clock;
  /** Of everything that it draws. */
  seed: number;
  /** Where it dies. */
  point?: CrashPoint;
}

export interface LifeParts extends SessionParts {
  store: Store;
  wake(processId: string): void;
}

/** What one life of a daemon has of the ground: how it reaches clusters, rolls their pools and checks them. */
export interface Life {
  sessions: ClusterSessions;
  machines: MachineModule[];
  steps: Record<string, Step>;
  runner: CheckRunner;
  /** Ends the engine and what it holds open. */
  stop(engine: Engine): Promise<void>;
}

export interface Ground {
  /** True time. */
  readonly clock: VirtualClock;
  /** How long it takes to come to rest after the last change. */
  readonly restMs: number;
  /** A cluster was added to the registry. */
  added(cluster: Cluster): void;
  render(cluster: Cluster, commit: string, content: CommitContent): RenderedCluster;
  /** Makes the cluster what it renders to; complete after `rest`. */
  settle(cluster: Cluster, rendered: RenderedCluster): Promise<void>;
  rest(): Promise<void>;
  sessions(parts: SessionParts): ClusterSessions;
  live(parts: LifeParts): Life;
  /** Whatever the last moment has set off runs to its end, as far as no time has to pass for it. */
  settled(engine: Engine | undefined): Promise<void>;
  /** What of the cluster is not as the content says, for people. */
  differences(cluster: Cluster, content: CommitContent): string[];
  /** Its API does not answer until the answer is called; undefined for one that is not there. */
  cutOff(id: string): (() => void) | undefined;
  /** It answers, and is not well. */
  makeSick(id: string): (() => void) | undefined;
  /** What checkers of the clusters themselves say of everything so far; asked once, when all has come to rest. */
  judge(): { checked: Record<string, number>; violations: string[] };
}
