/** Look-ups of rendering, answered by EC2, ACM and KMS. */
import { DescribeCertificateCommand, ListCertificatesCommand } from '@aws-sdk/client-acm';
import {
  DescribeImagesCommand,
  DescribeInstanceTypesCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  type Image,
  type Vpc,
} from '@aws-sdk/client-ec2';
import { DecryptCommand, DescribeKeyCommand } from '@aws-sdk/client-kms';
import { FailureError, terminal } from '../../domain/failure.ts';
import type { InstanceTypeAnswer, LookupQuestion, NetworkAnswer } from '../../domain/lookups.ts';
import { questionKey } from '../../domain/lookups.ts';
import type { CloudLookups } from '../../ports/cloud-lookups.ts';
import type { Json } from '../../ports/store.ts';
import { startDeadline } from '../../support/deadline.ts';
import { AwsServiceError } from './aws-calls.ts';
import type { AwsClientSet, AwsClients, AwsTarget } from './aws-clients.ts';
import { asFailureError } from './aws-failure.ts';
import { classifySdkError } from './sdk-caller.ts';

const callTimeoutMs = 60_000;
/** Certificates of an account that are looked at. */
const mostCertificates = 500;

/** One account in one region. Makes no call before it is asked. */
export function connectLookups(clients: AwsClients, target: AwsTarget): CloudLookups {
  const set = clients.clientsFor(target);
  const place = `${target.account} ${target.region}`;
  return {
    answer: (question) =>
      judged(`look-up of ${questionKey(question)} in ${place}`, (signal) => answer(set, question, signal)),
    decrypt: (ciphertext) => judged(`decryption in ${place}`, (signal) => decrypt(set, ciphertext, signal)),
  };
}

async function judged<Answer>(where: string, ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const deadline = startDeadline(callTimeoutMs, where);
  try {
    return await ask(deadline.signal);
  } catch (error) {
    throw asFailureError(classifySdkError(error, where), where);
  } finally {
    deadline.clear();
  }
}

function answer(clients: AwsClientSet, question: LookupQuestion, signal: AbortSignal): Promise<Json> {
  switch (question.kind) {
    case 'image':
      return image(clients, question, signal);
    case 'instance-type':
      return instanceType(clients, question.name, signal);
    case 'network':
      return network(clients, question.vpcId, signal);
    case 'certificate':
      return certificate(clients, question.host, signal);
    case 'kms-key':
      return absentAsNull(async () => {
        const { KeyMetadata } = await clients
          .kms()
          .send(new DescribeKeyCommand({ KeyId: question.alias }), { abortSignal: signal });
        return KeyMetadata?.Arn ?? null;
      });
  }
}

/** A refusal because there is no such thing is an answer. */
async function absentAsNull(ask: () => Promise<Json>): Promise<Json> {
  try {
    return await ask();
  } catch (error) {
    const found = classifySdkError(error, '');
    if (found instanceof AwsServiceError && /NotFound|InvalidInstanceType|InvalidVpcID/.test(found.code)) return null;
    throw error;
  }
}

async function image(
  clients: AwsClientSet,
  { name, owner }: { name: string; owner: string },
  signal: AbortSignal,
): Promise<Json> {
  const { Images = [] } = await clients
    .ec2()
    .send(new DescribeImagesCommand({ Owners: [owner], Filters: [{ Name: 'name', Values: [name] }] }), {
      abortSignal: signal,
    });
  const created = (one: Image): string => one.CreationDate ?? '';
  const [newest] = [...Images].sort((a, b) => (created(a) < created(b) ? 1 : -1));
  return newest?.ImageId ?? null;
}

function instanceType(clients: AwsClientSet, name: string, signal: AbortSignal): Promise<Json> {
  return absentAsNull(async () => {
    const command = new DescribeInstanceTypesCommand({ Filters: [{ Name: 'instance-type', Values: [name] }] });
    const { InstanceTypes: [info] = [] } = await clients.ec2().send(command, { abortSignal: signal });
    const vcpus = info?.VCpuInfo?.DefaultVCpus;
    const memoryMiB = info?.MemoryInfo?.SizeInMiB;
    if (vcpus === undefined || memoryMiB === undefined) return null;
    const architectures = info?.ProcessorInfo?.SupportedArchitectures ?? [];
    const [disk] = info?.InstanceStorageInfo?.Disks ?? [];
    const found: InstanceTypeAnswer = {
      vcpus,
      memoryBytes: memoryMiB * 1024 * 1024,
      architecture: architectures.includes('arm64') ? 'arm64' : 'amd64',
      storageDevices: disk?.Count ?? 0,
      // the service counts in thousands
      storageDeviceBytes: (disk?.SizeInGB ?? 0) * 1000 ** 3,
    };
    return { ...found };
  });
}

