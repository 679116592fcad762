import type { NodePool } from '../domain/cluster.ts';
import { identityOfObject, type KubeObject } from '../domain/kube-object.ts';
import type { Problem } from '../domain/problem.ts';
import type { RenderedComponent, RenderedKarpenterPool } from '../domain/rendered.ts';
import { ClusterContext } from './cluster-context.ts';
import { type ComponentFiles, sourceOf } from './configuration-tree.ts';
import { manifestObjects } from './manifest-summary.ts';
import { userDataOf } from './pool-userdata.ts';
import { withOutputs } from './stack-outputs.ts';
import { RenderingError, type TemplateFile } from './template-file.ts';
import type { TemplateInputs } from './template-inputs.ts';
import { componentDigest, karpenterPoolDigest } from './unit-digest.ts';

export function renderComponent(context: ClusterContext, { name, files }: ComponentFiles): RenderedComponent {
  const digests: string[] = [];
  const wanted: TemplateFile[] = [];
  const problems: Problem[] = [];
  let refersToOutputs = false;
  for (const file of files) {
    try {
      const { objects, refers } = context.manifest(file);
      if (objects === '') continue;
      if (refers) refersToOutputs = true;
      digests.push(objects);
      wanted.push(file);
    } catch (error) {
      if (!(error instanceof RenderingError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new RenderingError(problems);
  const textsOf = (again: ClusterContext): string[] => wanted.map((file) => again.run.text(file, again.inputs));
  const sources = [...new Set(wanted.flatMap((file) => sourceOf(file.path) ?? []))];
  return component(context, { name, digests, textsOf, refersToOutputs, sources });
}

/** The objects of a Karpenter pool: its NodePool and its EC2NodeClass, with the user data as plain text. */
export function renderKarpenterPool(
  context: ClusterContext,
  pool: NodePool,
): { component: RenderedComponent; rendered: RenderedKarpenterPool } {
  const file = context.tree.profiles.get(pool.profile)?.provisioners;
  if (file === undefined) throw new RenderingError([missingProfileFile(context, pool, 'provisioners.yaml')]);
  const inputsIn = (of: ClusterContext): TemplateInputs => {
    const userData = userDataOf(of, pool);
    return of.poolInputs(pool, { ...userData.values, UserData: userData.text() });
  };
  const { objects, refers: refersToOutputs } = context.manifest(file, inputsIn(context));
  const name = `karpenter-pool-${pool.name}`;
  const textsOf = (again: ClusterContext): string[] => [again.run.text(file, inputsIn(again))];
  const made = component(context, { name, digests: [objects], textsOf, refersToOutputs });
  const rendered = { name: pool.name, profile: pool.profile, component: name };
  return { component: made, rendered: { ...rendered, digest: karpenterPoolDigest(rendered, made.digest) } };
}

interface ComponentParts {
  name: string;
  digests: readonly string[];
  /** Renders the texts of the component's files. */
  textsOf: (context: ClusterContext) => string[];
  refersToOutputs: boolean;
  sources?: readonly string[];
}

/**
 * A component whose objects are made when they are first asked for: most clusters are only compared by digest. They are kept
 * for as long as memory allows.
 */
function component(context: ClusterContext, parts: ComponentParts): RenderedComponent {
  const { tree, input } = context;
  const texts = (): string[] => parts.textsOf(new ClusterContext(tree, input));
  let kept: WeakRef<KubeObject[]> | undefined;
  return {
    name: parts.name,
    ...(parts.sources === undefined || parts.sources.length === 0 ? {} : { sources: parts.sources }),
    get objects() {
      let objects = kept?.deref();
      if (objects === undefined) {
        objects = objectsIn(texts());
        kept = new WeakRef(objects);
      }
      return objects;
    },
    ...(parts.refersToOutputs
      ? {
          objectsFor: (outputs: Readonly<Record<string, string>>) =>
            objectsIn(texts().map((text) => withOutputs(text, outputs))),
        }
      : {}),
    digest: componentDigest(parts.name, parts.digests),
  };
}

/** Of an object that is given twice the last counts, as it does for kubectl. */
function objectsIn(texts: readonly string[]): KubeObject[] {
  const objects = new Map<string, KubeObject>();
  for (const object of texts.flatMap((text) => [...manifestObjects(text)])) {
    const identity = identityOfObject(object);
    objects.delete(identity);
    objects.set(identity, object);
  }
  return [...objects.values()];
}

export function missingProfileFile(context: ClusterContext, pool: NodePool, file: string): Problem {
  const isThere = (name: string): boolean => {
    const files = context.tree.profiles.get(name);
    return (file === 'stack.yaml' ? files?.stack : files?.provisioners) !== undefined;
  };
  const known = [...context.tree.profiles.keys()].filter(isThere);
  return {
    file: `node-pools/${pool.profile}/${file}`,
    message: `node pool ${pool.name} of cluster ${context.input.cluster.id} has profile ${pool.profile}, which this configuration does not have`,
    remedy:
      known.length === 0
        ? 'add the profile to the configuration'
        : `use one of: ${known.join(', ')}; or add the profile`,
  };
}
