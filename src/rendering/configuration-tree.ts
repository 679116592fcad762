import { type TemplateFile, templateFile } from './template-file.ts';

/** Files of a node-pool profile. */
export interface ProfileFiles {
  /** CloudFormation stack of a pool of an Auto Scaling group. */
  stack: TemplateFile | undefined;
  userdata: TemplateFile | undefined;
  /** Files that nodes fetch from S3. */
  files: TemplateFile | undefined;
  /** Objects of a Karpenter pool. */
  provisioners: TemplateFile | undefined;
}

export interface ComponentFiles {
  name: string;
  files: readonly TemplateFile[];
}

/** The files of a channel configuration by what they are for. Built once a commit. */
export interface ConfigurationTree {
  files: ReadonlyMap<string, TemplateFile>;
  /** Of each source of the configuration, in the order in which later ones override earlier ones. */
  defaults: readonly TemplateFile[];
  clusterStack: TemplateFile | undefined;
  etcdStack: TemplateFile | undefined;
  etcdFiles: TemplateFile | undefined;
  extraStacks: readonly TemplateFile[];
  profiles: ReadonlyMap<string, ProfileFiles>;
  /** In the order in which they are applied: by directory name. */
  components: readonly ComponentFiles[];
  /** Paths of everything that `manifestHash` may be asked about. */
  manifests: ReadonlySet<string>;
  deletions: readonly TemplateFile[];
  stackDeletions: readonly TemplateFile[];
}

const yamlFile = /\.ya?ml$/;

/** Begins the path of a file that comes from a further source: `@name/manifests/…`. */
const sourceMark = '@';

/**
 * One tree of several sources. The first source is the base; of the others only defaults (which override), manifests and
 * deletions count, and their files are named `@<source>/…` in problems.
 */
export function combineTrees(
  base: ReadonlyMap<string, string>,
  further: readonly { name: string; tree: ReadonlyMap<string, string> }[],
): ReadonlyMap<string, string> {
  if (further.length === 0) return base;
  const combined = new Map(base);
  for (const { name, tree } of further)
    for (const [path, text] of tree) combined.set(`${sourceMark}${name}/${path}`, text);
  return combined;
}

/** The further source that a file comes from; undefined for the base. */
export function sourceOf(path: string): string | undefined {
  return path.startsWith(sourceMark) ? path.slice(sourceMark.length, path.indexOf('/')) : undefined;
}

class TreeSorter {
  readonly profiles = new Map<string, ProfileFiles>();
  readonly components = new Map<string, TemplateFile[]>();
  readonly manifests = new Set<string>();
  readonly extraStacks: TemplateFile[] = [];
  readonly defaults: TemplateFile[] = [];
  readonly deletions: TemplateFile[] = [];
  readonly stackDeletions: TemplateFile[] = [];

  /** `path` is relative to the file's source. */
  sort(path: string, file: TemplateFile, isBase: boolean): void {
    if (path === 'config-defaults.yaml') this.defaults.push(file);
    else if (path === 'manifests/deletions.yaml') this.deletions.push(file);
    else if (path === 'cf-manifests/deletions.yaml' || path === 'cf-manifests/cf-deletions.yaml')
      this.stackDeletions.push(file);
    else if (path === 'cf-deletions.yaml') this.stackDeletions.push(file);
    else {
      const [area, name, ...rest] = path.split('/');
      if (name === undefined) return;
      if (area === 'node-pools' && isBase && rest.length === 1) this.#profileFile(name, rest[0] as string, file);
      if (area === 'cf-manifests' && isBase && yamlFile.test(path)) this.extraStacks.push(file);
      if (area === 'manifests' && rest.length >= 1) this.#manifest(name, path, file);
    }
  }

  #profileFile(profile: string, name: string, file: TemplateFile): void {
    const files = this.profiles.get(profile) ?? {
      stack: undefined,
      userdata: undefined,
      files: undefined,
      provisioners: undefined,
    };
    if (name === 'stack.yaml') files.stack = file;
    if (name === 'userdata.yaml' || name === 'userdata.clc.yaml') files.userdata = file;
    if (name === 'files.yaml') files.files = file;
    if (name === 'provisioners.yaml') files.provisioners = file;
    this.profiles.set(profile, files);
  }

  #manifest(component: string, path: string, file: TemplateFile): void {
    if (!yamlFile.test(path)) return;
    this.components.set(component, [...(this.components.get(component) ?? []), file]);
    this.manifests.add(file.path);
  }
}

/** Sorts the files of a tree into the layout of a channel configuration. Files that are not part of it are left alone. */
export function configurationTree(tree: ReadonlyMap<string, string>): ConfigurationTree {
  const files = new Map<string, TemplateFile>();
  const sorter = new TreeSorter();
  const sources = new Map<string, [path: string, file: TemplateFile][]>([['', []]]);
  for (const path of [...tree.keys()].sort()) {
    const file = templateFile(path, tree.get(path) as string);
    files.set(path, file);
    const slash = path.startsWith(sourceMark) ? path.indexOf('/') : -1;
    const source = path.slice(0, slash + 1);
    sources.set(source, [...(sources.get(source) ?? []), [path.slice(slash + 1), file]]);
  }
  for (const [source, list] of sourcesInOrder(sources, tree))
    for (const [path, file] of list) sorter.sort(path, file, source === '');
  return {
    files,
    defaults: sorter.defaults,
    clusterStack: files.get('cluster.yaml'),
    etcdStack: files.get('etcd/stack.yaml') ?? files.get('etcd-cluster.yaml'),
    etcdFiles: files.get('etcd/files.yaml'),
    extraStacks: sorter.extraStacks,
    profiles: sorter.profiles,
    components: [...sorter.components]
      .map(([name, list]) => ({ name, files: list }))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    manifests: sorter.manifests,
    deletions: sorter.deletions,
    stackDeletions: sorter.stackDeletions,
  };
}

/** The base first, then the others as they were combined: a Map keeps the order of insertion. */
function sourcesInOrder<List>(sources: Map<string, List>, tree: ReadonlyMap<string, string>): [string, List][] {
  const order = new Set(['']);
  for (const path of tree.keys()) if (path.startsWith(sourceMark)) order.add(path.slice(0, path.indexOf('/') + 1));
  return [...order].map((source) => [source, sources.get(source) as List]);
}
