import { ApiError, badRequest, expired, notFound } from './api-error.ts';
import { type KubeAnswer, type KubeRequest, notAcceptable, partialMetadata, type Target } from './api-request.ts';
import type { ClusterCore } from './cluster-core.ts';
import { managersOf } from './controller-fields.ts';
import { eventAs } from './event-versions.ts';
import type { Node } from './kinds.ts';
import type { Fields, SimObject } from './object.ts';
import { requireListVersion } from './request-options.ts';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';
import { tableOf } from './table-format.ts';
import type { WatchTarget } from './watch-hub.ts';

type Form = 'plain' | 'table' | 'metadata';

const mostSnapshots = 16;

/** Get, list, watch and the plain endpoints. */
export class ReadHandlers {
  readonly #core: ClusterCore;
  /** Lists in the middle of being paged through, by token number. */
  readonly #snapshots = new Map<number, { items: SimObject[]; revision: number }>();
  #nextSnapshot = 1;

  constructor(core: ClusterCore) {
    this.#core = core;
  }

  get(target: Target): KubeAnswer {
    const { definition, namespace, name } = target;
    const object = this.#core.store.table(definition.key).get(namespace, name as string);
    if (!object) throw notFound(definition, name as string);
    const shown = this.#withManagers(target, object);
    const form = formOf(target.request);
    if (form === 'table') return { status: 200, body: this.#table(target, [shown], object.metadata.resourceVersion) };
    return { status: 200, body: form === 'metadata' ? partialMetadata(shown) : shown };
  }

  list(target: Target): KubeAnswer {
    const { query } = target.request;
    requireListVersion(query, this.#core.store.revision);
    const matches = selection(target);
    const limit = Number(query.get('limit') ?? 0) || 0;
    const token = query.get('continue') ?? '';
    const page = token === '' ? this.#first(target, matches) : this.#continued(token);
    const upTo = limit > 0 ? page.start + limit : page.items.length;
    const items = page.items.slice(page.start, upTo).map((object) => this.#shown(target, object));
    const metadata: Fields = { resourceVersion: String(page.revision) };
    if (upTo < page.items.length) {
      metadata['continue'] = this.#token(page, upTo);
      // Of a selection nobody knows how many are left.
      const selects = (query.get('labelSelector') ?? '') !== '' || (query.get('fieldSelector') ?? '') !== '';
      if (!selects) metadata['remainingItemCount'] = page.items.length - upTo;
    }
    const form = formOf(target.request);
    if (form === 'table') return { status: 200, body: { ...this.#table(target, items, ''), metadata } };
    const kind = form === 'metadata' ? 'PartialObjectMetadataList' : target.definition.listKind;
    const apiVersion = form === 'metadata' ? 'meta.k8s.io/v1' : target.definition.apiVersion;
    return {
      status: 200,
      body: { kind, apiVersion, metadata, items: form === 'metadata' ? items.map(partialMetadata) : items },
    };
  }

  watchTarget(target: Target): WatchTarget {
    const { definition, namespace, request } = target;
    const { query } = request;
    const given = query.get('resourceVersion') ?? '';
    if (!/^\d*$/.test(given))
      throw new ApiError(500, undefined, `strconv.ParseUint: parsing "${given}": invalid syntax`);
    const form = formOf(request);
    const presenting =
      form !== 'plain' ||
      definition.key === 'leases.coordination.k8s.io' ||
      definition.custom !== undefined ||
      definition.group === 'events.k8s.io';
    let headerSent = false;
    const present = (object: SimObject): Fields => {
      const shown = this.#shown(target, object);
      if (form === 'metadata') return partialMetadata(shown);
      if (form !== 'table') return shown;
      const table = this.#table(target, [shown], object.metadata.resourceVersion);
      if (headerSent) table['columnDefinitions'] = null;
      headerSent = true;
      return table;
    };
    const timeout = Number(query.get('timeoutSeconds') ?? 0);
    const initial = query.get('sendInitialEvents') === 'true';
    return {
      definition,
      namespace,
      matches: selection(target),
      present: presenting ? present : undefined,
      revision: given === '' || initial ? undefined : Number(given),
      bookmarks: query.get('allowWatchBookmarks') === 'true',
      initialEventsEnd: initial && query.get('allowWatchBookmarks') === 'true',
      timeoutMs: timeout > 0 ? timeout * 1000 : undefined,
    };
  }

  /** Health, version, and 404 for everything that is no API path. */
  plain(request: KubeRequest): KubeAnswer {
    const { path, query } = request;
    const text = (body: string, status = 200): KubeAnswer => ({
      status,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body,
    });
    if (request.method !== 'GET' && request.method !== 'HEAD') return text('404 page not found\n', 404);
    const [, root, check] = path.split('/');
    if (root === 'livez' || root === 'readyz' || root === 'healthz') {
      if (check !== undefined && check !== '')
        return healthChecks.includes(check) ? text('ok') : text('404 page not found\n', 404);
      if (!query.has('verbose')) return text('ok');
      return text(`${healthChecks.map((name) => `[+]${name} ok`).join('\n')}\n${root} check passed\n`);
    }
    if (path === '/version' || path === '/version/') return { status: 200, body: versionInfo(this.#core) };
    if (path === '/metrics') return text(this.#metrics());
    if (path === '/' || path === '')
      return {
        status: 200,
        body: {
          paths: [
            '/api',
            '/apis',
            '/healthz',
            '/livez',
            '/metrics',
            '/openapi/v2',
            '/openapi/v3',
            '/readyz',
            '/version',
          ],
        },
      };
    return text('404 page not found\n', 404);
  }

  #metrics(): string {
    const lines = [
      '# HELP apiserver_storage_objects Number of stored objects at the time of last check split by kind.',
      '# TYPE apiserver_storage_objects gauge',
    ];
    for (const table of this.#core.store.tables())
      lines.push(`apiserver_storage_objects{resource="${table.key}"} ${table.byKey.size}`);
    lines.push(
      '# TYPE apiserver_longrunning_requests gauge',
      `apiserver_longrunning_requests{verb="WATCH"} ${this.#core.watches.size}`,
    );
    return `${lines.join('\n')}\n`;
  }

  #first(
    target: Target,
    matches: (object: SimObject) => boolean,
  ): { items: SimObject[]; start: number; revision: number; id?: number } {
    const { definition, namespace, request } = target;
    const given = request.query.get('resourceVersion') ?? '';
    if (!/^\d*$/.test(given)) throw badRequest(`resourceVersion: Invalid value: "${given}": invalid resource version`);
    const table = this.#core.store.table(definition.key);
    let source: SimObject[];
    const node =
      definition.key === 'pods'
        ? parseFieldSelector('pods', request.query.get('fieldSelector') ?? '').wanted('spec.nodeName')
        : undefined;
    if (node) {
      const entries = [...this.#core.store.podsOn(node).entries()].sort(([a], [b]) => (a < b ? -1 : 1));
      source = entries
        .map(([, pod]) => pod)
        .filter((pod) => namespace === undefined || pod.metadata.namespace === namespace);
    } else source = table.sorted(namespace);
    return { items: source.filter(matches), start: 0, revision: this.#core.store.revision };
  }

  #continued(token: string): { items: SimObject[]; start: number; revision: number; id: number } {
    let id = Number.NaN;
    let start = Number.NaN;
    try {
      const parsed = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { id?: unknown; start?: unknown };
      id = Number(parsed.id);
      start = Number(parsed.start);
    } catch {
      // Falls through to the check below.
    }
    if (!Number.isSafeInteger(id) || !Number.isSafeInteger(start))
      throw badRequest('continue key is not valid: illegal base64 data');
    const snapshot = this.#snapshots.get(id);
    if (!snapshot) {
      throw expired(
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
      );
    }
    return { ...snapshot, start, id };
  }

  #token(page: { items: SimObject[]; revision: number; id?: number }, start: number): string {
    let id = page.id;
    if (id === undefined) {
      id = this.#nextSnapshot++;
      this.#snapshots.set(id, { items: page.items, revision: page.revision });
      const oldest = this.#snapshots.keys().next().value;
      if (this.#snapshots.size > mostSnapshots && oldest !== undefined) this.#snapshots.delete(oldest);
    }
    return Buffer.from(JSON.stringify({ id, start })).toString('base64url');
  }

  /** One object with all its managedFields; in lists and watches only what clients wrote carries them. */
  #withManagers(target: Target, object: SimObject): SimObject {
    const shown = this.#shown(target, object);
    const managedFields = managersOf(target.definition, object);
    return managedFields.length === 0 ? shown : { ...shown, metadata: { ...shown.metadata, managedFields } };
  }

  #shown(target: Target, object: SimObject): SimObject {
    const { definition } = target;
    if (definition.key === 'events') return eventAs(definition.group, object);
    const view = this.#core.readView(definition.key, object);
    return view.apiVersion === definition.apiVersion ? view : { ...view, apiVersion: definition.apiVersion };
  }

  #table(target: Target, items: readonly SimObject[], revision: string): Fields {
    const include = target.request.query.get('includeObject') ?? 'Metadata';
    return tableOf(target.definition, items, include, revision, this.#core.clock.now());
  }
}

const healthChecks = [
  'ping',
  'log',
  'etcd',
  'poststarthook/start-apiserver-admission-initializer',
  'poststarthook/rbac/bootstrap-roles',
  'poststarthook/apiservice-registration-controller',
  'autoregister-completion',
];

function selection(target: Target): (object: SimObject) => boolean {
  const { query } = target.request;
  const label = query.get('labelSelector') ?? '';
  const field = query.get('fieldSelector') ?? '';
  const labels = parseLabelSelector(label);
  const fields = parseFieldSelector(target.definition.plural, field);
  const name = target.name;
  if (label === '' && field === '' && name === undefined) return () => true;
  return (object) =>
    (name === undefined || object.metadata.name === name) && labels(object.metadata.labels) && fields.matches(object);
}

/** The representation that the client asked for; 406 when it wants none that there is. */
function formOf(request: KubeRequest): Form {
  const accept = request.accept ?? '';
  if (accept === '') return 'plain';
  for (const item of accept.split(',')) {
    const [type, ...parameters] = item.split(';').map((part) => part.trim());
    const as = parameters.find((each) => each.startsWith('as='))?.slice(3);
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    if (as === 'Table') return 'table';
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return 'metadata';
    if (as === undefined) return 'plain';
  }
  throw notAcceptable();
}

/** API servers are as old as the kubelets that run them; of several the oldest answers, which is the one that counts. */
function servedVersion(core: ClusterCore): string {
  if (core.managedVersion !== undefined) return core.managedVersion;
  const versions = [...core.store.typed<Node>('nodes').byKey.values()]
    .filter((node) => node.metadata.labels?.['node.kubernetes.io/role'] === 'master')
    .flatMap((node) => node.status.nodeInfo?.['kubeletVersion'] ?? [])
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return versions[0] ?? core.options.kubernetesVersion;
}

function versionInfo(core: ClusterCore): Fields {
  const gitVersion = servedVersion(core);
  const [major, minor] = gitVersion.replace(/^v/, '').split('.');
  return {
    major: major ?? '1',
    minor: minor ?? '0',
    gitVersion,
    gitCommit: '0'.repeat(40),
    gitTreeState: 'clean',
    buildDate: '2025-01-01T00:00:00Z',
    goVersion: 'go1.23.3',
    compiler: 'gc',
    platform: 'linux/amd64',
  };
}
