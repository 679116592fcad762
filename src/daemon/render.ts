/** The Render port on the configuration repository: trees and results are kept for as long as they are likely to be asked again. */
import type { Cluster, InfrastructureAccount } from '../domain/cluster.ts';
import { questionKey } from '../domain/lookups.ts';
import type { Problem } from '../domain/problem.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { CloudLookups } from '../ports/cloud-lookups.ts';
import type { Render, RenderResult } from '../ports/renderer.ts';
import type { RenderingOutcome } from '../rendering/cluster-rendering.ts';
import type { RenderInput } from '../rendering/render-input.ts';
import { createRenderer } from '../rendering/renderer.ts';
import { BoundedCache } from '../support/bounded-cache.ts';
import { wallMs, yieldToEventLoop } from '../support/deadline.ts';
import { digestOf } from '../support/digest.ts';
import { hideValues } from '../support/redact.ts';
import { sealedMark } from '../support/sealed.ts';
import { type FurtherSource, type WholeTree, wholeTree } from './further-sources.ts';
import { createLookupRecord, type LookupRecord } from './lookup-record.ts';

export interface RenderOptions {
  source: Pick<ChannelSource, 'readTree'>;
  /** Folder of the channel configuration in the repository. */
  path: string;
  /** Repositories that commits may pin; none unless given. */
  further?: readonly FurtherSource[];
  accounts: () => InfrastructureAccount[];
  /** All of the registry: templates may ask who else is in a cluster's account; none unless given. */
  clusters?: () => readonly Cluster[];
  /** Asks the cloud for what templates look up, and decrypts; absent = only what is recorded, and no secrets. */
  cloud?: (cluster: Cluster) => CloudLookups;
  /** Where answers are locked; absent = in memory. */
  record?: LookupRecord;
  /**
   * Without a cloud to decrypt with, a mark stands for each encrypted value, the same for the same ciphertext, and the result says
   * that it is sealed: it can be compared with others of its kind, and with nothing else.
   */
  seal?: boolean;
  /** How whoever asks without a cloud gets one, for remedies: `give --live`. */
  allow?: string;
}

/** Each channel may be at a version of its own while a newer one comes in. */
const keptTrees = 8;
/** Clusters in flight ask again for each of their phases. */
const keptResults = 128;
const keptSecrets = 5_000;
/** One answer may lead to the next question; more rounds than this are a configuration that goes in circles. */
const mostRounds = 64;

export function createRender(options: RenderOptions): Render {
  const renderer = createRenderer();
  const trees = new BoundedCache<string, KeptTree>({ maxEntries: keptTrees });
  const results = new BoundedCache<string, RenderResult>({ maxEntries: keptResults });
  const record = options.record ?? createLookupRecord(undefined, undefined, () => 0);
  const secrets = new BoundedCache<string, string>({ maxEntries: keptSecrets });

  async function rounds(cluster: Cluster, commit: string, around: Around) {
    const whole = await treeOf(trees, options, commit);
    // what a pin lacks may be pushed yet
    if (!whole.ok) return failed(whole.problems);
    const { tree, pins } = whole;
    const plaintexts = new Map<string, string>();
    let sealed = false;
    for (let round = 0; round < mostRounds; round++) {
      const lookups = await record.recorded(commit, cluster);
      const outcome = await inSlices(
        renderer.begin({ cluster, tree, commit, lookups, secrets: plaintexts, ...around }),
      );
      if (outcome.ok)
        return { ...outcome, ...(sealed ? { sealed } : {}), ...(pins.length === 0 ? {} : { sources: pins }) };
      if (outcome.problems.length > 0) return { ok: false as const, problems: outcome.problems, final: true };
      if (options.cloud === undefined) {
        if (options.seal !== true || outcome.needs.secrets.length === 0)
          return unanswered(outcome.needs, options.allow);
        for (const value of outcome.needs.secrets) plaintexts.set(value, sealedMark(value));
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
    const accountClusters = (options.clusters?.() ?? []).filter(
      (one) => one.infrastructureAccount === cluster.infrastructureAccount,
    );
    const around: Around = {
      ...(account === undefined ? {} : { account }),
      ...(accountClusters.length === 0 ? {} : { accountClusters }),
    };
    const key = [commit, inputDigest(cluster), ...accountClusters.map(inputDigest), digestOf(account ?? null)].join(
      '\0',
    );
    const known = results.get(key);
    if (known !== undefined) return known;
    const result = await rounds(cluster, commit, around);
    // what only waits for an answer is asked again
    if (result.ok || result.final) results.set(key, result);
    return result;
  };
}

/** Sockets and timers get their turn whenever rendering has held the thread for this long (docs/adr/0009). */
const sliceMs = 5;

async function inSlices(units: Generator<void, RenderingOutcome>): Promise<RenderingOutcome> {
  await yieldToEventLoop();
  let since = wallMs();
  for (;;) {
    const unit = units.next();
    if (unit.done === true) return unit.value;
    if (wallMs() - since < sliceMs) continue;
    await yieldToEventLoop();
    since = wallMs();
  }
}

type Failed = Extract<RenderResult, { ok: false }> & { final: boolean };

function failed(problems: Problem[]): Failed {
  return { ok: false, problems, final: false };
}

/** Without a cloud to ask, each open question is a problem. */
function unanswered(needs: Extract<RenderingOutcome, { ok: false }>['needs'], allow: string | undefined): Failed {
  const or = allow === undefined ? '' : `, or ${allow}`;
  const lookups = needs.lookups.map((question) => ({
    file: '-',
    message: `not recorded: ${questionKey(question)}`,
    remedy: `let a daemon render this commit once${or}`,
  }));
  const encrypted = needs.secrets.length;
  const message = `${encrypted} config items are encrypted`;
  const remedy = `only a daemon may decrypt them${or}`;
  return failed([...lookups, ...(encrypted === 0 ? [] : [{ file: '-', message, remedy }])]);
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

/** A tree that is being read, or was. */
interface KeptTree {
  reading: Promise<WholeTree>;
  /** Wall ms. */
  staleAt: number;
}

const lackingTreeMs = 10_000;

function treeOf(trees: BoundedCache<string, KeptTree>, options: RenderOptions, commit: string): Promise<WholeTree> {
  const known = trees.get(commit);
  if (known !== undefined && wallMs() < known.staleAt) return known.reading;
  const reading = options.source.readTree(commit, options.path).then((base) => wholeTree(base, options.further ?? []));
  const kept: KeptTree = { reading, staleAt: Number.POSITIVE_INFINITY };
  trees.set(commit, kept);
  // A failed read is not remembered; one that lacks something is, for as long as a fleet takes to ask for it.
  reading.then(
    (whole) => {
      if (!whole.ok) kept.staleAt = wallMs() + lackingTreeMs;
    },
    () => trees.delete(commit),
  );
  return reading;
}

type Around = Pick<RenderInput, 'account' | 'accountClusters'>;

/** The status that the registry keeps of a cluster does not render. */
const digests = new WeakMap<Cluster, string>();

function inputDigest(cluster: Cluster): string {
  const known = digests.get(cluster);
  if (known !== undefined) return known;
  const digest = digestOf(cluster);
  digests.set(cluster, digest);
  return digest;
}
