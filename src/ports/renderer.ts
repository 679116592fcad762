import type { Cluster } from '../domain/cluster.ts';
import type { Problem } from '../domain/problem.ts';
import type { RenderedCluster } from '../domain/rendered.ts';

export type RenderResult =
  | {
      ok: true;
      rendered: RenderedCluster;
      /** Replaces every secret of this cluster in a text that is to be shown; absent when it has none. */
      redact?: (text: string) => string;
      /** Marks stand for encrypted values that nobody decrypted: digests are not those of what would be applied. */
      sealed?: boolean;
      /** What is no fault of the configuration, and those who write it should know; absent where nobody asks. */
      warnings?: readonly Problem[];
      /** Commits of further repositories that belong to the version; absent when it is of one repository. */
      sources?: readonly { name: string; commit: string }[];
    }
  | { ok: false; problems: Problem[] };

/**
 * What a commit of the channel configuration renders to for a cluster: pure in both. Problems are the configuration's; throws
 * FailureError when the commit cannot be read.
 */
export type Render = (cluster: Cluster, commit: string) => Promise<RenderResult>;
