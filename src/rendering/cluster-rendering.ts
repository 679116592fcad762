import { posix } from 'node:path';
import { isControlPlane, type NodePool } from '../domain/cluster.ts';
import type { Problem } from '../domain/problem.ts';
import type { RenderedCluster, RenderedComponent, RenderedPool, RenderedStack } from '../domain/rendered.ts';
import { parseDefaults } from './config-defaults.ts';
import type { ConfigurationTree } from './configuration-tree.ts';
import { parseDeletions } from './deletions.ts';
import { canonicalJson, digestParts, digestText } from './digest.ts';
import { pureFunctions } from './functions/function-table.ts';
import { TemplateFunctionError } from './gotemplate/template-error.ts';
import { GoFunction, type GoStruct, type GoValue } from './gotemplate/value.ts';
import { parseManifests, type TextProblem } from './manifest-documents.ts';
import { lookedUpValues, lookupFunctions } from './recorded-lookups.ts';
import type { RenderInput } from './render-input.ts';
import { parseStackTemplate } from './stack-template.ts';
import { ClusterData, type ConfigItems, templateDot } from './template-data.ts';
import { RenderingError, renderFile, sourceLineOf, type TemplateFile } from './template-file.ts';
import { encodeUserData, userDataToken } from './userdata.ts';

/** Problems of one rendering that are kept: enough to mend a file, not enough to fill a log. */
const maxProblems = 25;

/** Renders one commit for one cluster; used once. */
export class ClusterRendering {
  readonly #tree: ConfigurationTree;
  readonly #input: RenderInput;
  readonly #functions: Map<string, GoFunction>;
  readonly #values: ReadonlyMap<string, GoValue>;
  readonly #problems: Problem[] = [];
  readonly #texts = new Map<string, string>();
  #data: ClusterData;
  #dot: GoStruct;
  #current: TemplateFile | undefined;
  #hashing = false;

  constructor(tree: ConfigurationTree, input: RenderInput) {
    this.#tree = tree;
    this.#input = input;
    this.#values = lookedUpValues(input.lookups);
    this.#functions = new Map([...pureFunctions, ...lookupFunctions(input.lookups)]);
    this.#functions.set('manifestHash', new GoFunction(['string'], ([path]) => this.#manifestHash(path as string)));
    // the defaults see the cluster without any config item, as in the original
    this.#data = new ClusterData(input.cluster, {}, input.account);
    this.#dot = templateDot(this.#data.cluster, new Map(), null);
  }

