/** How much an instance counts, and on which market the next one is bought: mixed instances policies. */
import { isCounted, type Member, type ScalingGroup } from './scaling-group.ts';

/** Units of capacity that an instance of this type is worth. */
export function weightOfType(group: ScalingGroup, instanceType: string): number {
  const weight = group.mixed?.overrides.find((each) => each.instanceType === instanceType)?.weight;
  return weight === undefined ? 1 : Number(weight);
}

export function weightOf(group: ScalingGroup, member: Member): number {
  return weightOfType(group, member.instance.instanceType);
}

/** Units that count against desired. */
export function capacityOf(group: ScalingGroup): number {
  let units = 0;
  for (const member of group.members.values()) if (isCounted(member)) units += weightOf(group, member);
  return units;
}

export type Market = 'OnDemand' | 'Spot';

/** On demand up to the base, then by percentage; everything is on demand without a distribution. */
export function nextMarket(group: ScalingGroup): Market {
  const distribution = group.mixed?.distribution ?? {};
  const base = Number(distribution['OnDemandBaseCapacity'] ?? 0);
  const share = Number(distribution['OnDemandPercentageAboveBaseCapacity'] ?? 100);
  if (share >= 100) return 'OnDemand';
  let onDemand = 0;
  let total = 0;
  for (const member of group.members.values()) {
    if (!isCounted(member)) continue;
    const weight = weightOf(group, member);
    total += weight;
    if (!member.instance.spot) onDemand += weight;
  }
  const above = Math.max(0, total + 1 - base);
  const wanted = Math.min(total + 1, base) + Math.ceil((above * share) / 100);
  return onDemand < wanted ? 'OnDemand' : 'Spot';
}
