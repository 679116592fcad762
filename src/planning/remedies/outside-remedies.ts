import type { Remedy } from './remedy.ts';

/** What systems around the fleet say: those that tell people, and the forge. */
export const outsideRemedies: Record<string, Remedy> = {
  'scm-unreachable': {
    meaning: 'The forge cannot be reached, or answers with an error of its own. Promotions by pull request wait.',
    actions: ['Look whether it is up, and whether forge.url of clm.yaml is right.'],
  },
  'scm-rate-limited': {
    meaning: 'The forge lets this token in again only when its limit starts anew. clm waits until then.',
    actions: ['Give clm a token of its own: clm_scm_rate_limit_remaining tells what is left.'],
  },
  'scm-refused': {
    meaning:
      'The forge refuses what clm asks for: a token without the right, another repository, or a rule of the branch.',
    actions: [
      'Read what it says in `clm status`. The token needs to read and write contents, pull requests, statuses and deployments.',
    ],
  },
  'scm-no-secret': {
    meaning:
      'The settings name an environment variable or a file with the token of the forge, and it is not there or empty.',
    actions: ['Set the variable for the daemon and restart it, or write the file.'],
  },
  'merge-unseen': {
    meaning:
      'The forge says that a pull request is merged, and the branch in git does not show it yet. clm looks again.',
    actions: ['Nothing; if it stays, look whether configRepository.url and forge.repository are the same repository.'],
  },
  'merged-otherwise': {
    meaning:
      'A pull request was merged, and the branch now has something that was never proven: it had changes of its own.',
    actions: ['Revert the merge, or look at it and approve the head: clm approve COMMIT --channel NAME --reason ….'],
  },
  'notify-unreachable': {
    meaning:
      'A system that tells people cannot be reached, or answers with an error of its own. The news wait, in order.',
    actions: ['Look whether it is up. Nothing else waits for it; after notifications.attempts the news are given up.'],
  },
  'notify-rate-limited': {
    meaning: 'A system that tells people asks to slow down. clm waits as long as it asks for.',
    actions: ['Tell that place less: give it a shorter tell, or fewer channels, in clm.yaml.'],
  },
  'notify-refused': {
    meaning:
      'A system that tells people does not take the news, and will not take them later: a wrong token, channel or URL.',
    actions: ['Correct the sink in clm.yaml and restart the daemon; `clm events` shows what was not told.'],
  },
  'notify-no-secret': {
    meaning: 'The settings name an environment variable or a file with a secret, and it is not there or empty.',
    actions: ['Set the variable for the daemon and restart it, or write the file; the news wait meanwhile.'],
  },
  'news-undelivered': {
    meaning: 'News were given up: they could not be delivered in so many attempts, or were refused for good.',
    actions: [
      '`clm notifications` lists them. Correct the sink in clm.yaml, restart the daemon, and `clm notifications resend` or `drop` them.',
      'The line in clm status goes by itself after seven days; the newest hundred of each place are kept.',
    ],
  },
};
