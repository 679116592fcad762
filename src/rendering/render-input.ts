import type { Cluster, InfrastructureAccount } from '../domain/cluster.ts';
import type { RecordedLookups } from '../domain/lookups.ts';

/** What one rendering depends on. */
export interface RenderInput {
  cluster: Cluster;
  /** The channel configuration by path relative to it. Not to be changed: what is known of it is kept while it lives. */
  tree: ReadonlyMap<string, string>;
  commit: string;
  /** For `.Cluster.Owner` and `.Cluster.AccountName`. */
  account?: InfrastructureAccount;
  /** Clusters of the same account in the registry's order, this one among them; it alone unless given. */
  accountClusters?: readonly Cluster[];
  /** Answers of the cloud that were recorded for this commit, account and region: rendering itself asks nobody. */
  lookups?: RecordedLookups;
  /** Plaintexts of encrypted config items, by their ciphertext as it stands in the registry or the defaults. */
  secrets?: ReadonlyMap<string, string>;
}
