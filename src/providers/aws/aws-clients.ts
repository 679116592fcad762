/** The SDK's clients: one set for each account and region, made when first used, on one pool of sockets. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { ACMClient } from '@aws-sdk/client-acm';
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { EC2Client } from '@aws-sdk/client-ec2';
import { EKSClient } from '@aws-sdk/client-eks';
import { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { NodeHttpHandler } from '@smithy/node-http-handler';

export interface AwsClientsOptions {
  /** Base URL of every service, for the simulator and for private endpoints; else AWS_ENDPOINT_URL and the SDK's own rules. */
  endpoint?: string;
  /** Added to the user agent of every call: `clm/<version>`. */
  userAgentSuffix: string;
  /** Wall time to connect, 5 s unless given. */
  connectTimeoutMs?: number;
  /** Wall time for one attempt, 20 s unless given. */
  requestTimeoutMs?: number;
  /** Attempts of a call that may be repeated, 4 unless given. */
  maxAttempts?: number;
  /** Sockets to one host at once, 64 unless given. */
  maxSockets?: number;
}

export interface AwsTarget {
  /** 12 digits. */
  account: string;
  region: string;
  /** Role to assume in that account; absent = the credentials of the standard chain. */
  assumeRoleArn?: string;
}

/** Clients of one account in one region; each is made at its first use. */
export interface AwsClientSet {
  account: string;
  region: string;
  autoScaling(): AutoScalingClient;
  /** Never repeats by itself. */
  autoScalingOnce(): AutoScalingClient;
  cloudFormation(): CloudFormationClient;
  classicLoadBalancing(): ElasticLoadBalancingClient;
  loadBalancing(): ElasticLoadBalancingV2Client;
  sts(): STSClient;
  ec2(): EC2Client;
  eks(): EKSClient;
  kms(): KMSClient;
  s3(): S3Client;
  acm(): ACMClient;
  /**
   * When the credentials end that nothing renews, after those in use were proven to be at hand. An assumed role is assumed anew as
   * long as the daemon's own credentials last, so the end of its sessions is none.
   */
  credentialsEnd(): Promise<Date | undefined>;
}

export interface AwsClients {
  clientsFor(target: AwsTarget): AwsClientSet;
  /** Ends all sockets; calls in flight fail. */
  close(): void;
}

interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration?: Date;
}

/** `session` gives the credentials of an assumed role, which may end before they said. */
function lazily<T>(
  made: { destroy(): void }[],
  make: () => T & { destroy(): void },
  session?: () => Promise<{ expiration?: Date }>,
): () => T {
  let value: (T & { destroy(): void }) | undefined;
  return () => {
    if (value === undefined) {
      value = addCallUserAgent(make());
      if (session !== undefined) addSessionRenewal(value, session);
      made.push(value);
    }
    return value;
  };
}

/** Words that one call adds to the user agent: clients are shared, but CloudTrail is to say for whom each call was made. */
export const callUserAgent = new AsyncLocalStorage<string>();

/** Appends the call's words after the SDK has written its own. */
function addCallUserAgent<C extends { destroy(): void }>(client: C): C {
  // All clients have the same middleware stack but for the union of their inputs.
  const { middlewareStack } = client as unknown as AutoScalingClient;
  middlewareStack.add(
    (next) => (args) => {
      const words = callUserAgent.getStore();
      const { headers } = args.request as { headers: Record<string, string> };
      if (words !== undefined && words !== '') headers['user-agent'] = `${headers['user-agent'] ?? ''} ${words}`.trim();
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'callUserAgent' },
  );
  return client;
}

const sessionEnded = /^(ExpiredToken|RequestExpired|TokenRefreshRequired)/;

/**
 * A session can end before its time: it was revoked, or the clocks differ. The SDK would go on with it until then, so what it
 * remembers is marked as ended, and the call, which had no effect, is made once more with a new session.
 */
function addSessionRenewal(client: unknown, session: () => Promise<{ expiration?: Date }>): void {
  const { middlewareStack } = client as AutoScalingClient;
  middlewareStack.add(
    (next) => async (args) => {
      const used = await session();
      try {
        return await next(args);
      } catch (error) {
        if (!(error instanceof Error) || !sessionEnded.test(error.name)) throw error;
        used.expiration = new Date(0);
        return next(args);
      }
    },
    { step: 'initialize', priority: 'low', name: 'sessionRenewal' },
  );
}

