/** What a cluster renders to, as files for people and for diff: secrets are replaced, order and names are stable. */
import { stringify } from 'yaml';
import { clusterVersion, type RenderedCluster } from '../domain/rendered.ts';
import { withoutSecretData } from '../planning/change/shown-text.ts';
import { redacted } from '../support/redact.ts';

const yaml = { lineWidth: 0, aliasDuplicateObjects: false };

/** Texts by path: `stacks/<name>.yaml`, `stacks/<name>.userdata`, `manifests/<component>.yaml`, `deletions.yaml`, `version.json`. */
export function renderedFiles(rendered: RenderedCluster, redact: (text: string) => string): Map<string, string> {
  const files = new Map<string, string>();
  const put = (path: string, text: string): void => {
    files.set(path, redact(text.endsWith('\n') ? text : `${text}\n`));
  };
  for (const stack of rendered.stacks) {
    const { template, userData } = stack.shown ?? { template: stack.template };
    put(`stacks/${fileName(stack.name)}.yaml`, template);
    if (userData !== undefined) put(`stacks/${fileName(stack.name)}.userdata`, userData);
    const uploads = (stack.uploads ?? []).map(({ bucket, key, files: list }) => ({
      bucket,
      key,
      files: list.map(({ path, permissions, encrypted, data }) => ({
        path,
        permissions: `0${permissions.toString(8)}`,
        encrypted,
        data: encrypted ? redacted : data,
      })),
    }));
    if (uploads.length > 0) put(`stacks/${fileName(stack.name)}.files.yaml`, stringify(uploads, yaml));
  }
  for (const { name, objects } of rendered.components) {
    if (objects.length === 0) continue;
    put(
      `manifests/${fileName(name)}.yaml`,
      objects.map((object) => stringify(withoutSecretData(object), yaml)).join('---\n'),
    );
  }
  put('deletions.yaml', stringify(rendered.deletions, yaml));
  const digests = (units: { name: string; digest: string }[]): Record<string, string> =>
    Object.fromEntries(units.map((unit) => [unit.name, unit.digest]));
  const version = {
    cluster: rendered.clusterId,
    version: clusterVersion(rendered),
    digest: rendered.digest,
    stacks: digests(rendered.stacks),
    components: digests(rendered.components),
    pools: digests(rendered.pools),
    karpenterPools: digests(rendered.karpenterPools),
  };
  put('version.json', JSON.stringify(version, undefined, 2));
  return files;
}

/** Names come from templates: none leads out of the folder. */
function fileName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+/, '_');
}
