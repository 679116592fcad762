/** What a cluster allows applying to do: defaults, and what its config items say. */
import type { Cluster } from '../../domain/cluster.ts';
import { allowanceProblems } from './stack-guard.ts';

export interface ApplyPolicy {
  /** Stacks of the cluster and of etcd cannot be deleted while this holds. */
  terminationProtection: boolean;
}

export const defaultApplyPolicy: ApplyPolicy = { terminationProtection: true };

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
};

const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** Values that cannot be read, each with what to write instead. */
export function applyItemProblems(items: Record<string, string>): { item: string; message: string; remedy: string }[] {
  const unread = Object.entries(settings).flatMap(([item, { expects, apply }]) => {
    const value = items[item];
    if (value === undefined || apply(defaultApplyPolicy, value) !== undefined) return [];
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
  return [...unread, ...wrongBucket, ...allowanceProblems(items)];
}

/** A value that cannot be read leaves its default, which is the careful one. */
export function applyPolicyOf(cluster: Pick<Cluster, 'configItems'> | undefined): ApplyPolicy {
  const items = cluster?.configItems ?? {};
  return Object.entries(settings).reduce((policy, [item, { apply }]) => {
    const value = items[item];
    return value === undefined ? policy : (apply(policy, value) ?? policy);
  }, defaultApplyPolicy);
}
