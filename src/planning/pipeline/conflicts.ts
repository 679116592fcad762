/** What is done about fields that other managers own: taken over, left to them, or an error, as the cluster says. */
import type { FieldConflict } from '../../domain/apply-conflict.ts';

export const conflictActions = ['force', 'leave', 'fail'] as const;
export type ConflictAction = (typeof conflictActions)[number];

export interface ConflictPolicy {
  /** For managers that are not named. */
  otherwise: ConflictAction;
  /** By field manager. */
  managers: Readonly<Record<string, ConflictAction>>;
}

/**
 * What the configuration says is what is wanted, also where somebody used kubectl; but numbers that controllers keep setting
 * (replicas of autoscalers) are theirs.
 */
export const defaultConflictPolicy: ConflictPolicy = {
  otherwise: 'force',
  managers: { 'kube-controller-manager': 'leave', 'vpa-updater': 'leave' },
};

/** `force`, or `fail, kubectl-edit=force, helm=leave`: undefined when it cannot be read. */
export function parseConflictPolicy(text: string): ConflictPolicy | undefined {
  const known = (word: string): word is ConflictAction => (conflictActions as readonly string[]).includes(word);
  let { otherwise } = defaultConflictPolicy;
  const managers: Record<string, ConflictAction> = { ...defaultConflictPolicy.managers };
  for (const part of text.split(',').map((each) => each.trim())) {
    const at = part.lastIndexOf('=');
    const word = part.slice(at + 1).trim();
    if (!known(word)) return undefined;
    if (at < 0) otherwise = word;
    else managers[part.slice(0, at).trim()] = word;
  }
  return { otherwise, managers };
}

export type Resolution = Record<ConflictAction, FieldConflict[]>;

export function resolveConflicts(conflicts: readonly FieldConflict[], policy: ConflictPolicy): Resolution {
  const resolution: Resolution = { force: [], leave: [], fail: [] };
  for (const conflict of conflicts) {
    resolution[policy.managers[conflict.manager] ?? policy.otherwise].push(conflict);
  }
  return resolution;
}
