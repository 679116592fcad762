import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { AwsClients, AwsTarget } from './aws-clients.ts';
import { createCloudProvider } from './cloud-provider.ts';
import { createSdkCaller } from './sdk-caller.ts';

export interface AwsConnection extends AwsTarget {
  /** The process-wide cache of clients (createAwsClients). */
  clients: AwsClients;
  /** Wall time for one call with all its attempts, 60 s unless given. */
  callTimeoutMs?: number;
  /** Words for the user agent of the next call, so that CloudTrail tells for whom it was made: `rollout/<id>`. */
  userAgent?: () => string;
}

/** One account in one region. Cheap: clusters in the same account and region share clients, sockets and credentials. */
export function connectAws(connection: AwsConnection): CloudProvider {
  const { account, region, clients } = connection;
  const caller = createSdkCaller({
    clients: clients.clientsFor(connection),
    callTimeoutMs: connection.callTimeoutMs ?? 60_000,
    ...(connection.userAgent === undefined ? {} : { userAgent: connection.userAgent }),
  });
  return createCloudProvider({ account, region }, caller);
}
