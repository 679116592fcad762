/** What one commit renders to for one cluster. Digests are sha256 hex; equal digest = nothing to do for that unit. */
import { accountNumber, type Cluster } from './cluster.ts';
import type { EtcdSettings } from './etcd.ts';
import type { KubeObject } from './kube-object.ts';

export interface RenderedStack {
  /** CloudFormation stack name. */
  name: string;
  /** In the order in which they are applied; `extra` are the stacks below cf-manifests/. */
  kind: 'etcd' | 'cluster' | 'extra' | 'node-pool';
  /** Node pool that the stack carries; only for kind node-pool. */
  pool?: string;
  /** JSON or YAML template body. May be made only when it is first read, and then costs a rendering of its file. */
  readonly template: string;
  /** The template for people: user data apart, as text, and not compressed into it. */
  readonly shown?: { template: string; userData?: string };
  /**
   * The template with values of the cluster stack's outputs, by name, in the place of references to them. Only for stacks
   * that have such references. Throws FailureError `output-missing`.
   */
  readonly templateFor?: (outputs: Readonly<Record<string, string>>) => string;
  parameters: Record<string, string>;
  tags: Record<string, string>;
  /** Stack policy (JSON) that is in force while the stack is updated: what must not be replaced or deleted. */
  updatePolicy?: string;
  /** Groups whose UpdatePolicy has CloudFormation replace instances, by logical id, with the name of that policy. */
  selfRolling?: Readonly<Record<string, string>>;
  /** What the template says of the size of each group, by logical id. */
  groupSizes?: Readonly<Record<string, GroupSizes>>;
  /** How members of etcd are replaced; only for kind etcd. */
  readonly etcd?: EtcdSettings;
  /** What must lie in S3 before the stack is applied. */
  uploads?: RenderedUpload[];
  digest: string;
}

export interface GroupSizes {
  /** Sizes that a change of the template leaves as they are stay as the group has them. */
  keeps: boolean;
  /** null: the template does not say it in digits. Absent: it does not say it. */
  max?: number | null;
  desired?: number | null;
}

/** An archive for S3, named by what is in it: the same content has the same key. */
export interface RenderedUpload {
  bucket: string;
  key: string;
  /** KMS key for the files that are to be encrypted: named by an output of the cluster stack, or by its alias. */
  encryptionKey: { output: string } | { alias: string };
  readonly files: readonly UploadedFile[];
}

/** On the further stacks of a cluster, so that those which nothing renders any more are found; pools have tags of their own. */
export const stackKindTag = 'clm/stack';

/** Where files of nodes and long templates lie: the config item `files_bucket`, else where the original keeps them. */
export function filesBucket(cluster: Pick<Cluster, 'configItems' | 'infrastructureAccount' | 'region'>): string {
  const { configItems, infrastructureAccount, region } = cluster;
  return configItems['files_bucket'] ?? `cluster-lifecycle-manager-${accountNumber(infrastructureAccount)}-${region}`;
}

export interface UploadedFile {
  path: string;
  /** base64 */
  data: string;
  /** Permission bits, 0o644. */
  permissions: number;
  /** To be encrypted with KMS before it is packed; its path then ends in .enc. */
  encrypted: boolean;
}

export interface RenderedComponent {
  name: string;
  /** Further repositories that files of it come from; absent when all are of the first one. */
  readonly sources?: readonly string[];
  /** May be made only when they are first read, and then cost a rendering of the component's files. */
  readonly objects: readonly KubeObject[];
  /** The objects with values of the cluster stack's outputs, by name. Only for components that refer to some. */
  readonly objectsFor?: (outputs: Readonly<Record<string, string>>) => readonly KubeObject[];
  digest: string;
}

export interface RenderedPool {
  name: string;
  profile: string;
  controlPlane: boolean;
  /** Stack that carries the pool. */
  stackName: string;
  /** Config item `kubernetes_version` of the pool where it is another than the cluster's. */
  kubernetesVersion?: string;
  /** Digest of all that decides whether nodes are outdated (stack template and userdata). */
  digest: string;
}

/** A pool whose nodes Karpenter launches: its objects are a component, and Karpenter itself replaces nodes that drift from them. */
export interface RenderedKarpenterPool {
  name: string;
  profile: string;
  /** Component that carries its NodePool and EC2NodeClass. */
  component: string;
  digest: string;
}

/** What is to be gone: one object by name, or all that a label selector chooses. */
export interface Deletion {
  /** Absent where the configuration does not say it and the kind is none of Kubernetes itself: the cluster's definitions tell. */
  apiVersion?: string;
  /** Without apiVersion as the configuration writes it: a kind or the name of a resource, also `resource.group`, `resource.version.group`. */
  kind: string;
  namespace?: string;
  /** Exactly one of `name` and `selector` is given. */
  name?: string;
  /** Label selector in the text form of the Kubernetes API: `a=b,c in (d)`. */
  selector?: string;
  /** Only objects that have an owner (true) or have none (false). */
  hasOwner?: boolean;
  propagation?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
}

export interface RenderedCluster {
  clusterId: string;
  commit: string;
  /** Digest over all units. The cluster version is `<commit>#<digest>`. */
  digest: string;
  /** Config item `kubernetes_version`: what the control plane is to run. Absent where the configuration has none. */
  kubernetesVersion?: string;
  stacks: RenderedStack[];
  components: RenderedComponent[];
  pools: RenderedPool[];
  karpenterPools: RenderedKarpenterPool[];
  deletions: {
    preApply: Deletion[];
    postApply: Deletion[];
    /** Names of CloudFormation stacks. */
    preApplyStacks: string[];
    postApplyStacks: string[];
  };
}

/** `<commit>#<first 16 hex digits of the digest>`, the cluster version as stored and shown. */
export function clusterVersion(rendered: Pick<RenderedCluster, 'commit' | 'digest'>): string {
  return `${rendered.commit}#${rendered.digest.slice(0, 16)}`;
}
