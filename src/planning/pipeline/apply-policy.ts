/** What a cluster allows applying to do: defaults, and what its config items say. */
import type { Cluster } from '../../domain/cluster.ts';
import { acceptedApiProblems } from '../kubernetes/accepted-apis.ts';
import { defaultDriftPolicy, driftSettings } from './cluster-drift.ts';
import { type ConflictPolicy, defaultConflictPolicy, parseConflictPolicy } from './conflicts.ts';
import { emptiedItem } from './prune.ts';
import { allowanceProblems } from './stack-guard.ts';

export interface ApplyPolicy {
  /** Stacks of the cluster and of etcd cannot be deleted while this holds. */
  terminationProtection: boolean;
  conflicts: ConflictPolicy;
  /** Whether what renders no more is deleted, and how much of it in one update. */
  prune: boolean;
  mostDeletions: number;
  /** Components that somebody lets disappear: until when (epoch ms), by name. */
  emptied: Readonly<Record<string, number>>;
}

export const defaultApplyPolicy: ApplyPolicy = {
  terminationProtection: true,
  conflicts: defaultConflictPolicy,
  prune: true,
  mostDeletions: 20,
  emptied: {},
};

interface Setting {
  expects: string;
  /** undefined when the value cannot be read. */
  apply(policy: ApplyPolicy, value: string): ApplyPolicy | undefined;
}

const settings: Record<string, Setting> = {
  stack_termination_protection: {
    expects: 'true or false',
    apply: (policy, value) =>
      value === 'true' || value === 'false' ? { ...policy, terminationProtection: value === 'true' } : undefined,
  },
  apply_conflicts: {
    expects: "force, leave or fail, and others by manager: 'force, helm=leave, argocd-controller=fail'",
    apply: (policy, value) => {
      const conflicts = parseConflictPolicy(value);
      return conflicts === undefined ? undefined : { ...policy, conflicts };
    },
  },
  prune: {
    expects: 'true or false',
    apply: (policy, value) =>
      value === 'true' || value === 'false' ? { ...policy, prune: value === 'true' } : undefined,
  },
  prune_max_deletions: {
    expects: 'a whole number from 0 to 500',
    apply: (policy, value) =>
      /^\d{1,3}$/.test(value) && Number(value) <= 500 ? { ...policy, mostDeletions: Number(value) } : undefined,
  },
  [emptiedItem]: {
    expects: `lines such as 'COMPONENT until 2027-01-31 by NAME: REASON'`,
    apply: (policy, value) => {
      const emptied = parseEmptied(value);
      return emptied === undefined ? undefined : { ...policy, emptied };
    },
  },
};

function parseEmptied(text: string): Record<string, number> | undefined {
  const emptied: Record<string, number> = {};
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '') continue;
    const match = /^(\S+) until (\d{4}-\d{2}-\d{2}) by \S+: \S.*$/.exec(line);
    const until = Date.parse(`${match?.[2] ?? ''}T23:59:59.999Z`);
    if (match === null || Number.isNaN(until)) return undefined;
    emptied[match[1] as string] = until;
  }
  return emptied;
}

const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** Values that cannot be read, each with what to write instead. */
export function applyItemProblems(items: Record<string, string>): { item: string; message: string; remedy: string }[] {
  const unread = Object.entries(settings).flatMap(([item, { expects, apply }]) => {
    const value = items[item];
    if (value === undefined || apply(defaultApplyPolicy, value) !== undefined) return [];
    return [{ item, message: `'${value}' is not a value of ${item}`, remedy: `write ${expects}` }];
  });
  const drift = Object.entries(driftSettings).flatMap(([item, { expects, apply }]) => {
    const value = items[item];
    if (value === undefined || apply(defaultDriftPolicy, value) !== undefined) return [];
    return [{ item, message: `'${value}' is not a value of ${item}`, remedy: `write ${expects}` }];
  });
  const bucket = items['files_bucket'];
  const wrongBucket =
    bucket === undefined || bucketName.test(bucket)
      ? []
      : [
          {
            item: 'files_bucket',
            message: `'${bucket}' is no name of a bucket`,
            remedy: 'write the name of an S3 bucket',
          },
        ];
  return [...unread, ...drift, ...wrongBucket, ...allowanceProblems(items), ...acceptedApiProblems(items)];
}

/** A value that cannot be read leaves its default, which is the careful one. */
export function applyPolicyOf(cluster: Pick<Cluster, 'configItems'> | undefined): ApplyPolicy {
  const items = cluster?.configItems ?? {};
  return Object.entries(settings).reduce((policy, [item, { apply }]) => {
    const value = items[item];
    return value === undefined ? policy : (apply(policy, value) ?? policy);
  }, defaultApplyPolicy);
}
