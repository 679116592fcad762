/** News as comments on the commit that they are about: what is about none is not told there. A mark in the comment knows a repeat. */
import { type Failure, FailureError } from '../../domain/failure.ts';
import type { Notifier } from '../../ports/notifier.ts';
import type { Github } from '../scm/github/github-client.ts';

const codes: Record<string, string> = {
  'scm-unreachable': 'notify-unreachable',
  'scm-rate-limited': 'notify-rate-limited',
  'scm-refused': 'notify-refused',
  'scm-no-secret': 'notify-no-secret',
};

export function createCommitNotifier({ rest, repo, paginate, call }: Github): Notifier {
  return {
    send: async ({ news, text, repeat }) => {
      if (news.commit === '') return {};
      const mark = `<!-- clm ${news.key} -->`;
      const commit = { ...repo, commit_sha: news.commit };
      try {
        if (repeat) {
          const known = await call('reading comments', () =>
            paginate(rest.repos.listCommentsForCommit, { ...commit, per_page: 100 }),
          );
          const found = known.find((one) => one.body.includes(mark));
          if (found !== undefined) return { id: String(found.id) };
        }
        const body = `${text}\n\n${mark}`;
        const { data } = await call('commenting', () => rest.repos.createCommitComment({ ...commit, body }));
        return { id: String(data.id) };
      } catch (error) {
        if (!(error instanceof FailureError)) throw error;
        throw new FailureError(
          { ...error.failure, code: codes[error.failure.code] ?? 'notify-unreachable' } satisfies Failure,
          error,
        );
      }
    },
  };
}
