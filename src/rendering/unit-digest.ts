import type {
  RenderedCluster,
  RenderedComponent,
  RenderedKarpenterPool,
  RenderedPool,
  RenderedStack,
} from '../domain/rendered.ts';
import { canonicalJson, digestParts } from '../support/digest.ts';

/**
 * How each field of a unit takes part in its digest: by its own value, or not, and then why not. A new field does not compile
 * before it is listed here, so that a change that matters can never look like none.
 */
type Part = 'hashed' | { ignored: string };

type FieldsOf<Unit> = Readonly<Record<Exclude<keyof Unit, 'digest'>, Part>>;

export const stackFields: FieldsOf<RenderedStack> = {
  name: 'hashed',
  kind: { ignored: 'follows from the file that it is rendered from' },
  pool: { ignored: 'is in the name and in the tags' },
  template: { ignored: 'its parsed form is hashed: neither comments nor the bytes of a compression library count' },
  shown: { ignored: 'the template in another form' },
  templateFor: { ignored: 'the template with outputs put in: references are hashed, not values' },
  parameters: 'hashed',
  tags: 'hashed',
  updatePolicy: 'hashed',
  selfRolling: { ignored: 'it is read from the template' },
  groupSizes: { ignored: 'they are read from the template' },
  etcd: { ignored: 'it says how instances are replaced, not which' },
  uploads: { ignored: 'their keys are digests of what is in them, and the template names the keys' },
};

export const componentFields: FieldsOf<RenderedComponent> = {
  name: 'hashed',
  sources: { ignored: 'an object is the same, whichever repository it comes from' },
  objects: { ignored: 'their digests, file by file, are hashed' },
  objectsFor: { ignored: 'the objects with outputs put in: references are hashed, not values' },
};

export const poolFields: FieldsOf<RenderedPool> = {
  name: 'hashed',
  profile: { ignored: 'another profile with the same stack replaces nothing' },
  controlPlane: { ignored: 'follows from the profile' },
  stackName: { ignored: 'follows from the name' },
  kubernetesVersion: { ignored: 'what it means to nodes is in their user data' },
};

export const karpenterPoolFields: FieldsOf<RenderedKarpenterPool> = {
  name: 'hashed',
  profile: { ignored: 'another profile with the same objects replaces nothing' },
  component: { ignored: 'follows from the name' },
};

export const clusterFields: Readonly<Record<Exclude<keyof RenderedCluster, 'digest'>, Part>> = {
  clusterId: { ignored: 'a digest is compared with others of the same cluster only' },
  kubernetesVersion: { ignored: 'what it means is in the user data and manifests that render' },
  commit: { ignored: 'commits that render to the same are the same' },
  stacks: 'hashed',
  components: 'hashed',
  pools: 'hashed',
  karpenterPools: 'hashed',
  deletions: 'hashed',
};

function parts<Unit extends object>(unit: Unit, fields: FieldsOf<Unit>): string[] {
  const names = Object.keys(fields).filter((name) => fields[name as keyof typeof fields] === 'hashed');
  return names.map((name) => `${name}=${canonicalJson((unit as Record<string, unknown>)[name])}`);
}

/** `content` is the digest of the parsed template, and of whatever else only the stack's text shows. */
export function stackDigest(stack: Omit<RenderedStack, 'digest'>, content: string): string {
  return digestParts(['stack', ...parts(stack, stackFields), content]);
}

export function poolDigest(pool: Omit<RenderedPool, 'digest'>, stack: string): string {
  return digestParts(['pool', ...parts(pool, poolFields), stack]);
}

export function karpenterPoolDigest(pool: Omit<RenderedKarpenterPool, 'digest'>, component: string): string {
  return digestParts(['karpenter-pool', ...parts(pool, karpenterPoolFields), component]);
}

export function componentDigest(name: string, files: readonly string[]): string {
  return digestParts(['component', name, ...files]);
}

/** Over the digests of all units, and over the deletions themselves. */
export function clusterDigest(
  rendered: Omit<RenderedCluster, 'digest' | 'clusterId' | 'commit' | 'kubernetesVersion'>,
): string {
  const units = (kind: string, list: readonly { name: string; digest: string }[]): string[] =>
    list.map((unit) => `${kind} ${unit.name} ${unit.digest}`);
  return digestParts([
    ...units('stack', rendered.stacks),
    ...units('component', rendered.components),
    ...units('pool', rendered.pools),
    ...units('karpenter-pool', rendered.karpenterPools),
    `deletions ${canonicalJson(rendered.deletions)}`,
  ]);
}