/** One endpoint for every service has no names of buckets in its DNS. */
function bucketsInPath({ endpoint }: AwsClientsOptions): { forcePathStyle: boolean } {
  return { forcePathStyle: (endpoint ?? process.env['AWS_ENDPOINT_URL']) !== undefined };
}

function commonConfig(options: AwsClientsOptions) {
  return {
    retryMode: 'adaptive' as const,
    maxAttempts: options.maxAttempts ?? 4,
    customUserAgent: options.userAgentSuffix,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
  };
}

/** The cache of client sets. Making it opens no socket and reads no credentials. */
export function createAwsClients(options: AwsClientsOptions): AwsClients {
  const agentOptions = { keepAlive: true, maxSockets: options.maxSockets ?? 64, scheduling: 'lifo' as const };
  const requestHandler = new NodeHttpHandler({
    connectionTimeout: options.connectTimeoutMs ?? 5_000,
    requestTimeout: options.requestTimeoutMs ?? 20_000,
    // Without this the SDK only warns about a breach.
    throwOnRequestTimeout: true,
    httpAgent: new HttpAgent(agentOptions),
    httpsAgent: new HttpsAgent(agentOptions),
  });
  const made: { destroy(): void }[] = [];
  const sets = new Map<string, AwsClientSet>();

  const configFor = (region: string) => ({ ...commonConfig(options), region, requestHandler });

  /** The SDK remembers what this returns until shortly before it expires. */
  function assumeRole(own: () => STSClient, roleArn: string): () => Promise<Credentials> {
    return async () => {
      const { Credentials: given } = await own().send(
        new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'clm' }),
      );
      if (given?.AccessKeyId === undefined || given.SecretAccessKey === undefined || given.SessionToken === undefined) {
        throw new Error(`AssumeRole ${roleArn} answered without credentials`);
      }
      return {
        accessKeyId: given.AccessKeyId,
        secretAccessKey: given.SecretAccessKey,
        sessionToken: given.SessionToken,
        ...(given.Expiration === undefined ? {} : { expiration: given.Expiration }),
      };
    };
  }

  function makeSet(target: AwsTarget): AwsClientSet {
    // One memory of the assumed role for all clients of the set: the first client to be made resolves it for the others.
    const roleOf = target.assumeRoleArn;
    const own = lazily(made, () => new STSClient(configFor(target.region)));
    const role =
      roleOf === undefined
        ? undefined
        : new STSClient({ ...configFor(target.region), credentials: assumeRole(own, roleOf) });
    if (role !== undefined) {
      addSessionRenewal(role, () => role.config.credentials());
      made.push(role);
    }
    const config = {
      ...configFor(target.region),
      ...(role === undefined ? {} : { credentials: role.config.credentials }),
    };
    const client = <T>(make: () => T & { destroy(): void }): (() => T) =>
      lazily(made, make, role === undefined ? undefined : () => role.config.credentials());
    return {
      account: target.account,
      region: target.region,
      autoScaling: client(() => new AutoScalingClient(config)),
      autoScalingOnce: client(() => new AutoScalingClient({ ...config, maxAttempts: 1 })),
      cloudFormation: client(() => new CloudFormationClient(config)),
      classicLoadBalancing: client(() => new ElasticLoadBalancingClient(config)),
      loadBalancing: client(() => new ElasticLoadBalancingV2Client(config)),
      sts: role === undefined ? own : () => role,
      ec2: client(() => new EC2Client(config)),
      eks: client(() => new EKSClient(config)),
      kms: client(() => new KMSClient(config)),
      s3: client(() => new S3Client({ ...config, ...bucketsInPath(options) })),
      acm: client(() => new ACMClient(config)),
      credentialsEnd: async () => {
        if (role !== undefined) await role.config.credentials();
        return (await own().config.credentials()).expiration;
      },
    };
  }

  return {
    clientsFor(target) {
      const key = `${target.account}/${target.region}/${target.assumeRoleArn ?? ''}`;
      const known = sets.get(key);
      if (known !== undefined) return known;
      const set = makeSet(target);
      sets.set(key, set);
      return set;
    },
    close() {
      for (const client of made) client.destroy();
      requestHandler.destroy();
      made.length = 0;
      sets.clear();
    },
  };
}
