/** AWS::EKS::Cluster: a stack waits for its control plane, and changes its version in place. */
import { AwsError, plainText } from '../aws-request.ts';
import {
  createEks,
  deleteEks,
  eksAuthority,
  eksEndpoint,
  eksIssuer,
  eksSecurityGroup,
  upgradeEks,
} from '../eks-clusters.ts';
import type { EksCluster } from '../resources.ts';
import {
  type ChangedResource,
  changedProperties,
  physicalName,
  propertiesOf,
  type ResourceContext,
  type ResourceType,
  type ResourceWork,
  stackTags,
  templateTags,
} from './resource-type.ts';

const replacing = ['Name', 'RoleArn', 'KubernetesNetworkConfig', 'OutpostConfig'];
const lookMs = 15_000;

function made({ cloud, state }: ResourceContext, cluster: EksCluster): ChangedResource {
  return {
    physicalId: cluster.name,
    attributes: {
      Id: cluster.id,
      Arn: state.arn('eks', `cluster/${cluster.name}`),
      Endpoint: eksEndpoint(cloud, state, cluster),
      CertificateAuthorityData: eksAuthority(cluster),
      ClusterSecurityGroupId: eksSecurityGroup(cluster),
      OpenIdConnectIssuerUrl: eksIssuer(state, cluster),
    },
  };
}

/** Texts of Kubernetes versions come as numbers, too: `1.30` in YAML is 1.3. */
function versionOf(properties: Record<string, unknown>): string | undefined {
  const value = properties['Version'];
  return value === undefined ? undefined : plainText(value);
}

export const eksClusterResource: ResourceType = {
  replacing,
  create: (context, properties) => {
    const { cloud, state } = context;
    const params = propertiesOf(properties);
    const vpc = params.structure('ResourcesVpcConfig') ?? params.fail('required key [ResourcesVpcConfig] not found');
    let finished: (() => void) | undefined;
    const cluster = createEks(
      cloud,
      state,
      {
        name: physicalName(context, properties, 'Name', 100),
        version: versionOf(properties),
        roleArn: params.required('RoleArn'),
        subnetIds: vpc.texts('SubnetIds'),
        tags: new Map([...stackTags(context), ...templateTags(properties)]),
      },
      () => finished?.(),
    );
    const work = ({ done }: ResourceWork): void => {
      finished = done;
    };
    return { ...made(context, cluster), work };
  },
  update: (context, properties, current) => {
    if (changedProperties(properties, current).some((name) => replacing.includes(name))) return 'replace';
    const { cloud, state } = context;
    const cluster = state.eks.get(current.physicalId);
    if (!cluster) throw new AwsError('ResourceNotFoundException', `No cluster found for name: ${current.physicalId}.`);
    for (const [key, value] of templateTags(properties)) cluster.tags.set(key, value);
    const version = versionOf(properties);
    if (version === undefined || version === cluster.version) return made(context, cluster);
    let finished: (() => void) | undefined;
    upgradeEks(cloud, state, cluster, version, () => finished?.());
    const work = ({ done }: ResourceWork): void => {
      finished = done;
    };
    return { ...made(context, cluster), work };
  },
  remove: ({ cloud, state }, current, done) => {
    const attempt = (): void => {
      const cluster = state.eks.get(current.physicalId);
      if (!cluster) done();
      else if (cluster.status === 'ACTIVE') deleteEks(cloud, state, cluster, done);
      // what is under way comes first
      else cloud.clock.at(cloud.now() + lookMs, attempt);
    };
    attempt();
  },
};
