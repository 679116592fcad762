/** A cluster registry over HTTP, by the REST API of the original's registry: what is listed, and status written back. */
import { z } from 'zod';
import { FailureError, terminal, transient } from '../../../domain/failure.ts';
import type { Problem } from '../../../domain/problem.ts';
import { type RegistryProblem, type RegistryStatus, sameRegistryStatus } from '../../../domain/registry-status.ts';
import type { Registry, RegistryView } from '../../../ports/channel-source.ts';
import type { RegistryStatusStore, StatusWrite } from '../../../ports/registry-status.ts';
import { checkWithSchema, type YamlPlaces } from '../../yaml-document.ts';
import { type PlacedAccount, type PlacedCluster, placeCluster, toAccount } from '../registry-documents.ts';
import { clusterSchema, infrastructureAccountSchema, nodePoolSchema } from '../registry-schema.ts';
import { viewRegistry } from '../registry-view.ts';
import { connectRegistry, type RegistryConnection, type RegistryConnectionOptions } from './registry-connection.ts';

export interface HttpRegistryOptions extends RegistryConnectionOptions {
  /** Names of the pipeline's channels now; a cluster on another one is a problem. */
  channels: () => readonly string[] | undefined;
}

export interface HttpRegistry extends Registry, RegistryStatusStore {}

/** A server may be newer than this program: fields that are not known are left alone, not refused. */
const listedCluster = clusterSchema.extend({ node_pools: z.array(nodePoolSchema.strip()).default([]) }).strip();
const listedAccount = infrastructureAccountSchema.strip();
const list = z.object({ items: z.array(z.unknown()).max(5_000, 'at most 5000 items are read') });

/** How often an update is made again because somebody else wrote in between. */
const writeAttempts = 5;

export function openHttpRegistry(options: HttpRegistryOptions): HttpRegistry {
  const connection = connectRegistry(options);
  const listing = (path: string): (() => Promise<Listing>) => createListing(connection, options.url, path);
  const readAccounts = listing('/infrastructure-accounts');
  const readClusters = listing('/kubernetes-clusters');
  let statuses: ReadonlyMap<string, RegistryStatus> = new Map();
  return {
    async read(): Promise<RegistryView> {
      const problems: Problem[] = [];
      try {
        const [accountItems, clusterItems] = await Promise.all([readAccounts(), readClusters()]);
        problems.push(...accountItems.problems, ...clusterItems.problems);
        statuses = statusesOf(clusterItems.items);
        const accounts = accountItems.items.flatMap((item) => placeAccount(item, problems));
        const clusters = clusterItems.items.flatMap((item) => placeListedCluster(item, problems));
        const accountsKnown = accountItems.problems.length === 0;
        return viewRegistry({ clusters, accounts, accountsKnown, channels: options.channels() }, problems);
      } catch (error) {
        if (!(error instanceof FailureError)) throw error;
        const { message, code } = error.failure;
        problems.push({ file: options.url, message, remedy: `clm explain ${code}` });
        return { clusters: [], accounts: [], problems };
      }
    },
    known: () => statuses,
    update: (clusterId, change) => updateStatus(connection, clusterId, change),
  };
}

interface Listed {
  value: Record<string, unknown>;
  places: YamlPlaces;
}

interface Listing {
  items: Listed[];
  problems: Problem[];
}

/** Lists a collection; while the server says that nothing changed, the last answer is the answer. */
function createListing(connection: RegistryConnection, url: string, path: string): () => Promise<Listing> {
  const address = `${url.replace(/\/+$/, '')}${path}`;
  let last: { etag: string; listing: Listing } | undefined;
  return async () => {
    const answer = await connection({
      method: 'GET',
      path,
      ...(last === undefined ? {} : { ifNoneMatch: last.etag }),
    });
    if (answer.status === 304 && last !== undefined) return last.listing;
    if (answer.status !== 200) {
      const message = `GET ${address} answers ${answer.status}: there is no cluster registry at this address`;
      throw new FailureError(terminal('registry-invalid', message));
    }
    const checked = checkWithSchema(answer.body, list, { file: address, lineOf: () => undefined });
    const listing: Listing = checked.ok
      ? { items: checked.value.items.map((item, i) => listed(item, address, i)), problems: [] }
      : { items: [], problems: checked.problems };
    last = answer.etag === undefined || !checked.ok ? undefined : { etag: answer.etag, listing };
    return listing;
  };
}

