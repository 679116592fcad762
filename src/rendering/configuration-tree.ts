import type { TemplateFile } from './template-file.ts';
import { templateFile } from './template-file.ts';

/** The files of a channel configuration by what they are for. Built once a commit. */
export interface ConfigurationTree {
  files: ReadonlyMap<string, TemplateFile>;
  defaults: TemplateFile | undefined;
  clusterStack: TemplateFile | undefined;
  etcdStack: TemplateFile | undefined;
  profiles: ReadonlyMap<string, { stack: TemplateFile | undefined; userdata: TemplateFile | undefined }>;
  /** In the order in which they are applied: by directory name. */
  components: readonly { name: string; files: readonly TemplateFile[] }[];
  deletions: TemplateFile | undefined;
}

const yamlFile = /\.ya?ml$/;

/** Sorts the files of a tree into the layout of a channel configuration. Files that are not part of it are left alone. */
export function configurationTree(tree: ReadonlyMap<string, string>): ConfigurationTree {
  const files = new Map<string, TemplateFile>();
  const profiles = new Map<string, { stack: TemplateFile | undefined; userdata: TemplateFile | undefined }>();
  const components = new Map<string, TemplateFile[]>();
  for (const path of [...tree.keys()].sort()) {
    const file = templateFile(path, tree.get(path) as string);
    files.set(path, file);
    const [area, name, ...rest] = path.split('/');
    if (area === 'node-pools' && name !== undefined && rest.length === 1) {
      const profile = profiles.get(name) ?? { stack: undefined, userdata: undefined };
      if (rest[0] === 'stack.yaml') profile.stack = file;
      if (rest[0] === 'userdata.yaml') profile.userdata = file;
      profiles.set(name, profile);
    }
    if (area === 'manifests' && name !== undefined && rest.length >= 1 && yamlFile.test(path)) {
      components.set(name, [...(components.get(name) ?? []), file]);
    }
  }
  return {
    files,
    defaults: files.get('config-defaults.yaml'),
    clusterStack: files.get('cluster.yaml'),
    etcdStack: files.get('etcd/stack.yaml') ?? files.get('etcd-cluster.yaml'),
    profiles,
    components: [...components].map(([name, list]) => ({ name, files: list })),
    deletions: files.get('manifests/deletions.yaml'),
  };
}
