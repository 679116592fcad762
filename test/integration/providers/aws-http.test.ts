import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FailureError } from '../../../src/domain/failure.ts';
import type { CloudProvider } from '../../../src/ports/cloud-provider.ts';
import { type AwsClients, type AwsClientsOptions, createAwsClients } from '../../../src/providers/aws/aws-clients.ts';
import { type AwsConnection, connectAws } from '../../../src/providers/aws/connect-aws.ts';
import { type Answer, type FakeApiServer, startFakeApiServer } from './fake-api-server.ts';

let server: FakeApiServer | undefined;
let clients: AwsClients | undefined;
let environment: NodeJS.ProcessEnv;

beforeEach(() => {
  environment = { ...process.env };
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'AKIA123456789012',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/nowhere/config',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere/credentials',
  });
});

afterEach(async () => {
  process.env = environment;
  clients?.close();
  await server?.close();
  clients = undefined;
  server = undefined;
});

type Reply = (parameters: URLSearchParams, count: number) => { status: number; body: string } | 'silence' | 'reset';

async function serve(
  reply: Reply,
  options: Partial<AwsClientsOptions> = {},
  connection: Partial<AwsConnection> = {},
): Promise<{ server: FakeApiServer; cloud: CloudProvider; again: () => CloudProvider }> {
  const answer: Answer = (request, response, count) => {
    const result = reply(new URLSearchParams(request.body), count);
    if (result === 'silence') return;
    if (result === 'reset') response.socket?.destroy();
    else response.writeHead(result.status, { 'content-type': 'text/xml' }).end(result.body);
  };
  const started = await startFakeApiServer(answer);
  server = started;
  const made = createAwsClients({ endpoint: started.url, userAgentSuffix: 'clm/test', ...options });
  clients = made;
  const again = () => connectAws({ clients: made, account: '123456789012', region: 'eu-central-1', ...connection });
  return { server: started, cloud: again(), again };
}

const ok = (action: string, result = '') => ({
  status: 200,
  body: `<${action}Response><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${action}Response>`,
});
const refuse = (status: number, code: string, message: string) => ({
  status,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
});
const identity = ok(
  'GetCallerIdentity',
  '<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/clm</Arn>',
);

const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => (error instanceof FailureError ? error.failure : error),
  );

