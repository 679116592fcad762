/** What a stack is asked to be: its template with outputs in it, and in S3 what does not fit into a request. */
import { createHash } from 'node:crypto';
import type { Cluster } from '../../domain/cluster.ts';
import { FailureError, terminal } from '../../domain/failure.ts';
import { filesBucket, type RenderedStack, type RenderedUpload } from '../../domain/rendered.ts';
import type { CloudProvider, StackInput } from '../../ports/cloud-provider.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { assertLease, clusterOutputs, type UpdateInput } from './update-step.ts';

/** CloudFormation takes longer templates only from S3. */
const longestInlineBytes = 51_200;

/** Stores what the stack needs in S3 first: nodes start as soon as the stack says so. */
export async function stackRequestOf(
  deps: PipelineDependencies,
  cloud: CloudProvider,
  input: UpdateInput,
  stack: RenderedStack,
): Promise<StackInput> {
  const { clusterId } = input.context;
  const cluster = clusterOf(deps, clusterId);
  if (cluster === undefined) {
    throw new FailureError(terminal('cluster-left-registry', `${clusterId} is not in the registry any more`));
  }
  let known: Record<string, string> | undefined;
  const outputs = async (): Promise<Record<string, string>> => {
    known ??= await clusterOutputs(deps, cloud, clusterId);
    return known;
  };
  for (const upload of stack.uploads ?? []) {
    const encryptionKey = await encryptionKeyOf(upload, outputs);
    assertLease(input);
    await cloud.storeArchive({ bucket: upload.bucket, key: upload.key, encryptionKey, files: upload.files });
  }
  const template = stack.templateFor === undefined ? stack.template : stack.templateFor(await outputs());
  const request = {
    name: stack.name,
    template,
    parameters: stack.parameters,
    tags: stack.tags,
    token: tokenOf(input, stack),
  };
  if (Buffer.byteLength(template) <= longestInlineBytes) return request;
  return { ...request, templateUrl: await stored(cloud, input, cluster, template) };
}

async function stored(cloud: CloudProvider, input: UpdateInput, cluster: Cluster, template: string): Promise<string> {
  const bucket = filesBucket(cluster);
  const key = `${cluster.localId}/templates/${createHash('sha256').update(template).digest('hex')}.template`;
  assertLease(input);
  await cloud.storeText(bucket, key, template);
  const domain = cluster.region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return `https://${bucket}.s3.${cluster.region}.${domain}/${key}`;
}

async function encryptionKeyOf(
  upload: RenderedUpload,
  outputs: () => Promise<Record<string, string>>,
): Promise<string> {
  if ('alias' in upload.encryptionKey) return upload.encryptionKey.alias;
  // only archives with encrypted files need one
  if (!upload.files.some((file) => file.encrypted)) return '';
  const { output } = upload.encryptionKey;
  const key = (await outputs())[output];
  if (key !== undefined) return key;
  throw new FailureError(terminal('output-missing', `the cluster stack has no output ${output}`));
}

/** Says who in CloudTrail, and makes a resend harmless: the same version, attempt and stack have the same token. */
export function tokenOf(input: UpdateInput, stack: RenderedStack): string {
  const { channel, commit, attempt } = input.context;
  const round = input.context.plan?.round ?? 0;
  return `clm-${channel}-${commit.slice(0, 12)}-${stack.digest.slice(0, 16)}-${attempt}-${round}`
    .replace(/[^A-Za-z0-9-]/g, '-')
    .slice(0, 128);
}
