import type { Remedy } from './remedy.ts';

/** What gates, lanes, reviews and overrides say. */
export const gateRemedies: Record<string, Remedy> = {
  'http-timeout': {
    meaning: 'A system that a gate asks did not answer in time. The gate stays closed.',
    actions: ['Look whether it is up; raise timeout of the gate if it is merely slow.'],
  },
  'http-unreachable': {
    meaning:
      'A system that a gate asks cannot be reached. The gate stays closed; after its patience it is inconclusive.',
    actions: ['Correct the url of the gate in the pipeline file, or bring the system back.'],
  },
  'http-too-large': {
    meaning: 'A system that a gate asks answers more than clm reads.',
    actions: ['Correct the url, or ask for less.'],
  },
  'http-no-token': {
    meaning: 'The gate names an environment variable with a token, and the daemon does not have it.',
    actions: ['Set the variable for the daemon and restart it.'],
  },
  'http-no-certificate': {
    meaning: 'clm asks with a client certificate (members of etcd, as a rule), and one of its files cannot be read.',
    actions: [
      'Put ca.crt, client.crt and client.key into the directory that the message names; clm reads them anew each time.',
    ],
  },
  'metrics-refused': {
    meaning: 'Prometheus did not take the query, or answered what is no instant vector and no scalar.',
    actions: ['Try the query in Prometheus itself, and correct it in the pipeline file.'],
  },
  'git-note-refused': {
    meaning: 'The repository did not take a note: overrides, or the record of a branch move. It is tried again.',
    actions: ["Let the daemon's account push refs/notes/clm."],
  },
  'signing-failed': {
    meaning:
      'configRepository.signingKey cannot sign. Branches move all the same; their records wait in the database until they can be signed.',
    actions: [
      'It has to be a private ssh key without passphrase, readable for the user of the daemon alone (chmod 600), or one whose agent answers.',
      'Try it: echo x | ssh-keygen -Y sign -n clm-evidence -f KEY',
      'To publish unsigned records instead, take signingKey out of clm.yaml and start the daemon anew.',
    ],
  },
  'override-note-unreadable': {
    meaning:
      'The database is new, and the note in which an earlier one left its freezes and pins cannot be read. Nothing is adopted before that is settled.',
    actions: [
      'See the note: git fetch origin refs/notes/clm && git show FETCH_HEAD',
      'Mend it there, or take it away once you know what it held: git push origin :refs/notes/clm. Then lay the overrides anew before clm adopt.',
    ],
  },
  'gate-inconclusive': {
    meaning:
      'A gate cannot say whether the version is well, so the rollout pauses. It never goes on by itself from there.',
    actions: ['clm why CHANNEL shows what the gate said.', 'When it can say again: clm resume channel:NAME --reason …'],
  },
  'same-failure': {
    meaning: 'Several clusters failed in the same way, so the channel halts although failures are left in its budget.',
    actions: [
      'Mend the version, or roll back: clm rollback CHANNEL --reason …',
      'If it is known trouble of infrastructure, list its code under knownFailures and: clm retry channel:NAME --reason …',
    ],
  },
  'head-vetoed': {
    meaning: "The head of the channel's branch is a vetoed version, so that it does not start.",
    actions: ['Merge a fix or a revert.', 'clm unveto COMMIT --reason … if the veto was wrong.'],
  },
  'head-unsigned': {
    meaning: 'The channel takes signed commits only, and a new one carries no signature of an allowed signer.',
    actions: [
      'Sign the commits, or add the signer to configRepository.allowedSigners.',
      'clm approve COMMIT --channel NAME --reason … takes this one head as it is.',
    ],
  },
  'debt-open': {
    meaning:
      'A hotfix or bypass on the channel skipped evidence, and nothing is promoted out of it before that is gathered.',
    actions: [
      'Wait for its soak: clm why CHANNEL',
      'Merge the fix back, so that a version that contains it passes in full.',
    ],
  },
  'review-refused': {
    meaning: 'The review of a promotion was closed or rejected.',
    actions: [
      'Open it again, or approve it: clm approve COMMIT --channel TARGET --reason …, then clm retry channel:NAME --reason …',
    ],
  },
  'scm-missing': {
    meaning: 'A channel asks for pull requests and this daemon has nowhere to open them.',
    actions: ['Write promotion: push in the pipeline file, or configure the forge.'],
  },
  'window-closed': {
    meaning: 'The calendar of the pipeline allows no promotion now.',
    actions: ['Wait for the time that clm why names, or correct windows in the pipeline file.'],
  },
};
