import type { Remedy } from './remedy.ts';

export const gitRemedies: Record<string, Remedy> = {
  'branch-forced': {
    meaning:
      'A branch was rewritten: its head does not descend from the last good commit. The channel stays on that one.',
    actions: [
      'Put the branch back to the last good commit, or to a descendant of it.',
      'Protect the branch against force pushes.',
    ],
  },
  'branch-missing': {
    meaning: 'A branch of a channel is not in the repository. The channel stays on its last good commit.',
    actions: [
      'Push the branch again at its last good commit: clm status shows it.',
      'Remove the channel from the pipeline, if it is meant to go.',
    ],
  },
  'git-auth': {
    meaning: 'The configuration repository refuses the credentials of the daemon.',
    actions: ['Give the daemon a deploy key or token that may read the repository and push its branches.'],
  },
  'git-configuration-too-large': {
    meaning: 'The channel configuration of a commit has too many files or bytes to be read.',
    actions: ['Move what is not configuration out of configRepository.path.'],
  },
  'git-corrupt': {
    meaning: 'The local mirror of the repository is damaged. It is made anew by itself.',
    actions: [
      'Check the disk of the state directory.',
      'Delete the mirror while the daemon is stopped; it holds nothing of its own.',
    ],
  },
  'git-failed': {
    meaning: 'A git command failed in a way that is not known; the message has its own words.',
    actions: ['Run the command by hand in the mirror.', 'Check that git 2.38 or newer is installed.'],
  },
  'git-invalid-branch': {
    meaning: 'A branch of the pipeline has a name that git does not allow.',
    actions: ['Correct branch in the pipeline file.'],
  },
  'git-mirror-foreign': {
    meaning: 'The folder of the mirror holds something that the daemon did not make; it is left alone.',
    actions: ['Choose another configRepository.mirrorPath, or move the folder away.'],
  },
  'git-path-missing': {
    meaning: 'A commit has no folder of the name that clm.yaml gives for the channel configuration.',
    actions: ['Correct configRepository.path in clm.yaml, or add the folder to the branch.'],
  },
  'git-push-contended': {
    meaning: 'Somebody else writes to the same branch of the repository at this moment. It is tried again.',
    actions: ['When it stays: look for a stale .lock file of the branch on the git server.'],
  },
  'git-push-rejected': {
    meaning: 'The repository refused to let the daemon move a branch: a protection rule or a hook.',
    actions: [
      'Allow the daemon to push fast-forwards to the branches of the channels.',
      'clm retry channel:NAME --reason … afterwards.',
    ],
  },
  'git-tag-no-commit': {
    meaning: 'A tag was named that points to a file or a folder, not to a commit.',
    actions: ['Name a commit, a branch, or a tag of a commit: git tag -f NAME COMMIT and push it.'],
  },
  'git-timeout': {
    meaning: 'The configuration repository did not answer in time. It is asked again at the next poll.',
    actions: ['Check the network to the git server, and its load.'],
  },
  'git-unknown-commit': {
    meaning: 'A commit is not in the repository any more.',
    actions: ['Was a branch rewritten? Push the commit again, or merge a new one.'],
  },
  'git-unreachable': {
    meaning: 'The configuration repository cannot be reached. Clusters keep what they run; nothing new starts.',
    actions: ['Check configRepository.url and the network.', 'clm refresh, once it is back.'],
  },
  'not-fast-forward': {
    meaning:
      'The target branch has commits that the proven version does not contain, so it cannot be moved by fast-forward.',
    actions: [
      "Merge the target's own commits back into the first channel; the result moves on by itself.",
      'Hotfixes on a later channel always have to come back to the first one.',
    ],
  },
  'head-unproven': {
    meaning:
      'Somebody put a commit on a later channel that the channels before it have not proven. It is not rolled out.',
    actions: ['Let it go through the first channel, or put the branch back.'],
  },
};
