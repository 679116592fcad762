/** What templates may ask of a node pool beside what the registry says of it: the original's names, and its leniency. */
import { parse } from 'yaml';
import type { NodePool } from '../domain/cluster.ts';
import { GoStruct, type GoValue } from './gotemplate/value.ts';

/** Taints of a config item: `key=value:Effect` or `key:Effect`, with commas between; what is neither is left out. */
export function taintsOf(item: string | undefined): readonly GoStruct[] {
  return (item ?? '').split(',').flatMap((text) => {
    const match = /^([^=:\s]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text.trim());
    if (match === null) return [];
    const [, key = '', value = '', effect = ''] = match;
    return [new GoStruct('*v1.Taint', { Key: key, Value: value, Effect: effect })];
  });
}

/** Node requirements of a config item: a YAML list of {key, operator, values}; none where it is no such list. */
export function requirementsOf(item: string | undefined): readonly GoValue[] {
  if (item === undefined || item === '') return [];
  let list: unknown;
  try {
    list = parse(item);
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((one: unknown) => {
    if (typeof one !== 'object' || one === null) return [];
    const { key, operator, values } = one as Record<string, unknown>;
    if (typeof key !== 'string' || typeof operator !== 'string') return [];
    const texts = Array.isArray(values) ? values.map(String) : [];
    return [new GoStruct('NodeSelectorRequirement', { Key: key, Operator: operator, Values: texts })];
  });
}

export function instanceTypeStrategy({ instanceTypes }: Pick<NodePool, 'instanceTypes'>): string {
  const [first] = instanceTypes;
  if (first === undefined || first === 'not-specified') return 'not-specified';
  return instanceTypes.length === 1 && first === 'default-for-karpenter' ? 'default-for-karpenter' : 'custom';
}
