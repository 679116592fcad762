import type { ClusterCore } from '../kube/cluster-core.ts';
import type { PersistentVolumeClaim, Pod } from '../kube/kinds.ts';
import { type Fields, fieldsOf, listOf, shownText } from '../kube/object.ts';
import type { FileAccess, FileError, Process } from '../kube/process.ts';
import { parseQuantity } from '../kube/quantity.ts';

type Content = Map<string, string>;
type Failure = { error: FileError; message: string };

/** What volumes hold: those of a claim outlive their pods. Only written ones take any memory. */
export class VolumeData {
  readonly #volumes = new Map<string, Content>();

  constructor(core: ClusterCore) {
    core.store.onChange('persistentvolumes', ({ object, type }) => {
      if (type === 'DELETED') this.#volumes.delete(`pv/${object.metadata.name}`);
    });
    core.store.onChange('pods', ({ object, type }) => {
      if (type !== 'DELETED' || this.#volumes.size === 0) return;
      const prefix = `pod/${object.metadata.uid}/`;
      for (const key of this.#volumes.keys()) if (key.startsWith(prefix)) this.#volumes.delete(key);
    });
  }

  get isEmpty(): boolean {
    return this.#volumes.size === 0;
  }

  names(key: string): string[] {
    return [...(this.#volumes.get(key)?.keys() ?? [])];
  }

  read(key: string, path: string): string | undefined {
    return this.#volumes.get(key)?.get(path);
  }

  /** False when the volume is full. */
  write(key: string, path: string, content: string, capacity: number): boolean {
    const files: Content = this.#volumes.get(key) ?? new Map<string, string>();
    let used = Buffer.byteLength(content);
    for (const [name, text] of files) if (name !== path) used += Buffer.byteLength(text);
    if (used > capacity) return false;
    files.set(path, content);
    this.#volumes.set(key, files);
    return true;
  }
}

interface Mount {
  volume: Fields;
  /** Inside of the volume. */
  path: string;
  readOnly: boolean;
}

/** The file system of one container. */
export class ContainerFiles implements FileAccess {
  readonly #core: ClusterCore;
  readonly #data: VolumeData;
  readonly #process: Process;
  #scratch: Content | undefined;

  constructor(core: ClusterCore, data: VolumeData, process: Process) {
    this.#core = core;
    this.#data = data;
    this.#process = process;
  }

  get scratched(): boolean {
    return this.#scratch !== undefined;
  }

  read(path: string): { content: string } | Failure {
    const pod = this.#process.pod();
    const mount = pod && this.#mountOf(pod, path);
    const content = mount ? this.#readMounted(pod, mount) : this.#scratch?.get(path);
    return content === undefined
      ? { error: 'not-found', message: `open ${path}: no such file or directory` }
      : { content };
  }

  write(path: string, content: string): Failure | undefined {
    const pod = this.#process.pod();
    const mount = pod && this.#mountOf(pod, path);
    if (!mount) {
      if (fieldsOf(fieldsOf(this.#process.container['securityContext']))['readOnlyRootFilesystem'] === true)
        return { error: 'denied', message: `open ${path}: read-only file system` };
      this.#scratch ??= new Map();
      this.#scratch.set(path, content);
      return undefined;
    }
    const place = this.#placeOf(pod, mount.volume);
    if (mount.readOnly || !place) return { error: 'denied', message: `open ${path}: read-only file system` };
    return this.#data.write(place.key, mount.path, content, place.capacity)
      ? undefined
      : { error: 'full', message: `write ${path}: no space left on device` };
  }

  list(folder: string): string[] {
    const pod = this.#process.pod();
    const mount = pod && this.#mountOf(pod, folder);
    if (!mount) return [];
    const place = this.#placeOf(pod, mount.volume);
    const inside = this.#apiPaths(pod, mount.volume) ?? (place ? this.#data.names(place.key) : []);
    const below = mount.path === '' ? '' : `${mount.path}/`;
    const root = folder.replace(/\/$/, '');
    return inside
      .filter((path) => path.startsWith(below))
      .map((path) => `${root}/${path.slice(below.length)}`)
      .sort();
  }

  #apiPaths(pod: Pod, volume: Fields): string[] | undefined {
    const source = fieldsOf(volume['configMap'] ?? volume['secret']);
    const name = source['name'] ?? source['secretName'];
    if (name === undefined) return undefined;
    const items = listOf(source['items']).map(fieldsOf);
    if (items.length > 0) return items.map((each) => String(each['path']));
    const table = volume['configMap'] === undefined ? 'secrets' : 'configmaps';
    const object = this.#core.store.table(table).get(pod.metadata.namespace, shownText(name));
    return Object.keys(fieldsOf(object?.['data']));
  }

  #mountOf(pod: Pod, path: string): Mount | undefined {
    let best: { at: string; mount: Fields } | undefined;
    for (const mount of listOf(this.#process.container['volumeMounts']).map(fieldsOf)) {
      const at = shownText(mount['mountPath'] ?? '').replace(/\/$/, '');
      if ((path === at || path.startsWith(`${at}/`)) && at.length >= (best?.at.length ?? 0)) best = { at, mount };
    }
    const volume = best && pod.spec.volumes?.find((each) => each.name === best.mount['name']);
    if (!best || !volume) return undefined;
    const sub = typeof best.mount['subPath'] === 'string' ? best.mount['subPath'] : '';
    const inside = [sub, path.slice(best.at.length + 1)].filter((part) => part !== '').join('/');
    return { volume, path: inside, readOnly: best.mount['readOnly'] === true };
  }

  #readMounted(pod: Pod, mount: Mount): string | undefined {
    const { volume, path } = mount;
    const fromApi = this.#apiVolume(pod, volume, path);
    if (fromApi !== undefined) return fromApi.content;
    const place = this.#placeOf(pod, volume);
    return place && this.#data.read(place.key, path);
  }

  /** Config maps and secrets show the object as it is now. */
  #apiVolume(pod: Pod, volume: Fields, path: string): { content: string | undefined } | undefined {
    const kinds = [
      ['configMap', 'configmaps', 'name'],
      ['secret', 'secrets', 'secretName'],
    ] as const;
    for (const [source, table, field] of kinds) {
      if (volume[source] === undefined) continue;
      const wanted = fieldsOf(volume[source]);
      const object = this.#core.store.table(table).get(pod.metadata.namespace, String(wanted[field]));
      const items = listOf(wanted['items']).map(fieldsOf);
      const key = items.length === 0 ? path : items.find((each) => each['path'] === path)?.['key'];
      const value = fieldsOf(object?.['data'])[String(key)];
      if (typeof value !== 'string') return { content: undefined };
      return { content: source === 'secret' ? Buffer.from(value, 'base64').toString('utf8') : value };
    }
    return undefined;
  }

  #placeOf(pod: Pod, volume: Fields): { key: string; capacity: number } | undefined {
    const claimName = fieldsOf(volume['persistentVolumeClaim'])['claimName'];
    if (typeof claimName === 'string') {
      const claim = this.#core.store
        .typed<PersistentVolumeClaim>('persistentvolumeclaims')
        .get(pod.metadata.namespace, claimName);
      if (claim?.spec.volumeName === undefined) return undefined;
      const capacity = parseQuantity(claim.status.capacity?.['storage'] ?? '1Gi') ?? 0;
      return { key: `pv/${claim.spec.volumeName}`, capacity };
    }
    if (volume['emptyDir'] !== undefined) {
      const limit = fieldsOf(volume['emptyDir'])['sizeLimit'];
      const capacity = parseQuantity(limit) ?? Number.POSITIVE_INFINITY;
      return { key: `pod/${pod.metadata.uid}/${String(volume['name'])}`, capacity };
    }
    const path = fieldsOf(volume['hostPath'])['path'];
    if (typeof path !== 'string') return undefined;
    return { key: `host/${this.#process.node}/${path}`, capacity: Number.POSITIVE_INFINITY };
  }
}
