import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderFleet, writeSelectedFleet } from '../../../src/cli/demo/sample-fleet.ts';
import { accountNumber } from '../../../src/domain/cluster.ts';
import { projectRoot } from '../../../src/support/project.ts';
import { account, region, ServedCloud } from './served-cloud.ts';

function awsIsThere(): boolean {
  try {
    execFileSync('aws', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: answers are read by their names in the AWS CLI
type Answer = any;

interface Pool {
  name: string;
  /** Path of the template. */
  template: string;
  parameters: string[];
  place: { account: string; region: string };
}

/**
 * A worker pool of the sample fleet, as clm renders it from channels/: the shipped template, nothing of this test's own. The
 * cluster's other stacks are there already.
 */
async function workerPool(served: ServedCloud, directory: string): Promise<Pool> {
  const fleet = await writeSelectedFleet({ projectRoot, directory, clusters: 4 });
  const [member] = await renderFleet(join(projectRoot, 'channels', 'cluster'), fleet.clusters, 'a'.repeat(40));
  if (!member) throw new Error('the sample fleet has no cluster');
  const { cluster, rendered } = member;
  const place = { account: accountNumber(cluster.infrastructureAccount), region: cluster.region };
  for (const stack of rendered.stacks.filter((each) => each.kind !== 'node-pool')) {
    const params = { StackName: stack.name, TemplateBody: stack.template, Capabilities: ['CAPABILITY_NAMED_IAM'] };
    served.cloud.model.handle({ ...place, service: 'cloudformation', action: 'CreateStack', params });
  }
  served.cloud.pass(300);
  const pool = rendered.stacks.findLast((each) => each.kind === 'node-pool');
  if (!pool) throw new Error('the sample cluster has no node pool');
  const template = join(directory, 'pool.yaml');
  await writeFile(template, pool.template);
  const parameters = Object.entries(pool.parameters).map(
    ([key, value]) => `ParameterKey=${key},ParameterValue=${value}`,
  );
  return { name: pool.name, template, parameters, place };
}

describe.skipIf(!awsIsThere())('the AWS CLI', () => {
  let served: ServedCloud;
  let directory: string;
  beforeAll(async () => {
    // Every call is half a minute after the one before: what takes minutes is over when a waiter first looks.
    served = await ServedCloud.start({ secondsPerRequest: 30 });
    directory = await mkdtemp(join(tmpdir(), 'clm-aws-cli-'));
  });
  afterAll(async () => {
    await served.stop();
    await rm(directory, { recursive: true, force: true });
    expect(served.errors).toEqual([]);
  });

  let place = { account, region };

  async function aws(...args: string[]): Promise<Answer> {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: directory,
      AWS_ACCESS_KEY_ID: `AKIA${place.account}`,
      AWS_SECRET_ACCESS_KEY: 'any',
      AWS_DEFAULT_REGION: place.region,
      AWS_MAX_ATTEMPTS: '1',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const line = ['--endpoint-url', served.server.url, '--output', 'json'];
    const { stdout } = await promisify(execFile)('aws', [...line, ...args], { env });
    return stdout.trim() === '' ? {} : JSON.parse(stdout);
  }

  test('creates and updates a stack of channels/, and the group follows', async () => {
    const stack = await workerPool(served, directory);
    ({ place } = stack);
    const capabilities = ['--capabilities', 'CAPABILITY_NAMED_IAM'];
    const parameters = stack.parameters.length === 0 ? [] : ['--parameters', ...stack.parameters];
    const file = (path: string): string[] => ['--template-body', `file://${path}`];
    const name = ['--stack-name', stack.name];
    await aws('cloudformation', 'create-stack', ...name, ...file(stack.template), ...parameters, ...capabilities);
    served.cloud.pass(300);
    await aws('cloudformation', 'wait', 'stack-create-complete', ...name);
    const resources = await aws('cloudformation', 'describe-stack-resources', ...name);
    const group = resources.StackResources.find(
      (each: Answer) => each.ResourceType === 'AWS::AutoScaling::AutoScalingGroup',
    ).PhysicalResourceId as string;
    const instances = async (): Promise<Answer[]> =>
      (await aws('autoscaling', 'describe-auto-scaling-groups', '--auto-scaling-group-names', group))
        .AutoScalingGroups[0].Instances;
    const before = await instances();
    expect(before.length).toBeGreaterThan(0);
    expect(before.every((each) => each.LifecycleState === 'InService' && each.LaunchTemplate.Version === '1')).toBe(
      true,
    );

    const text = await readFile(stack.template, 'utf8');
    const next = join(directory, 'next.yaml');
    await writeFile(next, text.replace(/ami-[0-9a-f]{17}/g, 'ami-0fedcba9876543210'));
    expect(await readFile(next, 'utf8')).not.toBe(text);
    await aws('cloudformation', 'update-stack', ...name, ...file(next), ...parameters, ...capabilities);
    served.cloud.pass(300);
    await aws('cloudformation', 'wait', 'stack-update-complete', ...name);
    await expect(
      aws('cloudformation', 'update-stack', ...name, ...file(next), ...parameters, ...capabilities),
    ).rejects.toThrow(/No updates are to be performed/);
    // The update touches no instance; the next one that the group launches is of the new version.
    const after = await instances();
    expect(after.map((each) => each.InstanceId)).toEqual(before.map((each) => each.InstanceId));
    const [victim] = before;
    const id = ['--instance-id', victim.InstanceId];
    await aws(
      'autoscaling',
      'terminate-instance-in-auto-scaling-group',
      ...id,
      '--no-should-decrement-desired-capacity',
    );
    served.cloud.pass(900);
    const replaced = await instances();
    expect(replaced).toHaveLength(before.length);
    const newer = replaced.filter((each) => each.LaunchTemplate.Version === '2');
    expect(newer).toHaveLength(1);

    const named = ['--auto-scaling-group-name', group, '--instance-ids', newer[0].InstanceId];
    await aws('autoscaling', 'set-instance-protection', ...named, '--protected-from-scale-in');
    expect((await instances()).filter((each) => each.ProtectedFromScaleIn)).toHaveLength(1);
    await aws('autoscaling', 'detach-instances', ...named, '--no-should-decrement-desired-capacity');
    expect((await instances()).map((each) => each.InstanceId)).not.toContain(newer[0].InstanceId);
    const pages = await aws('cloudformation', 'describe-stack-events', ...name, '--max-items', '5');
    expect(pages.StackEvents).toHaveLength(5);
    expect(pages.NextToken).toEqual(expect.any(String));
  }, 240_000);

  test('speaks S3, KMS, STS and EKS, too', async () => {
    place = { account, region };
    const file = join(directory, 'object');
    await writeFile(file, 'Resources: {}');
    await aws(
      's3api',
      'create-bucket',
      '--bucket',
      'cli-templates',
      '--create-bucket-configuration',
      `LocationConstraint=${region}`,
    );
    await aws(
      's3api',
      'put-bucket-versioning',
      '--bucket',
      'cli-templates',
      '--versioning-configuration',
      'Status=Enabled',
    );
    const object = ['--bucket', 'cli-templates', '--key', 'a/pool.yaml'];
    const first = await aws('s3api', 'put-object', ...object, '--body', file);
    await writeFile(file, 'Resources: {A: {}}');
    await aws('s3api', 'put-object', ...object, '--body', file);
    const copy = join(directory, 'copy');
    await aws('s3api', 'get-object', ...object, '--version-id', first.VersionId, copy);
    expect(await readFile(copy, 'utf8')).toBe('Resources: {}');
    expect((await aws('s3api', 'list-object-versions', '--bucket', 'cli-templates')).Versions).toHaveLength(2);
    const sealed = await aws('kms', 'encrypt', '--key-id', 'alias/clm', '--plaintext', `fileb://${file}`);
    await writeFile(copy, Buffer.from(sealed.CiphertextBlob as string, 'base64'));
    const opened = await aws('kms', 'decrypt', '--ciphertext-blob', `fileb://${copy}`);
    expect(Buffer.from(opened.Plaintext as string, 'base64').toString()).toBe('Resources: {A: {}}');
    expect((await aws('kms', 'list-keys')).Keys).toEqual([]);
    expect((await aws('kms', 'list-aliases')).Aliases).toEqual([]);
    const role = `arn:aws:iam::${account}:role/clm`;
    const session = await aws('sts', 'assume-role', '--role-arn', role, '--role-session-name', 'cli');
    expect(session.AssumedRoleUser.Arn).toBe(`arn:aws:sts::${account}:assumed-role/clm/cli`);
    const subnets = (await aws('ec2', 'describe-subnets')).Subnets.map((each: Answer) => each.SubnetId as string);
    const cluster = ['--name', 'managed'];
    const vpc = ['--resources-vpc-config', `subnetIds=${subnets.join(',')}`];
    await aws('eks', 'create-cluster', ...cluster, '--role-arn', role, '--kubernetes-version', '1.31', ...vpc);
    served.cloud.pass(900);
    await aws('eks', 'wait', 'cluster-active', ...cluster);
    await expect(aws('eks', 'update-cluster-version', ...cluster, '--kubernetes-version', '1.33')).rejects.toThrow(
      /Unsupported Kubernetes minor version update from 1.31 to 1.33/,
    );
    await aws('eks', 'update-cluster-version', ...cluster, '--kubernetes-version', '1.32');
    served.cloud.pass(900);
    expect((await aws('eks', 'describe-cluster', ...cluster)).cluster).toMatchObject({
      version: '1.32',
      status: 'ACTIVE',
    });
  }, 240_000);
});