async function network(clients: AwsClientSet, vpcId: string, signal: AbortSignal): Promise<Json> {
  const vpc = await vpcOf(clients, vpcId, signal);
  if (vpc?.VpcId === undefined) return null;
  const filter = { Name: 'vpc-id', Values: [vpc.VpcId] };
  const subnets: NetworkAnswer['subnets'] = [];
  let NextToken: string | undefined;
  do {
    const command = new DescribeSubnetsCommand({
      Filters: [filter],
      ...(NextToken === undefined ? {} : { NextToken }),
    });
    const page = await clients.ec2().send(command, { abortSignal: signal });
    for (const subnet of page.Subnets ?? []) {
      subnets.push({
        id: subnet.SubnetId ?? '',
        zone: subnet.AvailabilityZone ?? '',
        ipv6Cidrs: (subnet.Ipv6CidrBlockAssociationSet ?? []).flatMap((one) => one.Ipv6CidrBlock ?? []),
        tags: Object.fromEntries((subnet.Tags ?? []).map((tag) => [tag.Key ?? '', tag.Value ?? ''])),
      });
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined && NextToken !== '');
  const found: NetworkAnswer = {
    vpcId: vpc.VpcId,
    ipv4Cidr: vpc.CidrBlock ?? '',
    ipv6Cidrs: (vpc.Ipv6CidrBlockAssociationSet ?? []).flatMap((one) => one.Ipv6CidrBlock ?? []),
    // the service lists in no order; a record must not differ by that
    subnets: subnets.sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
  return found as unknown as Json;
}

/** The named VPC; without a name the only one there is, or the default one. */
async function vpcOf(clients: AwsClientSet, vpcId: string, signal: AbortSignal): Promise<Vpc | undefined> {
  const filters = vpcId === '' ? {} : { Filters: [{ Name: 'vpc-id', Values: [vpcId] }] };
  const { Vpcs = [] } = await clients.ec2().send(new DescribeVpcsCommand(filters), { abortSignal: signal });
  return Vpcs.length === 1 ? Vpcs[0] : Vpcs.find((one) => one.IsDefault === true);
}

/** How well a certificate's name fits a host; longer names fit better, a wildcard stands for one label. */
function fit(name: string, host: string): number {
  if (name === host) return name.length + 1;
  const wildcard = name.startsWith('*.') && host.slice(host.indexOf('.') + 1) === name.slice(2);
  return wildcard ? name.length : 0;
}

async function certificate(clients: AwsClientSet, host: string, signal: AbortSignal): Promise<Json> {
  const { CertificateSummaryList = [] } = await clients
    .acm()
    .send(new ListCertificatesCommand({ CertificateStatuses: ['ISSUED'], MaxItems: mostCertificates }), {
      abortSignal: signal,
    });
  let best: { arn: string; fit: number; until: number } | undefined;
  for (const { CertificateArn: arn } of CertificateSummaryList) {
    if (arn === undefined) continue;
    const command = new DescribeCertificateCommand({ CertificateArn: arn });
    const { Certificate: found } = await clients.acm().send(command, { abortSignal: signal });
    const names = [found?.DomainName ?? '', ...(found?.SubjectAlternativeNames ?? [])];
    const one = { arn, fit: Math.max(...names.map((name) => fit(name, host))), until: found?.NotAfter?.getTime() ?? 0 };
    const better = best === undefined || one.fit > best.fit || (one.fit === best.fit && one.until > best.until);
    if (one.fit > 0 && better) best = one;
  }
  return best?.arn ?? null;
}

async function decrypt(clients: AwsClientSet, ciphertext: string, signal: AbortSignal): Promise<string> {
  const command = new DecryptCommand({ CiphertextBlob: Buffer.from(ciphertext, 'base64') });
  const { Plaintext } = await clients.kms().send(command, { abortSignal: signal });
  if (Plaintext === undefined) throw new FailureError(terminal('aws-validation', 'KMS answered without a plaintext'));
  return Buffer.from(Plaintext).toString('utf8');
}
