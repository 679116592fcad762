import { isControlPlane, type NodePool } from '../domain/cluster.ts';
import { eksName } from '../domain/eks.ts';
import { type EtcdSettings, readEtcdSettings } from '../domain/etcd.ts';
import { type RenderedPool, type RenderedStack, stackKindTag } from '../domain/rendered.ts';
import { ClusterContext } from './cluster-context.ts';
import { missingProfileFile } from './manifest-units.ts';
import { uploadsOf, userDataOf } from './pool-userdata.ts';
import { withOutputs } from './stack-outputs.ts';
import { RenderingError, type TemplateFile } from './template-file.ts';
import type { TemplateInputs } from './template-inputs.ts';
import { poolDigest, stackDigest } from './unit-digest.ts';
import { encodeUserData, userDataToken } from './userdata.ts';

/** While the etcd stack is updated, what holds the data must neither be replaced nor deleted. */
const etcdUpdatePolicy = JSON.stringify({
  Statement: [
    { Effect: 'Allow', Action: ['Update:*'], Principal: '*', Resource: ['*'] },
    {
      Effect: 'Deny',
      Action: ['Update:Replace', 'Update:Delete'],
      Principal: '*',
      Resource: ['*'],
      Condition: {
        StringEquals: { ResourceType: ['AWS::AutoScaling::AutoScalingGroup', 'AWS::S3::Bucket', 'AWS::IAM::Role'] },
      },
    },
  ],
});

interface StackParts {
  name: string;
  kind: RenderedStack['kind'];
  file: TemplateFile;
  inputs: (context: ClusterContext) => TemplateInputs;
  tags?: Record<string, string>;
  pool?: string;
  /** Text of the user data, and the token that stands for it in the template. */
  userData?: { token: string; refers: boolean; text: (context: ClusterContext) => string };
  more?: Partial<Pick<RenderedStack, 'updatePolicy' | 'uploads' | 'etcd'>>;
}

/** The etcd stack and the cluster's own, in the order in which they are applied. */
export function renderMainStacks(context: ClusterContext): RenderedStack[] {
  const stacks: RenderedStack[] = [];
  const { etcdStack, etcdFiles, clusterStack } = context.tree;
  // EKS keeps its state itself
  if (etcdStack !== undefined && eksName(context.input.cluster) === undefined) {
    const files = (of: ClusterContext) => uploadsOf(of, etcdFiles, 'etcd', of.stackInputs);
    const inputs = (of: ClusterContext): TemplateInputs => of.etcdInputs(files(of).values);
    const { uploads } = files(context);
    const more = {
      updatePolicy: etcdUpdatePolicy,
      etcd: etcdSettingsOf(context, etcdStack),
      ...(uploads.length === 0 ? {} : { uploads }),
    };
    // the original's name; several clusters of one account and region need names of their own
    const name = context.stack(etcdStack, inputs(context)).stackName ?? 'etcd-cluster-etcd';
    stacks.push(makeStack(context, { name, kind: 'etcd', file: etcdStack, inputs, more }));
  }
  if (clusterStack !== undefined) {
    const { localId: name } = context.input.cluster;
    stacks.push(makeStack(context, { name, kind: 'cluster', file: clusterStack, inputs: (of) => of.stackInputs }));
  }
  return stacks;
}

/** From the effective config items; every value that cannot be read is a problem. */
function etcdSettingsOf(context: ClusterContext, file: TemplateFile): EtcdSettings {
  const { settings, problems } = readEtcdSettings(context.items);
  if (problems.length === 0) return settings;
  throw new RenderingError(
    problems.map(({ item, message, remedy }) => ({ file: file.path, path: `config_items.${item}`, message, remedy })),
  );
}

/** Further stacks below cf-manifests/; each says its name itself. Files that render to nothing are left out. */
export function renderExtraStacks(context: ClusterContext): RenderedStack[] {
  const stacks: RenderedStack[] = [];
  for (const file of context.tree.extraStacks) {
    const { stackName, empty } = context.stack(file, context.inputs);
    if (empty) continue;
    if (stackName === undefined) {
      const message = 'a stack below cf-manifests/ has to say its name';
      const remedy = 'write Metadata: {StackName: "…"}';
      throw new RenderingError([{ file: file.path, line: 1, path: 'Metadata.StackName', message, remedy }]);
    }
    const tags = { [stackKindTag]: 'extra' };
    stacks.push(makeStack(context, { name: stackName, kind: 'extra', file, inputs: (of) => of.inputs, tags }));
  }
  return stacks;
}