/** Problems of an item name it by its id, as somebody would look it up. */
function listed(item: unknown, address: string, index: number): Listed {
  const value = (withoutNulls(item) ?? {}) as Record<string, unknown>;
  const name = typeof value['id'] === 'string' ? value['id'] : `item ${index + 1}`;
  return { value, places: { file: `${address}/${name}`, lineOf: () => undefined } };
}

/** The original writes `null` for what is not there. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])),
  );
}

function placeAccount({ value, places }: Listed, problems: Problem[]): PlacedAccount[] {
  const checked = checkWithSchema(value, listedAccount, places);
  if (checked.ok) return [{ account: toAccount(checked.value), places, path: [] }];
  problems.push(...checked.problems);
  return [];
}

function placeListedCluster({ value, places }: Listed, problems: Problem[]): PlacedCluster[] {
  const checked = checkWithSchema(value, listedCluster, places);
  if (!checked.ok) {
    problems.push(...checked.problems);
    return [];
  }
  const placed = placeCluster(checked.value, places, []);
  problems.push(...placed.problems);
  return placed.clusters;
}

function statusesOf(items: Listed[]): Map<string, RegistryStatus> {
  return new Map(
    items.flatMap(({ value }) => (typeof value['id'] === 'string' ? [[value['id'], toStatus(value)] as const] : [])),
  );
}

const statusDocument = z.object({
  current_version: z.string().default('').catch(''),
  last_version: z.string().default('').catch(''),
  next_version: z.string().default('').catch(''),
  problems: z
    .array(
      z.object({
        type: z.string(),
        title: z.string(),
        detail: z.string().optional().catch(undefined),
        instance: z.string().optional().catch(undefined),
      }),
    )
    .default([])
    .catch([]),
});

/** What is malformed counts as absent: it is written over by the next status, and decides nothing. */
function toStatus(cluster: { status?: unknown; lifecycle_status?: unknown }): RegistryStatus {
  const parsed = statusDocument.safeParse(withoutNulls(cluster.status) ?? {});
  const document = parsed.success ? parsed.data : statusDocument.parse({});
  const lifecycle = clusterSchema.shape.lifecycle_status.safeParse(cluster.lifecycle_status);
  return {
    ...(lifecycle.success ? { lifecycle: lifecycle.data } : {}),
    currentVersion: document.current_version,
    lastVersion: document.last_version,
    nextVersion: document.next_version,
    problems: document.problems.map(({ type, title, detail, instance }): RegistryProblem => {
      return {
        type,
        title,
        ...(detail === undefined ? {} : { detail }),
        ...(instance === undefined ? {} : { instance }),
      };
    }),
  };
}

async function updateStatus(
  connection: RegistryConnection,
  clusterId: string,
  change: (known: RegistryStatus) => RegistryStatus,
): Promise<StatusWrite> {
  const path = `/kubernetes-clusters/${encodeURIComponent(clusterId)}`;
  for (let attempt = 1; attempt <= writeAttempts; attempt += 1) {
    const read = await connection({ method: 'GET', path: `${path}?verbose=false` });
    if (read.status === 404) return { kind: 'gone' };
    const known = toStatus(read.body ?? {});
    const next = change(known);
    if (sameRegistryStatus(known, next)) return { kind: 'written' };
    const ifMatch = read.etag === undefined ? {} : { ifMatch: read.etag };
    // each by itself: the one is the registry's own, the other is beside it
    const life = next.lifecycle !== known.lifecycle;
    const status = {
      current_version: next.currentVersion,
      last_version: next.lastVersion,
      next_version: next.nextVersion,
      problems: next.problems,
    };
    const body = life ? { lifecycle_status: next.lifecycle } : { status };
    const written = await connection({ method: 'PATCH', path, body, ...ifMatch });
    if (written.status === 404) return { kind: 'gone' };
    if (written.status !== 412 && !life) return { kind: 'written' };
  }
  const message = `the status of ${clusterId} was changed by somebody else ${writeAttempts} times while it was written`;
  throw new FailureError(transient('registry-contended', message));
}
