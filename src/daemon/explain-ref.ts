/** `clm why`, by any name that stands for a commit. */
import { ApiError } from '../api/errors.ts';
import { type ExplainResult, explainSubject, type PastRollout } from '../planning/explain/explain-subject.ts';
import type { StatusDocument } from '../planning/explain/status-document.ts';

/**
 * Clusters, channels and commits of rollouts go before what git has to be asked for: branches, tags, other beginnings of ids.
 * Throws ApiError when a name may be several commits, git cannot be asked, or the commit never came to a channel.
 */
export async function explainRef(
  status: StatusDocument,
  subject: string,
  past: PastRollout[],
  find: (ref: string) => Promise<string | undefined>,
): Promise<ExplainResult> {
  const known = explainSubject(status, subject, past);
  // an alias of several clusters is a name of clusters
  if (known.found || status.clusters.some((one) => one.alias === subject)) return known;
  const commit = await find(subject);
  if (commit === undefined) return known;
  const answer = explainSubject(status, commit, past);
  if (answer.found) return answer;
  const message = `'${subject}' is commit ${commit.slice(0, 12)}, which no channel has rolled out and no cluster runs.`;
  throw new ApiError(404, 'unknown-subject', message);
}