export function renderPoolStack(
  context: ClusterContext,
  pool: NodePool,
): { stack: RenderedStack; rendered: RenderedPool } {
  refuseControlPlane(context, pool);
  const file = context.tree.profiles.get(pool.profile)?.stack;
  if (file === undefined) throw new RenderingError([missingProfileFile(context, pool, 'stack.yaml')]);
  const userData = userDataOf(context, pool);
  const token = userData.digest === undefined ? undefined : userDataToken(userData.digest);
  const inputs = (of: ClusterContext): TemplateInputs =>
    of.poolInputs(pool, { ...userData.values, ...(token === undefined ? {} : { UserData: token }) });
  const name = `nodepool-${pool.name}-${context.input.cluster.id.replaceAll(':', '-')}`;
  const stack = makeStack(context, {
    name,
    kind: 'node-pool',
    file,
    inputs,
    pool: pool.name,
    tags: {
      NodePool: pool.name,
      'kubernetes.io/node-pool': pool.name,
      'kubernetes.io/node-pool/profile': pool.profile,
      'kubernetes.io/role/node-pool': 'true',
    },
    ...(token === undefined
      ? {}
      : { userData: { token, refers: userData.refers, text: (of) => userDataOf(of, pool).text() } }),
    ...(userData.uploads.length === 0 ? {} : { more: { uploads: userData.uploads } }),
  });
  const own = pool.configItems['kubernetes_version'];
  const rendered = {
    name: pool.name,
    profile: pool.profile,
    controlPlane: isControlPlane(pool),
    stackName: name,
    ...(own === undefined || own === context.kubernetesVersion ? {} : { kubernetesVersion: own }),
  };
  return { stack, rendered: { ...rendered, digest: poolDigest(rendered, stack.digest) } };
}

/** EKS runs the control plane: nodes of another one would be no part of the cluster. */
function refuseControlPlane({ input: { cluster } }: ClusterContext, pool: NodePool): void {
  if (eksName(cluster) === undefined || !isControlPlane(pool)) return;
  const message = `pool ${pool.name} has the control-plane profile ${pool.profile}, and EKS runs the control plane of ${cluster.id}`;
  const remedy = `remove the pool, or give the cluster provider ${cluster.provider === 'aws-eks' ? 'aws' : 'zalando-aws'}`;
  throw new RenderingError([{ file: `node-pools/${pool.profile}/stack.yaml`, message, remedy }]);
}

/** A stack whose template is made when it is asked for: most are only compared by digest, and templates are large. */
function makeStack(context: ClusterContext, parts: StackParts): RenderedStack {
  const { tree, input } = context;
  const summary = context.stack(parts.file, parts.inputs(context));
  if (summary.empty) {
    const message = `the stack ${parts.name} renders to nothing`;
    throw new RenderingError([{ file: parts.file.path, message, remedy: 'declare the resources of the stack' }]);
  }
  const { userData } = parts;
  const again = (): ClusterContext => new ClusterContext(tree, input);
  const text = (of: ClusterContext): string => of.run.text(parts.file, parts.inputs(of));
  const put = (template: string, cloudConfig: string): string =>
    userData === undefined ? template : template.replaceAll(userData.token, () => encodeUserData(cloudConfig));
  const stack: Omit<RenderedStack, 'digest'> = {
    name: parts.name,
    kind: parts.kind,
    ...(parts.pool === undefined ? {} : { pool: parts.pool }),
    get template() {
      const of = again();
      return put(text(of), userData?.text(of) ?? '');
    },
    get shown() {
      const of = again();
      return userData === undefined ? { template: text(of) } : { template: text(of), userData: userData.text(of) };
    },
    ...(summary.refers || userData?.refers === true
      ? {
          templateFor: (outputs: Readonly<Record<string, string>>) => {
            const of = again();
            return put(withOutputs(text(of), outputs), withOutputs(userData?.text(of) ?? '', outputs));
          },
        }
      : {}),
    parameters: {},
    tags: { ...summary.tags, [`kubernetes.io/cluster/${input.cluster.id}`]: 'owned', ...parts.tags },
    ...(Object.keys(summary.selfRolling).length === 0 ? {} : { selfRolling: summary.selfRolling }),
    ...(Object.keys(summary.groupSizes).length === 0 ? {} : { groupSizes: summary.groupSizes }),
    ...parts.more,
  };
  return Object.assign(stack, { digest: stackDigest(stack, summary.digest) });
}
