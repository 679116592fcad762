/** Control planes that EKS runs, whoever asks: its own API, or CloudFormation. */
import type { ManagedControlPlane } from '../seams.ts';
import { AwsError } from './aws-request.ts';
import type { Cloud } from './cloud.ts';
import type { RegionState } from './region-state.ts';
import { clusterOfTags, type EksCluster, type EksUpdate } from './resources.ts';

const creating: [number, number] = [8 * 60_000, 12 * 60_000];
const updating: [number, number] = [8 * 60_000, 14 * 60_000];
const deleting: [number, number] = [2 * 60_000, 5 * 60_000];
const offered = ['1.30', '1.31', '1.32', '1.33', '1.34', '1.35', '1.36'];
const newest = '1.35';

export interface EksSpec {
  name: string;
  version: string | undefined;
  roleArn: string;
  subnetIds: string[];
  tags: Map<string, string>;
  token?: string;
}

const invalid = (message: string): AwsError => new AwsError('InvalidParameterException', message);

function hexOf(cloud: Cloud, state: RegionState): string {
  return `${cloud.draw(state, [0, 0xffffffff]).toString(16).padStart(8, '0')}${state.uuid().replaceAll('-', '').slice(0, 24)}`.toUpperCase();
}

function planeOf(state: RegionState, { cluster, name, version }: EksCluster): ManagedControlPlane {
  return { cluster, account: state.account, region: state.region, name, version };
}

export function eksEndpoint(cloud: Cloud, state: RegionState, cluster: EksCluster): string {
  return cloud.controlPlaneUrl?.(cluster.cluster) ?? `https://${cluster.id}.gr7.${state.region}.eks.amazonaws.com`;
}

export function eksIssuer(state: RegionState, cluster: EksCluster): string {
  return `https://oidc.eks.${state.region}.amazonaws.com/id/${cluster.id}`;
}

export function eksAuthority(cluster: EksCluster): string {
  return Buffer.from(`simulated CA of ${cluster.name}`).toString('base64');
}

export function eksSecurityGroup(cluster: EksCluster): string {
  return `sg-0${cluster.id.slice(0, 16).toLowerCase()}`;
}

/** Begins a control plane. `up` is called once it serves. @throws AwsError */
export function createEks(
  cloud: Cloud,
  state: RegionState,
  spec: EksSpec,
  up: () => void = () => undefined,
): EksCluster {
  const { name } = spec;
  if (!/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/.test(name)) throw invalid(`The cluster name ${name} is not valid`);
  const version = spec.version ?? newest;
  if (!offered.includes(version)) throw invalid(`unsupported Kubernetes version ${version}`);
  const zones = new Set(
    spec.subnetIds.map((id) => {
      const subnet = state.subnet(id);
      if (subnet) return subnet.zone;
      throw invalid(`The subnet ID '${id}' does not exist`);
    }),
  );
  if (zones.size < 2) throw invalid('Subnets specified must be in at least two different AZs');
  if (state.eks.has(name)) {
    throw new AwsError('ResourceInUseException', `Cluster already exists with name: ${name}`, 409);
  }
  const cluster: EksCluster = {
    id: hexOf(cloud, state),
    cluster: clusterOfTags(spec.tags) ?? `aws:${state.account}:${state.region}:${name}`,
    name,
    version,
    roleArn: spec.roleArn,
    subnetIds: spec.subnetIds,
    status: 'CREATING',
    createdAt: cloud.now(),
    tags: spec.tags,
    updates: [],
    ...(spec.token === undefined ? {} : { token: spec.token }),
  };
  state.eks.set(name, cluster);
  cloud.clock.at(cloud.now() + cloud.draw(state, creating), () => {
    if (cluster.status !== 'CREATING') return;
    cluster.status = 'ACTIVE';
    cloud.controlPlanes.controlPlaneUp(planeOf(state, cluster));
    up();
  });
  return cluster;
}

/** One minor up at a time, never down. `done` is called once the new version is served. @throws AwsError */
export function upgradeEks(
  cloud: Cloud,
  state: RegionState,
  cluster: EksCluster,
  version: string,
  done: () => void = () => undefined,
): EksUpdate {
  if (cluster.status !== 'ACTIVE')
    throw new AwsError('ResourceInUseException', `Cannot ${cluster.status.toLowerCase()} cluster be updated`, 409);
  const from = Number(cluster.version.split('.')[1]);
  const to = Number(/^1\.(\d+)$/.exec(version)?.[1] ?? Number.NaN);
  if (!offered.includes(version)) throw invalid(`unsupported Kubernetes version ${version}`);
  if (to === from) throw invalid(`Cluster is already at version ${version}`);
  if (to < from || to > from + 1)
    throw invalid(`Unsupported Kubernetes minor version update from ${cluster.version} to ${version}`);
  const update: EksUpdate = { id: state.uuid(), version, status: 'InProgress', createdAt: cloud.now() };
  cluster.updates.unshift(update);
  cluster.status = 'UPDATING';
  cloud.clock.at(cloud.now() + cloud.draw(state, updating), () => {
    if (cluster.status !== 'UPDATING') return;
    cluster.status = 'ACTIVE';
    cluster.version = version;
    update.status = 'Successful';
    cloud.controlPlanes.controlPlaneUp(planeOf(state, cluster));
    done();
  });
  return update;
}

/** Its API is gone at once, the control plane a little later; `done` is then called. @throws AwsError while it is busy */
export function deleteEks(
  cloud: Cloud,
  state: RegionState,
  cluster: EksCluster,
  done: () => void = () => undefined,
): void {
  if (cluster.status === 'CREATING' || cluster.status === 'UPDATING')
    throw new AwsError('ResourceInUseException', `Cluster ${cluster.name} is in ${cluster.status} status`, 409);
  if (cluster.status === 'DELETING') return;
  cluster.status = 'DELETING';
  cloud.controlPlanes.controlPlaneGone(cluster.cluster);
  cloud.clock.at(cloud.now() + cloud.draw(state, deleting), () => {
    state.eks.delete(cluster.name);
    done();
  });
}
