import type { RegistryStatus } from '../domain/registry-status.ts';

export type StatusWrite =
  | { kind: 'written' }
  /** The registry has no such cluster any more: nothing is left to tell. */
  | { kind: 'gone' };

/** A registry that keeps the status of its clusters. Throws FailureError (`registry-unreachable`, `registry-auth`, …). */
export interface RegistryStatusStore {
  /** What the registry had of each cluster at its last read, by cluster id; empty before one. */
  known(): ReadonlyMap<string, RegistryStatus>;
  /**
   * Reads the cluster's status, lets `change` make the next one, and writes it unless it is the same. A write between the two
   * by somebody else is noticed where the registry supports it, and the change is made again on what is there then.
   */
  update(clusterId: string, change: (known: RegistryStatus) => RegistryStatus): Promise<StatusWrite>;
}
