import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckInterrupted, defineCheck } from '../contract.ts';
import { pods, serviceAccounts } from '../resources.ts';
import { explained, mustNotBeTaken, whyPodNotReady } from '../workload.ts';

const withinMs = 4 * 60_000;
const account = 'identity';

/** What names the identity on a service account, and what lists a bucket, by provider. */
const providers: Record<string, { annotation: string; image: string; command: (bucket: string) => string[] }> = {
  aws: {
    annotation: 'eks.amazonaws.com/role-arn',
    image: 'amazon/aws-cli:2.17.0',
    command: (bucket) => ['s3api', 'list-objects-v2', '--bucket', bucket, '--max-items', '1'],
  },
  gcp: {
    annotation: 'iam.gke.io/gcp-service-account',
    image: 'google/cloud-sdk:slim',
    command: (bucket) => ['gcloud', 'storage', 'ls', `gs://${bucket}`],
  },
};

/** Catalogue row 12. */
export const cloudIdentity = defineCheck({
  id: 'security.cloud-identity',
  title: 'A pod with an identity of the cloud may list the test bucket, a pod without may not',
  area: 'security',
  requires: ['cloud-identity'],
  providers: ['aws', 'gcp'],
  withinMs: 10 * 60_000,
  expectedMs: 60_000,
  minNodes: 1,
  plan: async (context) =>
    context.settings.get('identity_role') === undefined
      ? {
          code: 'CONFIG_MISSING',
          message: 'e2e_identity_role is not set: which role may list the bucket?',
          capability: 'cloud-identity',
        }
      : undefined,
  async run(context) {
    await context.sandbox();
    const provider = providers[await context.facts.provider()] as (typeof providers)[string];
    const bucket = context.settings.get('identity_bucket') as string;
    const role = context.settings.get('identity_role') as string;
    await context.kube.create(serviceAccounts, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: account, namespace: context.namespace, annotations: { [provider.annotation]: role } },
    });
    const command = context.settings.get('identity_command')?.replaceAll('{bucket}', bucket).split(/\s+/);
    const image = context.settings.get('identity_image') ?? provider.image;
    const args = command ?? provider.command(bucket);
    await context.step('with the identity it may', async () => {
      const { code, said } = await ended(context, podOf(context, 'with', image, args, account));
      if (code !== 0)
        throw new CheckFailed(`a pod with ${role} cannot list ${bucket}: it ends with code ${code}: ${said}`);
    });
    await context.step('without it may not', async () => {
      const { code, said } = await ended(context, podOf(context, 'without', image, args, 'default'));
      if (code === 0)
        throw new CheckFailed(
          `a pod without an identity lists ${bucket}: it has the rights of its node, or the bucket is open`,
        );
      if (!/denied|forbidden|credential|not authorized|403|401/i.test(said))
        throw new CheckInterrupted(
          `a pod without an identity ends with code ${code}, and not for want of rights: ${said}`,
        );
    });
    return `${bucket}: with ${role} it is listed, without it is not`;
  },
});

function podOf(
  context: CheckContext,
  name: string,
  image: string,
  args: string[],
  serviceAccountName: string,
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: context.namespace },
    spec: {
      restartPolicy: 'Never',
      serviceAccountName,
      containers: [
        {
          name: 'ask',
          image,
          args,
          resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
        },
      ],
    },
  };
}

/** How its container ended, and its last words. */
async function ended(context: CheckContext, pod: KubeObject): Promise<{ code: number; said: string }> {
  await context.kube.create(pods, pod);
  const { name } = pod.metadata;
  const selector = { namespace: context.namespace, fieldSelector: `metadata.name=${name}` };
  let code: number | undefined;
  await explained(context, () =>
    context.until(`pod ${name} to end`, pods, selector, withinMs, (items) => {
      mustNotBeTaken(items);
      const [found] = items;
      if (found === undefined) return 'it is not there';
      const [status] = (found.status?.containerStatuses ?? []) as { state?: { terminated?: { exitCode: number } } }[];
      code = status?.state?.terminated?.exitCode;
      return code === undefined ? `it is ${String(found.status?.phase)}; ${whyPodNotReady(found) ?? ''}` : undefined;
    }),
  );
  const log = await context.kube.raw(`/api/v1/namespaces/${context.namespace}/pods/${name}/log?tailLines=5`);
  return {
    code: code as number,
    said: log.status === 200 ? log.body.trim().slice(-300) : `its log answers ${log.status}`,
  };
}