describe('the SDK binding of AWS', () => {
  it('keeps one connection for many calls and for all clusters of an account', async () => {
    const { server, cloud, again } = await serve(() => identity);
    for (let i = 0; i < 10; i += 1) await cloud.callerIdentity();
    expect(await again().callerIdentity()).toEqual({
      account: '123456789012',
      region: 'eu-central-1',
      arn: 'arn:aws:iam::123456789012:user/clm',
    });
    expect(server.connections()).toBe(1);
  });

  it('says in the user agent who calls, and for whom', async () => {
    const { server, cloud } = await serve(() => identity, {}, { userAgent: () => 'rollout/dev:abc' });
    await cloud.callerIdentity();
    const agent = server.received[0]?.headers['user-agent'] ?? '';
    expect(agent).toContain('clm/test');
    expect(agent).toMatch(/ rollout\/dev:abc$/);
  });

  it('repeats a read that was throttled or met a server error, up to its bound', async () => {
    const { server, cloud } = await serve((_, count) =>
      count < 2 ? refuse(500, 'InternalFailure', 'oops') : identity,
    );
    await cloud.callerIdentity();
    expect(server.received).toHaveLength(3);
  });

  it('gives up after its attempts', async () => {
    const { server, cloud } = await serve(() => refuse(503, 'ServiceUnavailable', 'oops'), { maxAttempts: 2 });
    expect(await failing(cloud.callerIdentity())).toMatchObject({ kind: 'transient', code: 'aws-server-error' });
    expect(server.received).toHaveLength(2);
  });

  it.each(['reset', 'error'])('never repeats a termination or a new desired capacity by itself (%s)', async (how) => {
    const group = ok(
      'DescribeAutoScalingGroups',
      '<AutoScalingGroups><member><AutoScalingGroupName>g</AutoScalingGroupName><DesiredCapacity>2</DesiredCapacity><MinSize>1</MinSize><MaxSize>5</MaxSize></member></AutoScalingGroups>',
    );
    const { server, cloud } = await serve((parameters) => {
      if (parameters.get('Action') === 'DescribeAutoScalingGroups') return group;
      return how === 'reset' ? 'reset' : refuse(500, 'InternalFailure', 'oops');
    });
    await failing(cloud.terminateInstance('i-1', { decrement: true }));
    await failing(cloud.raiseDesired('g', 2, 3));
    const actions = server.received.map((request) => new URLSearchParams(request.body).get('Action'));
    expect(actions).toEqual(['TerminateInstanceInAutoScalingGroup', 'DescribeAutoScalingGroups', 'SetDesiredCapacity']);
  });

  it('fails as unreachable when nobody listens', async () => {
    const { server, cloud } = await serve(() => identity, { maxAttempts: 1 });
    await server.close();
    expect(await failing(cloud.callerIdentity())).toMatchObject({ kind: 'transient', code: 'aws-unreachable' });
  });

  it('fails as timed out when no answer comes, whichever limit is shorter', async () => {
    const short = await serve(() => 'silence', { requestTimeoutMs: 60, maxAttempts: 1 });
    expect(await failing(short.cloud.callerIdentity())).toMatchObject({ kind: 'transient', code: 'aws-timeout' });
    await short.server.close();
    const patient = await serve(() => 'silence', {}, { callTimeoutMs: 60 });
    expect(await failing(patient.cloud.callerIdentity())).toMatchObject({
      code: 'aws-timeout',
      message: expect.stringContaining('60 ms'),
    });
  });

  it('names the call, the object, account and region in a failure, but no secret', async () => {
    const { cloud } = await serve(() => refuse(400, 'ValidationError', 'Instance Id not found'));
    const failure = await failing(cloud.terminateInstance('i-1', { decrement: true }));
    expect(failure).toMatchObject({ code: 'aws-not-found' });
    expect(JSON.stringify(failure)).toContain(
      'TerminateInstanceInAutoScalingGroup instance i-1 in account 123456789012 eu-central-1',
    );
    expect(JSON.stringify(failure)).not.toContain('secret');
  });

  it('fails when there are no credentials', async () => {
    for (const key of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) delete process.env[key];
    const { cloud } = await serve(() => identity);
    expect(await failing(cloud.callerIdentity())).toMatchObject({ kind: 'transient', code: 'aws-unauthorized' });
    expect(await failing(cloud.credentialsExpireAt())).toMatchObject({ code: 'aws-unauthorized' });
  });

  it('does not take the page of a proxy for an answer', async () => {
    const { cloud } = await serve(() => ({ status: 200, body: '<html><body>Please log in' }), { maxAttempts: 1 });
    expect(await failing(cloud.describeStack('s'))).toMatchObject({ kind: 'transient', code: 'aws-server-error' });
  });

  it('honours AWS_ENDPOINT_URL without an endpoint of its own', async () => {
    const started = await startFakeApiServer((_, response) => response.writeHead(200).end(identity.body));
    server = started;
    process.env['AWS_ENDPOINT_URL'] = started.url;
    clients = createAwsClients({ userAgentSuffix: 'clm/test' });
    const cloud = connectAws({ clients, account: '123456789012', region: 'eu-central-1' });
    expect(await cloud.callerIdentity()).toMatchObject({ account: '123456789012' });
  });
});

