/** The Render port on the configuration repository: trees and results are kept for as long as they are likely to be asked again. */
import type { Cluster, InfrastructureAccount } from '../domain/cluster.ts';
import { questionKey } from '../domain/lookups.ts';
import type { Problem } from '../domain/problem.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { CloudLookups } from '../ports/cloud-lookups.ts';
import type { Render, RenderResult } from '../ports/renderer.ts';
import type { RenderingOutcome } from '../rendering/cluster-rendering.ts';
import { createRenderer } from '../rendering/renderer.ts';
import { BoundedCache } from '../support/bounded-cache.ts';
import { yieldToEventLoop } from '../support/deadline.ts';
import { digestOf } from '../support/digest.ts';
import { hideValues } from '../support/redact.ts';
import { createLookupRecord, type LookupRecord } from './lookup-record.ts';

export interface RenderOptions {
  source: Pick<ChannelSource, 'readTree'>;
  /** Folder of the channel configuration in the repository. */
  path: string;
  accounts: () => InfrastructureAccount[];
  /** Asks the cloud for what templates look up, and decrypts; absent = only what is recorded, and no secrets. */
  cloud?: (cluster: Cluster) => CloudLookups;
  /** Where answers are locked; absent = in memory. */
  record?: LookupRecord;
  /**
   * Without a cloud to decrypt with, a mark stands for each encrypted value, the same for the same ciphertext, and the result says
   * that it is sealed: it can be compared with others of its kind, and with nothing else.
   */
  seal?: boolean;
}

/** Each channel may be at a version of its own while a newer one comes in. */
const keptTrees = 8;
/** Clusters in flight ask again for each of their phases. */
const keptResults = 128;
const keptSecrets = 5_000;
/** One answer may lead to the next question; more rounds than this are a configuration that goes in circles. */
const mostRounds = 10;

export function createRender(options: RenderOptions): Render {
  const renderer = createRenderer();
  const trees = new BoundedCache<string, Promise<ReadonlyMap<string, string>>>({ maxEntries: keptTrees });
  const results = new BoundedCache<string, RenderResult>({ maxEntries: keptResults });
  const record = options.record ?? createLookupRecord(undefined, undefined, () => 0);
  const secrets = new BoundedCache<string, string>({ maxEntries: keptSecrets });

  async function rounds(cluster: Cluster, commit: string, account: InfrastructureAccount | undefined) {
    const tree = await treeOf(trees, options, commit);
    const plaintexts = new Map<string, string>();
    let sealed = false;
    for (let round = 0; round < mostRounds; round++) {
      // Rendering holds the thread for some milliseconds a cluster; sockets and timers get their turn in between.
      await yieldToEventLoop();
      const lookups = await record.recorded(commit, cluster);
      const input = { cluster, tree, commit, lookups, secrets: plaintexts };
      const outcome = renderer.render({ ...input, ...(account === undefined ? {} : { account }) });
      if (outcome.ok) return sealed ? { ...outcome, sealed } : outcome;
      if (outcome.problems.length > 0) return { ok: false as const, problems: outcome.problems, final: true };
      if (options.cloud === undefined) {
        if (options.seal !== true || outcome.needs.secrets.length === 0) return unanswered(outcome.needs);
        for (const value of outcome.needs.secrets) plaintexts.set(value, markOf(value));
        sealed = true;
        continue;
      }
      const cloud = options.cloud(cluster);
      for (const value of outcome.needs.secrets)
        plaintexts.set(value, await plaintextOf(secrets, cluster, value, cloud));
      if (outcome.needs.lookups.length > 0) await record.resolve(commit, cluster, outcome.needs.lookups, cloud);
    }
    const message = `the templates ask for something new after ${mostRounds} rounds of look-ups`;
    return failed([{ file: '-', message, remedy: 'look for a look-up whose name is made of another look-up' }]);
  }

  return async (cluster, commit) => {
    const account = options.accounts().find((one) => one.id === cluster.infrastructureAccount);
    const key = `${commit}\0${inputDigest(cluster, account)}`;
    const known = results.get(key);
    if (known !== undefined) return known;
    const result = await rounds(cluster, commit, account);
    // what only waits for an answer is asked again
    if (result.ok || result.final) results.set(key, result);
    return result;
  };
}

type Failed = Extract<RenderResult, { ok: false }> & { final: boolean };

function failed(problems: Problem[]): Failed {
  return { ok: false, problems, final: false };
}

/** Without a cloud to ask, each open question is a problem. */
function unanswered(needs: Extract<RenderingOutcome, { ok: false }>['needs']): Failed {
  const lookups = needs.lookups.map((question) => ({
    file: '-',
    message: `not recorded: ${questionKey(question)}`,
    remedy: 'let a daemon render this commit once, or allow look-ups',
  }));
  const encrypted = needs.secrets.length;
  const message = `${encrypted} config items are encrypted`;
  const remedy = 'let them be decrypted with KMS, by a daemon or by allowing look-ups';
  return failed([...lookups, ...(encrypted === 0 ? [] : [{ file: '-', message, remedy }])]);
}

/** Nothing of the plaintext is in it, and nobody takes it for one. */
function markOf(ciphertext: string): string {
  return `sealed-${digestOf(ciphertext).slice(0, 16)}`;
}

const encryptedPrefix = 'aws:kms:';

/** Decrypted once; from then on it is hidden wherever a text is written. */
async function plaintextOf(
  known: BoundedCache<string, string>,
  cluster: Cluster,
  value: string,
  cloud: CloudLookups,
): Promise<string> {
  const key = `${cluster.infrastructureAccount} ${cluster.region} ${value}`;
  let plaintext = known.get(key);
  if (plaintext === undefined) {
    plaintext = await cloud.decrypt(value.slice(encryptedPrefix.length));
    known.set(key, plaintext);
  }
  hideValues([plaintext]);
  return plaintext;
}

function treeOf(
  trees: BoundedCache<string, Promise<ReadonlyMap<string, string>>>,
  options: RenderOptions,
  commit: string,
): Promise<ReadonlyMap<string, string>> {
  const known = trees.get(commit);
  if (known !== undefined) return known;
  const reading = options.source.readTree(commit, options.path);
  trees.set(commit, reading);
  // A failed read is not remembered.
  reading.catch(() => trees.delete(commit));
  return reading;
}

/** The status that the registry keeps of a cluster does not render. */
const digests = new WeakMap<Cluster, { account: InfrastructureAccount | undefined; digest: string }>();

function inputDigest(cluster: Cluster, account: InfrastructureAccount | undefined): string {
  const known = digests.get(cluster);
  if (known !== undefined && known.account === account) return known.digest;
  const digest = digestOf({ cluster, account });
  digests.set(cluster, { account, digest });
  return digest;
}
