/** What one commit renders to for one cluster. Digests are sha256 hex; equal digest = nothing to do for that unit. */
import type { KubeObject } from './kube-object.ts';

export interface RenderedStack {
  /** CloudFormation stack name. */
  name: string;
  kind: 'etcd' | 'cluster' | 'node-pool';
  /** Node pool that the stack carries; only for kind node-pool. */
  pool?: string;
  /** JSON or YAML template body. */
  template: string;
  parameters: Record<string, string>;
  tags: Record<string, string>;
  digest: string;
}

export interface RenderedComponent {
  name: string;
  objects: KubeObject[];
  digest: string;
}

export interface RenderedPool {
  name: string;
  profile: string;
  controlPlane: boolean;
  /** Stack that carries the pool. */
  stackName: string;
  /** Digest of all that decides whether nodes are outdated (stack template and userdata). */
  digest: string;
}

export interface Deletion {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
}

export interface RenderedCluster {
  clusterId: string;
  commit: string;
  /** Digest over all units. The cluster version is `<commit>#<digest>`. */
  digest: string;
  stacks: RenderedStack[];
  components: RenderedComponent[];
  pools: RenderedPool[];
  deletions: { preApply: Deletion[]; postApply: Deletion[] };
}

/** `<commit>#<first 16 hex digits of the digest>`, the cluster version as stored and shown. */
export function clusterVersion(rendered: Pick<RenderedCluster, 'commit' | 'digest'>): string {
  return `${rendered.commit}#${rendered.digest.slice(0, 16)}`;
}
