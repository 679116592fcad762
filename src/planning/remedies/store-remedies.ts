import type { Remedy } from './remedy.ts';

export const storeRemedies: Record<string, Remedy> = {
  'store-backup-exists': {
    meaning: 'The file that a backup should be written to is there already.',
    actions: ['Choose another name: backups overwrite nothing.'],
  },
  'store-busy': {
    meaning: 'Another process holds the database locked for longer than the daemon waits.',
    actions: [
      'Look for programs that have the file open: fuser FILE.',
      'Never put the database on a network file system.',
    ],
  },
  'store-corrupt': {
    meaning: 'The database file is damaged, or is not a database of clm. It is neither read nor written.',
    actions: [
      'Restore a backup (clm backup) in its place while no daemon runs.',
      'Without one: move the file away; the daemon then begins with a first contact and changes nothing before clm adopt. ASG tags let half-done rolls be found again.',
    ],
  },
  'store-newer': {
    meaning: 'The database was written by a newer version of clm. An older one would not understand it.',
    actions: ['Run the newer version, or restore a backup from before the upgrade.'],
  },
  'store-older': {
    meaning: 'The database has an older form; only a daemon may bring it up to date.',
    actions: ['Start the daemon once: clm daemon'],
  },
  'store-unwritable': {
    meaning: 'The database cannot be opened or written.',
    actions: ['Check the path in clm.yaml, its folder, permissions and free space.'],
  },
  'snapshot-quarantined': {
    meaning: 'The stored state of a process is not understood by this version. Nothing of it runs; nothing was lost.',
    actions: ['Run the version that wrote it, let it finish, then upgrade.', 'clm backup first, whatever is tried.'],
  },
  'row-not-understood': {
    meaning: 'A stored process lacks fields that its explanation needs. It may still run well.',
    actions: ['Upgrade the command line to the version of the daemon.'],
  },
  'lease-lost': {
    meaning: 'Another daemon may act now, so this one stopped at once.',
    actions: ['Nothing: one daemon acts at a time, and the other one has taken over.'],
  },
  'engine-stopped': {
    meaning: 'The daemon is ending and takes no more work.',
    actions: ['Ask again when it has started.'],
  },
  'step-timeout': {
    meaning: 'A piece of work took too long and was told to stop. It is tried again.',
    actions: ['Nothing, if it passes.', 'If it stays, the API that it works with hangs: the message names it.'],
  },
  'internal-error': {
    meaning:
      'Something unexpected happened inside clm. The process is tried again; the log of the daemon has the details.',
    actions: ['Look for the message in the log, and report it.'],
  },
  'socket-in-use': {
    meaning: 'A running process answers on the API socket: very likely a daemon.',
    actions: ['clm status shows it.', 'Give a second daemon a socket of its own: api.socket in clm.yaml.'],
  },
  'socket-unusable': {
    meaning: 'The API socket cannot be made at its path.',
    actions: ['Check api.socket in clm.yaml: its folder, permissions, and that no other file is in its place.'],
  },
  'port-in-use': {
    meaning: 'Another process listens on the address for /metrics and /healthz.',
    actions: ["End it, or choose another api.metricsListen in clm.yaml ('off' turns it off)."],
  },
  'listen-failed': {
    meaning: 'The address for /metrics and /healthz cannot be used on this machine.',
    actions: ['Write an address of this machine in api.metricsListen: 127.0.0.1:9095, 0.0.0.0:9095.'],
  },
  'pipeline-invalid': {
    meaning: 'The pipeline file has problems; the last good one stays in use.',
    actions: ['Correct it; clm validate lists everything at once.'],
  },
  'registry-invalid': {
    meaning: 'The registry has problems, or what answers is none; the last good registry stays in use as a whole.',
    actions: ['Correct them; clm validate lists everything at once.'],
  },
  'registry-unreachable': {
    meaning:
      'The service at registry.url does not answer. The last good registry stays in use, and its status is told later.',
    actions: ['Look at the service, and at the way to it: curl registry.url/kubernetes-clusters?verbose=false'],
  },
  'registry-auth': {
    meaning: 'The registry does not let the daemon in, or only to read.',
    actions: [
      'Renew the token in the file of registry.tokenFile: it is read again at every request, without a restart.',
    ],
  },
  'registry-refused': {
    meaning: 'The registry refuses the request for good; the message says why.',
    actions: ['Compare its version with the API that clm registry serve describes at /openapi.json.'],
  },
  'registry-contended': {
    meaning:
      'Somebody else keeps writing the same cluster in the registry. Nothing of it was overwritten; it is tried again.',
    actions: ['See who else writes: two fleets of daemons on one registry, say.'],
  },
  'registry-held-back': {
    meaning:
      'The registry as read now loses more than a tenth of the clusters, or a production cluster or pool. Absence never deletes by itself.',
    actions: ['Put the files back, if they were lost.', 'clm confirm registry --reason …, if it is meant.'],
  },
};
