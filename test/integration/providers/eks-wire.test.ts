/** EKS as the real SDK sees it, and its API servers as clm reaches them. */
import {
  CreateClusterCommand,
  DeleteClusterCommand,
  DescribeUpdateCommand,
  EKSClient,
  ListClustersCommand,
  UpdateClusterVersionCommand,
  waitUntilClusterActive,
} from '@aws-sdk/client-eks';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClusterAccess } from '../../../src/daemon/cluster-access.ts';
import type { Cluster } from '../../../src/domain/cluster.ts';
import { FailureError } from '../../../src/domain/failure.ts';
import { createAwsClients } from '../../../src/providers/aws/aws-clients.ts';
import { createEksTokens } from '../../../src/providers/aws/eks-tokens.ts';
import { World } from '../../../src/simulator/model/world.ts';
import { eksTokenRefusal } from '../../../src/simulator/wire/eks-token.ts';
import { type ServedWorld, serveWorld } from '../../../src/simulator/wire/serve.ts';
import { ScaledClock } from '../../../src/support/clock.ts';
import { contractAccount, contractNetwork, contractRegion } from '../../support/contract/contract-world.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

const cluster: Cluster = { ...sampleCluster, alias: 'shop-eks', provider: 'zalando-eks' };
const account = {
  id: cluster.infrastructureAccount,
  name: 'shop',
  owner: 'shop',
  environment: 'test' as const,
  lifecycleStatus: 'ready' as const,
  assumeRoleArn: `arn:aws:iam::${contractAccount}:role/clm`,
};
const failure = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it worked',
    (error: unknown) => (error instanceof FailureError ? error.failure.code : (error as Error).name),
  );

const epoch = (): number => new ScaledClock(0, 1).now();

let served: ServedWorld;
let world: World;
let eks: EKSClient;
let access: ReturnType<typeof createClusterAccess>;

beforeAll(async () => {
  const clock = new ScaledClock(epoch(), 3_000);
  world = new World({ seed: 1, startMs: Math.floor(clock.now()) });
  served = await serveWorld({ world, host: '127.0.0.1', port: 0, clock });
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: `AKIA${contractAccount}`, AWS_SECRET_ACCESS_KEY: 'any' });
  eks = new EKSClient({ region: contractRegion, endpoint: served.awsEndpoint });
  access = createClusterAccess({
    providers: { aws: { endpoint: served.awsEndpoint }, kubernetes: { token: 'of nobody' } },
    version: 'test',
    accounts: () => [account],
    rolloutOf: () => undefined,
    report: { aws: () => {}, kube: () => {} },
  });
});
afterAll(async () => {
  access.close();
  eks.destroy();
  await served.stop();
});

const active = () =>
  waitUntilClusterActive({ client: eks, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { name: 'shop-eks' });
const update = (version: string) => eks.send(new UpdateClusterVersionCommand({ name: 'shop-eks', version }));

describe('an EKS cluster over the wire', () => {
  it('has no API before its control plane is there, then lets in who holds a token of its account and its name', async () => {
    const kube = access.connectKube(cluster);
    expect(await failure(kube.raw('/version'))).toBe('kube-unreachable');
    await eks.send(
      new CreateClusterCommand({
        name: 'shop-eks',
        version: '1.33',
        roleArn: 'arn:aws:iam::1:role/eks',
        resourcesVpcConfig: { subnetIds: contractNetwork().subnets },
        tags: { [`kubernetes.io/cluster/${cluster.id}`]: 'owned' },
      }),
    );
    expect(await failure(kube.raw('/version'))).toBe('kube-unreachable');
    await active();
    expect(await access.connectCloud(cluster).describeControlPlane('shop-eks')).toMatchObject({
      status: 'ACTIVE',
      version: '1.33',
      endpoint: expect.stringContaining(cluster.id) as string,
      certificateAuthority: expect.stringMatching(/^[\w+/=]+$/) as string,
    });
    const { status, body } = await kube.raw('/version');
    expect([status, (JSON.parse(body) as { gitVersion: string }).gitVersion]).toEqual([200, 'v1.33.3-eks-133f00']);
    expect((await eks.send(new ListClustersCommand({}))).clusters).toEqual(['shop-eks']);
    const nobody = { ...cluster, provider: 'aws', apiServerUrl: served.kubeUrl(cluster.id) };
    expect((await access.connectKube(nobody).raw('/version')).status).toBe(401);
    expect(
      (
        await access
          .connectKube({ ...cluster, configItems: { eks_cluster_name: 'other' } })
          .raw('/version')
          .catch(() => ({ status: 0 }))
      ).status,
    ).toBe(0);
    kube.close();
  });

  it('goes up one minor at a time while its API serves, and is gone with its API', async () => {
    const kube = access.connectKube(cluster);
    expect(await failure(update('1.35'))).toBe('InvalidParameterException');
    expect(await failure(update('1.32'))).toBe('InvalidParameterException');
    const begun = (await update('1.34')).update;
    expect(await failure(update('1.34'))).toBe('ResourceInUseException');
    expect((await kube.raw('/version')).body).toContain('v1.33');
    await active();
    const ended = await eks.send(new DescribeUpdateCommand({ name: 'shop-eks', updateId: begun?.id }));
    expect(ended.update?.status).toBe('Successful');
    expect((await kube.raw('/version')).body).toContain('v1.34');
    await eks.send(new DeleteClusterCommand({ name: 'shop-eks' }));
    expect(await failure(kube.raw('/version'))).toBe('kube-unreachable');
    kube.close();
  });
});

describe('a token of EKS', () => {
  it('is made again before it ends, and opens one cluster for a quarter of an hour', async () => {
    const clients = createAwsClients({ endpoint: served.awsEndpoint, userAgentSuffix: 'clm/test' });
    const set = clients.clientsFor({
      account: contractAccount,
      region: contractRegion,
      assumeRoleArn: account.assumeRoleArn,
    });
    const tokens = createEksTokens(set, 'shop-eks');
    const token = await tokens.current();
    expect(await tokens.current()).toBe(token);
    const { accessKeyId } = await set.sts().config.credentials();
    const judge = {
      name: 'shop-eks',
      account: contractAccount,
      now: epoch(),
      secretOf: (key: string) => world.aws.sessionSecret(key),
    };
    expect(judge.secretOf(accessKeyId)).toBeDefined();
    expect(eksTokenRefusal(token, judge)).toBeUndefined();
    expect(eksTokenRefusal(token, { ...judge, name: 'another' })).toBe('the signature does not match');
    expect(eksTokenRefusal(token, { ...judge, account: '210987654321' })).toMatch(/has no access entry/);
    expect(eksTokenRefusal(token, { ...judge, now: judge.now + 14 * 60_000 })).toBeUndefined();
    expect(eksTokenRefusal(token, { ...judge, now: judge.now + 15 * 60_000 })).toBe('the token has ended');
    expect(eksTokenRefusal('of nobody', judge)).toBe('no token of AWS');
    tokens.forget();
    const session = new STSClient({ region: contractRegion, endpoint: served.awsEndpoint });
    await session.send(new AssumeRoleCommand({ RoleArn: account.assumeRoleArn, RoleSessionName: 'other' }));
    expect(eksTokenRefusal(await tokens.current(), { ...judge, now: epoch() })).toBeUndefined();
    session.destroy();
    clients.close();
  });
});