  run(): RenderedCluster {
    const { cluster, commit } = this.#input;
    const items = { ...this.#renderDefaults(), ...cluster.configItems };
    this.#data = new ClusterData(cluster, items, this.#input.account);
    this.#dot = templateDot(this.#data.cluster, this.#values, null);
    const stacks: RenderedStack[] = [];
    this.#attempt(() => stacks.push(...this.#renderClusterStacks()));
    const pools: RenderedPool[] = [];
    for (const pool of cluster.nodePools) {
      this.#attempt(() => {
        const stack = this.#renderPoolStack(pool);
        stacks.push(stack);
        pools.push({
          name: pool.name,
          profile: pool.profile,
          controlPlane: isControlPlane(pool),
          stackName: stack.name,
          digest: digestParts(['pool', pool.name, stack.digest]),
        });
      });
    }
    const components: RenderedComponent[] = [];
    for (const component of this.#tree.components) {
      this.#attempt(() => components.push(this.#renderComponent(component.name, component.files)));
    }
    let deletions: RenderedCluster['deletions'] = { preApply: [], postApply: [] };
    this.#attempt(() => {
      deletions = this.#renderDeletions();
    });
    if (this.#problems.length > 0) throw new RenderingError(distinct(this.#problems).slice(0, maxProblems));
    const units = [
      ...stacks.map((stack) => `stack ${stack.name} ${stack.digest}`),
      ...components.map((component) => `component ${component.name} ${component.digest}`),
      ...pools.map((pool) => `pool ${pool.name} ${pool.digest}`),
      `deletions ${digestText(canonicalJson(deletions))}`,
    ];
    return { clusterId: cluster.id, commit, digest: digestParts(units), stacks, components, pools, deletions };
  }

  /** Collects problems of one unit and goes on with the next: all problems at once. */
  #attempt(render: () => void): void {
    try {
      render();
    } catch (error) {
      if (!(error instanceof RenderingError)) throw error;
      this.#problems.push(...error.problems);
    }
  }

  #renderDefaults(): ConfigItems {
    const file = this.#tree.defaults;
    if (file === undefined) return {};
    const result = parseDefaults(this.#render(file, this.#dot));
    if (!result.ok) throw new RenderingError(this.#placed(file, this.#dot, result.problems));
    return result.items;
  }

  #renderClusterStacks(): RenderedStack[] {
    const { cluster } = this.#input;
    const stacks: RenderedStack[] = [];
    const { etcdStack, clusterStack } = this.#tree;
    if (etcdStack !== undefined) stacks.push(this.#stack(etcdStack, 'etcd', 'etcd-cluster-etcd', this.#dot));
    if (clusterStack !== undefined) stacks.push(this.#stack(clusterStack, 'cluster', cluster.localId, this.#dot));
    return stacks;
  }

  #renderPoolStack(pool: NodePool): RenderedStack {
    const { cluster } = this.#input;
    const profile = this.#tree.profiles.get(pool.profile);
    if (profile?.stack === undefined) {
      const known = [...this.#tree.profiles].filter(([, files]) => files.stack !== undefined).map(([name]) => name);
      throw new RenderingError([
        {
          file: `node-pools/${pool.profile}/stack.yaml`,
          message: `node pool ${pool.name} of cluster ${cluster.id} has profile ${pool.profile}, which this configuration does not have`,
          remedy:
            known.length === 0
              ? 'add the profile to the configuration'
              : `use one of: ${known.join(', ')}; or add the profile`,
        },
      ]);
    }
    const struct = this.#data.pools.get(pool.name) as GoStruct;
    const values = new Map(this.#values);
    let userData: { token: string; text: string } | undefined;
    if (profile.userdata !== undefined) {
      const text = this.#render(profile.userdata, templateDot(this.#data.cluster, this.#values, struct));
      userData = { token: userDataToken(text), text };
      values.set('UserData', userData.token);
    }
    const name = `nodepool-${pool.name}-${cluster.id.replaceAll(':', '-')}`;
    const stack = this.#stack(
      profile.stack,
      'node-pool',
      name,
      templateDot(this.#data.cluster, values, struct),
      pool.name,
    );
    if (userData === undefined) return stack;
    const encoded = encodeUserData(userData.text);
    return { ...stack, template: stack.template.replaceAll(userData.token, () => encoded) };
  }

  #stack(file: TemplateFile, kind: RenderedStack['kind'], name: string, dot: GoStruct, pool?: string): RenderedStack {
    const template = this.#render(file, dot);
    const parsed = parseStackTemplate(template);
    if (!parsed.ok) throw new RenderingError(this.#placed(file, dot, parsed.problems));
    const tags: Record<string, string> = {
      ...parsed.tags,
      [`kubernetes.io/cluster/${this.#input.cluster.id}`]: 'owned',
    };
    if (pool !== undefined) tags['NodePool'] = pool;
    const parameters: Record<string, string> = {};
    const digest = digestParts(['stack', name, parsed.digest, canonicalJson(parameters), canonicalJson(tags)]);
    return { name, kind, template, parameters, tags, digest, ...(pool === undefined ? {} : { pool }) };
  }

  #renderComponent(name: string, files: readonly TemplateFile[]): RenderedComponent {
    const objects: RenderedComponent['objects'] = [];
    const digests: string[] = [];
    const problems: Problem[] = [];
    for (const file of files) {
      try {
        const text = this.#render(file, this.#dot);
        if (text.trim() === '') continue;
        const parsed = parseManifests(text);
        if (parsed.ok) {
          objects.push(...parsed.objects);
          digests.push(parsed.digest);
        } else problems.push(...this.#placed(file, this.#dot, parsed.problems));
      } catch (error) {
        if (!(error instanceof RenderingError)) throw error;
        problems.push(...error.problems);
      }
    }
    if (problems.length > 0) throw new RenderingError(problems);
    return { name, objects, digest: digestParts(['component', name, ...digests]) };
  }

  #renderDeletions(): RenderedCluster['deletions'] {
    const file = this.#tree.deletions;
    if (file === undefined) return { preApply: [], postApply: [] };
    const result = parseDeletions(this.#render(file, this.#dot));
    if (!result.ok) throw new RenderingError(this.#placed(file, this.#dot, result.problems));
    return result.deletions;
  }

  #render(file: TemplateFile, dot: GoStruct): string {
    // manifests are rendered with one dot, so that a hash of a sibling need not render it twice
    const shared = dot === this.#dot && file !== this.#tree.defaults;
    const known = shared ? this.#texts.get(file.path) : undefined;
    if (known !== undefined) return known;
    const outer = this.#current;
    this.#current = file;
    try {
      const text = renderFile(file, dot, this.#functions);
      if (shared) this.#texts.set(file.path, text);
      return text;
    } finally {
      this.#current = outer;
    }
  }

  /** sha256 of another rendered manifest, by its path relative to the file that asks. */
  #manifestHash(path: string): string {
    if (this.#hashing)
      throw new TemplateFunctionError('manifestHash is not reentrant: the hashed manifest asks for a hash itself');
    const target = posix.normalize(posix.join(posix.dirname(this.#current?.path ?? ''), path));
    const file = this.#tree.files.get(target);
    if (file === undefined || !target.startsWith('manifests/'))
      throw new TemplateFunctionError(`there is no manifest ${target}`);
    this.#hashing = true;
    try {
      return digestText(this.#render(file, this.#dot));
    } finally {
      this.#hashing = false;
    }
  }

  /** Problems of a rendered text at the line of the template that made the rendered line. */
  #placed(file: TemplateFile, dot: GoStruct, problems: readonly TextProblem[]): Problem[] {
    return problems.slice(0, maxProblems).map((problem) => {
      this.#current = file;
      const line = sourceLineOf(file, dot, this.#functions, problem.line);
      return {
        file: file.path,
        ...(line === undefined ? {} : { line }),
        ...(problem.path === undefined ? {} : { path: problem.path }),
        message: `${problem.message} (line ${problem.line} of the rendered text)`,
        remedy: problem.remedy,
      };
    });
  }
}

/** A manifest that others hash fails once for each of them. */
function distinct(problems: readonly Problem[]): Problem[] {
  const seen = new Map<string, Problem>();
  for (const problem of problems) seen.set(`${problem.file}:${problem.line ?? ''}:${problem.message}`, problem);
  return [...seen.values()];
}
