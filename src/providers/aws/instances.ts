import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { ScopedCall } from './scoped-call.ts';

/** EC2 takes no more values of one filter. */
const mostFiltered = 200;

export function createInstanceCalls(call: ScopedCall): Pick<CloudProvider, 'instanceAddresses'> {
  return {
    async instanceAddresses(ids) {
      const addresses = new Map<string, string>();
      for (let at = 0; at < ids.length; at += mostFiltered) {
        // by filter: to name one that is gone would have the whole call refused
        const filter = { Name: 'instance-id', Values: ids.slice(at, at + mostFiltered) };
        const { Reservations = [] } = await call('DescribeInstances', { Filters: [filter] });
        for (const { InstanceId, PrivateIpAddress } of Reservations.flatMap((one) => one.Instances ?? []))
          if (InstanceId !== undefined && PrivateIpAddress !== undefined) addresses.set(InstanceId, PrivateIpAddress);
      }
      return addresses;
    },
  };
}
