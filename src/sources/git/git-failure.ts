import { type Failure, terminal, transient } from '../../domain/failure.ts';
import { redactText } from '../../support/redact.ts';

export type GitFault =
  | 'timeout'
  | 'auth'
  | 'missing-repository'
  | 'unreachable'
  | 'corrupt'
  | 'unknown-commit'
  | 'other';

/** What git said, by what can be done about it. Local damage is told from trouble on the other side. */
export function classifyGitError(text: string): GitFault {
  for (const [fault, pattern] of patterns) if (pattern.test(text)) return fault;
  return 'other';
}

const patterns: [GitFault, RegExp][] = [
  ['timeout', /block timeout reached|Connection timed out|Operation timed out|timed out after/i],
  [
    'auth',
    /Authentication failed|could not read (Username|Password)|Permission denied|terminal prompts disabled|Host key verification failed|HTTP (401|403)|returned error: (401|403)|access denied|dubious ownership|not authorized/i,
  ],
  [
    'unreachable',
    /Could not resolve host|Connection (refused|reset|closed)|Failed to connect|Network is unreachable|No route to host|unable to access|returned error: (429|5\d\d)|early EOF|unexpected disconnect|the remote end hung up unexpectedly|RPC failed|\bSSL|\bTLS/i,
  ],
  [
    'missing-repository',
    /does not appear to be a git repository|repository .*not found|Could not read from remote repository|repository .* does not exist/i,
  ],
  [
    'corrupt',
    /not a git repository|simple-git on a directory that does not exist|is corrupt|corrupted|bad object|inflate|packfile .* (cannot|does not)|object file .* is empty|unable to (read|unpack|parse)|missing (blob|tree|object|commit)|invalid object|bad config|index-pack failed|garbage at end|\.lock': File exists|fatal: bad (tree|default revision)|could not parse/i,
  ],
  [
    'unknown-commit',
    /Not a valid (commit|object) name|unknown revision|bad revision|Invalid revision range|ambiguous argument|does not exist in/i,
  ],
];

/** The first lines that say something, without secrets. */
export function gitMessage(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(hint:|Please make sure you have|and the repository exists|To )/.test(line));
  return redactText(lines.slice(0, 3).join('; ')).slice(0, 400);
}

/** The repository refused a push (`git push --porcelain` marks it so). */
export function isRejection({ text }: { text: string }): boolean {
  return /^!/m.test(text);
}

/** The failure of a push that the repository refused, by what it said. A lock that somebody holds for a moment is no rule against us. */
export function pushFailure(what: string, text: string): Failure {
  const said = gitMessage(text.replaceAll(/^To .*$/gm, ''));
  if (
    /cannot lock ref|failed to update ref|unable to create .*\.lock|incorrect old value|fetch first|stale info/i.test(
      text,
    )
  )
    return transient('git-push-contended', `the repository cannot ${what} just now, it is being written to (${said})`);
  return terminal('git-push-rejected', `the repository refuses to ${what} (${said}): let the daemon's account push it`);
}

/** The failure of a conversation with the configuration repository, with what to do about it. */
export function remoteFailure(fault: GitFault, url: string, text: string, timeoutMs: number): Failure {
  const place = redactText(url);
  const said = gitMessage(text);
  switch (fault) {
    case 'timeout':
      return transient('git-timeout', `configuration repository ${place} did not answer within ${timeoutMs} ms`);
    case 'auth':
      return terminal(
        'git-auth',
        `configuration repository ${place} refuses the credentials (${said}): give the daemon a key or token that may read and push it`,
      );
    case 'missing-repository':
      return terminal('git-unreachable', `there is no repository at ${place} (${said}): correct configRepository.url`);
    case 'corrupt':
      return transient(
        'git-corrupt',
        `the mirror of ${place} is damaged and could not be made anew (${said}): check its disk, or the repository itself`,
      );
    default:
      return transient(
        'git-unreachable',
        `configuration repository ${place} cannot be reached (${said}): check the network and configRepository.url`,
      );
  }
}
