import type { CloudProvider, OwnedResource } from '../../ports/cloud-provider.ts';
import type { ScopedCall } from './scoped-call.ts';

const mostPages = 200;
/** DescribeTags takes no more load balancers at once. */
const tagBatch = 20;

type Tags = { Key?: string | undefined; Value?: string | undefined }[] | undefined;

export function createOwnedResourceCalls(call: ScopedCall): Pick<CloudProvider, 'ownedResources'> {
  return {
    async ownedResources(clusterId) {
      const key = `kubernetes.io/cluster/${clusterId}`;
      const owned = (tags: Tags): boolean => (tags ?? []).some((tag) => tag.Key === key && tag.Value === 'owned');
      const Filters = [{ Name: `tag:${key}`, Values: ['owned'] }];
      const volumes = await paged(
        (NextToken) => call('DescribeVolumes', { Filters, ...(NextToken === undefined ? {} : { NextToken }) }),
        (page) => [page.Volumes ?? [], page.NextToken],
      );
      const groups = await paged(
        (NextToken) => call('DescribeSecurityGroups', { Filters, ...(NextToken === undefined ? {} : { NextToken }) }),
        (page) => [page.SecurityGroups ?? [], page.NextToken],
      );
      const balancers = await paged(
        (Marker) => call('DescribeLoadBalancers', Marker === undefined ? {} : { Marker }),
        (page) => [page.LoadBalancers ?? [], page.NextMarker],
      );
      const arns = balancers.flatMap((one) => one.LoadBalancerArn ?? []);
      const classic = await paged(
        (Marker) => call('classic:DescribeLoadBalancers', Marker === undefined ? {} : { Marker }),
        (page) => [page.LoadBalancerDescriptions ?? [], page.NextMarker],
      );
      const names = classic.flatMap((one) => one.LoadBalancerName ?? []);
      const found: OwnedResource[] = [
        // asked of the tags again: a service that does not know a filter must not make a foreign volume ours
        ...volumes.filter((one) => owned(one.Tags)).map((one) => ({ kind: 'volume' as const, id: one.VolumeId ?? '' })),
        ...groups
          .filter((one) => owned(one.Tags))
          .map((one) => ({ kind: 'security group' as const, id: one.GroupId ?? '' })),
      ];
      for (const ResourceArns of batches(arns)) {
        for (const one of (await call('DescribeTags', { ResourceArns })).TagDescriptions ?? [])
          if (owned(one.Tags)) found.push({ kind: 'load balancer', id: one.ResourceArn ?? '' });
      }
      for (const LoadBalancerNames of batches(names)) {
        for (const one of (await call('classic:DescribeTags', { LoadBalancerNames })).TagDescriptions ?? [])
          if (owned(one.Tags)) found.push({ kind: 'load balancer', id: one.LoadBalancerName ?? '' });
      }
      return found;
    },
  };
}

async function paged<Page, Item>(
  read: (token: string | undefined) => Promise<Page>,
  parts: (page: Page) => [Item[], string | undefined],
): Promise<Item[]> {
  const all: Item[] = [];
  let token: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const [items, next] = parts(await read(token));
    all.push(...items);
    if (next === undefined || next === '') return all;
    token = next;
  }
  return all;
}

function batches(ids: string[]): string[][] {
  const result: string[][] = [];
  for (let at = 0; at < ids.length; at += tagBatch) result.push(ids.slice(at, at + tagBatch));
  return result;
}
