import type { Remedy } from './remedy.ts';

/** What systems around the fleet say: those that tell people. */
export const outsideRemedies: Record<string, Remedy> = {
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
      'Look at `clm events` for what it was, and correct the sink in clm.yaml. The line goes after seven days.',
    ],
  },
};
