import type { Cluster } from '../domain/cluster.ts';
import { eksItems, eksName } from '../domain/eks.ts';
import { canonicalJson, digestParts } from '../support/digest.ts';
import { outputReference } from './stack-outputs.ts';
import type { ConfigItems } from './template-data.ts';
import { configItemPaths } from './template-inputs.ts';

/** Begins the value of an encrypted config item; behind it is what KMS decrypts, in base64. */
const encryptedPrefix = 'aws:kms:';

/** A config item that is to be decrypted before anything renders. */
export function isEncrypted(value: string): boolean {
  return value.startsWith(encryptedPrefix);
}

export interface EffectiveItems {
  items: ConfigItems;
  /** Tells these items from all others; made of ciphertexts, so that it may be kept. */
  token: string;
  /** Data paths at which templates find a secret. */
  secretPaths: ReadonlySet<string>;
  /** The plaintexts. */
  secrets: readonly string[];
  /** Encrypted items whose plaintext is not given. */
  missing: readonly string[];
}

/** What EKS says of a cluster; a registry that says it itself is believed. */
const eksReferences = Object.fromEntries(
  Object.entries(eksItems).map(([item, output]) => [item, outputReference(output)]),
);

/** The cluster's items over the defaults, decrypted; and which of its own or its pools' items are secrets. */
export function effectiveItems(
  defaults: ConfigItems,
  defaultsToken: string,
  cluster: Cluster,
  plaintexts: ReadonlyMap<string, string>,
): EffectiveItems {
  const eks = eksName(cluster) === undefined ? {} : eksReferences;
  const items: Record<string, string> = { ...eks, ...defaults, ...cluster.configItems };
  const secretPaths = new Set<string>();
  const secrets = new Set<string>();
  const missing = new Set<string>();
  const own = Object.entries(items);
  const ofPools = cluster.nodePools.flatMap((pool) => Object.entries(pool.configItems));
  for (const [name, value] of [...own, ...ofPools]) {
    if (!isEncrypted(value)) continue;
    for (const path of configItemPaths(name)) secretPaths.add(path);
    const plaintext = plaintexts.get(value);
    if (plaintext === undefined) missing.add(value);
    else secrets.add(plaintext);
  }
  for (const [name, value] of own) if (isEncrypted(value)) items[name] = plaintexts.get(value) ?? '';
  const token = digestParts([defaultsToken, canonicalJson(cluster.configItems), Object.keys(eks).join()]);
  return { items, token, secretPaths, secrets: [...secrets], missing: [...missing] };
}

/** The cluster with the encrypted items of its pools decrypted. */
export function withPoolSecrets(cluster: Cluster, plaintexts: ReadonlyMap<string, string>): Cluster {
  if (!cluster.nodePools.some((pool) => Object.values(pool.configItems).some(isEncrypted))) return cluster;
  const nodePools = cluster.nodePools.map((pool) => {
    const entries = Object.entries(pool.configItems).map(([name, value]): [string, string] => [
      name,
      isEncrypted(value) ? (plaintexts.get(value) ?? '') : value,
    ]);
    return { ...pool, configItems: Object.fromEntries(entries) };
  });
  return { ...cluster, nodePools };
}
