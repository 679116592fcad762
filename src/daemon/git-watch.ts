/** Remembers how reading the configuration repository went, for /healthz and `clm status`. */
import { FailureError } from '../domain/failure.ts';
import type { StatusProblem } from '../planning/explain/status-document.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import { wallMs } from '../support/deadline.ts';

export interface GitWatch {
  /** The same source; its fetches are watched. */
  source: ChannelSource;
  /** Wall ms since the last successful fetch. */
  sinceSuccessMs: () => number | undefined;
  problem: () => string | undefined;
  problems: () => StatusProblem[];
}

export function watchGit(source: ChannelSource, report: (outcome: string) => void): GitWatch {
  let succeededAt: number | undefined;
  let failure: { code: string; message: string } | undefined;
  return {
    source: {
      fetch: async (branches, lastGood) => {
        try {
          const answer = await source.fetch(branches, lastGood);
          succeededAt = wallMs();
          failure = undefined;
          report('ok');
          return answer;
        } catch (error) {
          failure =
            error instanceof FailureError
              ? { code: error.failure.code, message: error.failure.message }
              : { code: 'internal-error', message: String(error) };
          report(failure.code);
          throw error;
        }
      },
      commitInfo: (commit) => source.commitInfo(commit),
      named: (name) => source.named(name),
      isAncestor: (ancestor, descendant) => source.isAncestor(ancestor, descendant),
      commitsBetween: (from, to, limit) => source.commitsBetween(from, to, limit),
      readTree: (commit, path) => source.readTree(commit, path),
      fastForward: (branch, expected, to) => source.fastForward(branch, expected, to),
      restoringCommit: (input) => source.restoringCommit(input),
      pickedCommit: (input) => source.pickedCommit(input),
      verifySignature: (commit) => source.verifySignature(commit),
      setProposal: (branch, commit) => source.setProposal(branch, commit),
      readNote: (name) => source.readNote(name),
      readNotes: () => source.readNotes(),
      writeNote: (name, text, at) => source.writeNote(name, text, at),
    },
    sinceSuccessMs: () => (succeededAt === undefined ? undefined : wallMs() - succeededAt),
    problem: () => failure?.message,
    problems: () =>
      failure === undefined
        ? []
        : [
            {
              severity: 'warning',
              scope: 'daemon',
              subject: 'configuration repository',
              code: failure.code,
              message: failure.message,
            },
          ],
  };
}