describe('an assumed role', () => {
  const assumed = (expiration: string) =>
    ok(
      'AssumeRole',
      `<Credentials><AccessKeyId>ASIA999</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${expiration}</Expiration></Credentials>`,
    );
  const role = { assumeRoleArn: 'arn:aws:iam::999999999999:role/clm' };

  it('is assumed once for all services of its account, and its credentials sign the calls', async () => {
    const { server, cloud } = await serve(
      (parameters) => (parameters.get('Action') === 'AssumeRole' ? assumed('2999-01-01T00:00:00Z') : identity),
      {},
      role,
    );
    await cloud.callerIdentity();
    await failing(cloud.describeStack('s'));
    await cloud.callerIdentity();
    const assumptions = server.received.filter((request) => request.body.includes('Action=AssumeRole'));
    expect(assumptions).toHaveLength(1);
    expect(new URLSearchParams(assumptions[0]?.body).get('RoleArn')).toBe(role.assumeRoleArn);
    expect(assumptions[0]?.headers.authorization).toContain('Credential=AKIA123456789012/');
    expect(server.received.at(-1)?.headers.authorization).toContain('Credential=ASIA999/');
  });

  it('that may not be assumed is a failure that waits for a person', async () => {
    const { cloud } = await serve(
      () => refuse(403, 'AccessDenied', 'User is not authorized to perform: sts:AssumeRole'),
      {},
      role,
    );
    expect(await failing(cloud.callerIdentity())).toMatchObject({ kind: 'terminal', code: 'aws-unauthorized' });
    expect(await failing(cloud.credentialsExpireAt())).toMatchObject({ kind: 'terminal', code: 'aws-unauthorized' });
  });

  it('ends with the credentials that it is assumed with, as it is assumed anew until then', async () => {
    const reply: Reply = (parameters) =>
      parameters.get('Action') === 'AssumeRole' ? assumed('2998-01-01T00:00:00Z') : identity;
    const lasting = await serve(reply, {}, role);
    expect(await lasting.cloud.credentialsExpireAt()).toBeUndefined();
    await lasting.server.close();
    process.env['AWS_CREDENTIAL_EXPIRATION'] = '2999-01-01T00:00:00Z';
    const ending = await serve(reply, {}, role);
    expect(await ending.cloud.credentialsExpireAt()).toBe(Date.UTC(2999, 0, 1));
    // It says nothing of credentials that it did not see work.
    expect(ending.server.received.filter((request) => request.body.includes('Action=AssumeRole'))).toHaveLength(1);
  });

  it('whose session ends before it said is assumed anew, and the call is made once more', async () => {
    let sessions = 0;
    const { server, cloud } = await serve(
      (parameters) => {
        if (parameters.get('Action') !== 'AssumeRole')
          return sessions === 1 ? refuse(403, 'ExpiredToken', 'The security token is expired') : identity;
        sessions += 1;
        return assumed('2999-01-01T00:00:00Z');
      },
      {},
      role,
    );
    expect(await cloud.callerIdentity()).toMatchObject({ account: '123456789012' });
    expect(sessions).toBe(2);
    await failing(cloud.describeStack('s'));
    expect(sessions).toBe(2);
    expect(server.received).toHaveLength(5);
  });

  it('whose sessions never work is a failure after one more try', async () => {
    const { server, cloud } = await serve(
      (parameters) =>
        parameters.get('Action') === 'AssumeRole'
          ? assumed('2999-01-01T00:00:00Z')
          : refuse(403, 'ExpiredToken', 'The security token is expired'),
      {},
      role,
    );
    expect(await failing(cloud.callerIdentity())).toMatchObject({ code: 'aws-expired-credentials' });
    expect(server.received).toHaveLength(4);
  });

  it('is not needed for the credentials of the chain, which end when they say so', async () => {
    const { cloud, server } = await serve(() => identity);
    expect(await cloud.credentialsExpireAt()).toBeUndefined();
    await server.close();
    process.env['AWS_CREDENTIAL_EXPIRATION'] = '2999-01-01T00:00:00Z';
    expect(await (await serve(() => identity)).cloud.credentialsExpireAt()).toBe(Date.UTC(2999, 0, 1));
  });
});
