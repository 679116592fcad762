import type { Remedy } from './remedy.ts';

export const pipelineRemedies: Record<string, Remedy> = {
  'cluster-drifted': {
    meaning:
      'Somebody or something changed the cluster since it was updated: stacks, what is in them, or objects. What an update can bring back is brought back unless the config item `drift` says report.',
    actions: [
      'Ask who changed it: CloudTrail and the audit log of the cluster say so.',
      'Undo it, or make the change in the configuration.',
      'clm plan --live --cluster NAME shows it as it is now.',
    ],
  },
  'account-mismatch': {
    meaning:
      'The credentials lead to another AWS account or region than the registry says, or than was pinned at first contact. Nothing is touched.',
    actions: ['Correct assume_role_arn or the entry of the cluster.'],
  },
  'channel-unknown': {
    meaning: 'A cluster or process belongs to a channel that the pipeline does not name.',
    actions: ['Correct the channel of the cluster, or add the channel to the pipeline.'],
  },
  'channel-halted': {
    meaning: 'The channel has halted, so clusters of it that are queued do not start.',
    actions: ['clm why CHANNEL says what failed.', 'Merge a fix, or: clm retry channel:NAME --reason …'],
  },
  'cluster-unknown': {
    meaning: 'A process is about a cluster that the registry does not list.',
    actions: ['Put the cluster back into the registry, or let the process end: clm why CLUSTER'],
  },
  'cluster-left-registry': {
    meaning: 'The cluster was taken out of the registry while it was updated. Nothing of it is touched any more.',
    actions: ['Put it back, if that was not meant.'],
  },
  'cloud-objects': {
    meaning:
      'Before a cluster is taken away, services, ingresses and node claims behind which something of the cloud stands are deleted; their controllers have not let go yet.',
    actions: ['Look at the controller of that kind. After an hour it goes on, and tells at the end what is left over.'],
  },
  confirmation: {
    meaning: 'A production cluster is taken away only after somebody has typed its id.',
    actions: ['clm decommission NAME --confirm ID --reason …', 'Or write lifecycle_status: ready to keep it.'],
  },
  'confirmation-differs': {
    meaning: 'The id that was typed is not that of the cluster. Nothing was changed.',
    actions: ['Copy the id from: clm clusters -o json'],
  },
  'cool-off': {
    meaning:
      'The registry asks that the cluster be taken away. Nothing happens for a while, so that a mistake can be undone.',
    actions: ['Write lifecycle_status: ready to keep it.', 'decommission_cool_off of the cluster sets how long.'],
  },
  'creation-failed': {
    meaning: 'The cluster could not be created to the end. What stands stays, and it is taken up again there.',
    actions: ['clm why CLUSTER says what failed.', 'Correct it, then: clm retry cluster:NAME --reason …'],
  },
  'foreign-workloads': {
    meaning:
      'Workloads or volumes that clm has not put there are in a cluster that is to be taken away. It is not touched while they are there.',
    actions: ['Ask their owners to move and delete them; clm why CLUSTER names them.'],
  },
  'too-many-removals': {
    meaning: 'More pools and stacks have left the configuration of a cluster than may be removed in one update.',
    actions: [
      'Look whether they should be gone: a branch or file of the configuration may have been lost.',
      'If they should: remove them in several steps, or set the config item removal_limit of the cluster for this update.',
    ],
  },
  'no-workers-left': {
    meaning:
      'The configuration of a cluster has no pool of workers any more, and to remove the last one would leave nothing for its pods.',
    actions: [
      'Put a pool back into the registry.',
      'If the whole cluster should go: lifecycle_status: decommission-requested.',
    ],
  },
  'pool-not-empty': {
    meaning:
      'A pool that is removed has nodes again after it was drained, so its stack was not deleted: they would end undrained.',
    actions: ['Look who let the group grow; clm retry channel:NAME --reason … drains it again.'],
  },
  'stack-delete-failed': {
    meaning: 'CloudFormation could not delete a stack that is taken away, of a cluster or with it.',
    actions: [
      'clm why CLUSTER names the resource: a bucket that is not empty, an interface that something uses.',
      'Take it away; clm tries again every quarter of an hour, or at once: clm retry cluster:NAME --reason …',
    ],
  },
  'wrong-account': {
    meaning:
      'The credentials lead to another AWS account or region than the registry says, or than was pinned at first contact. Nothing is touched.',
    actions: ['Correct assume_role_arn or the entry of the cluster.'],
  },
  'wrong-region': {
    meaning: 'The credentials work in another region than the registry says. Nothing is touched.',
    actions: ['Correct the region of the cluster.'],
  },
  'wrong-cluster': {
    meaning:
      'The API server that answers belongs to another cluster than at first contact: its kube-system namespace is another one.',
    actions: [
      'Correct api_server_url, or the kubeconfig.',
      'A cluster that was rebuilt by others is adopted anew under an id of its own.',
    ],
  },
  'wish-changed': {
    meaning: 'A cluster is half taken away, and its registry entry does not ask for that any more.',
    actions: [
      'Write lifecycle_status: decommission-requested to go on.',
      'What is gone is gone: to have it back, finish, then write requested.',
    ],
  },
  'clusters-blocked': {
    meaning: 'Clusters of the wave are blocked by budgets; the next wave does not start before they are through.',
    actions: ['clm why CHANNEL names clusters, budgets and owners.'],
  },
  'e2e-failed': {
    meaning: 'Checks failed on a cluster after its update. The version does not move on.',
    actions: [
      'clm why CLUSTER names the checks and what they saw.',
      'Merge a fix; or, when the cluster was at fault: clm retry channel:NAME --reason …',
    ],
  },
  'e2e-inconclusive': {
    meaning: 'Checks could not be run to a verdict, several times. Without a verdict nothing moves on.',
    actions: ['clm why CLUSTER says what was in the way.', 'clm retry channel:NAME --reason …'],
  },
  'e2e-unknown-profile': {
    meaning: 'The pipeline names a profile of checks that does not exist.',
    actions: ['Correct e2e of the channel in the pipeline file.'],
  },
  'new-nodes-fail': {
    meaning:
      'While workers were replaced, checks failed on new nodes and passed on old ones at the same time. The roll was stopped: no further node is drained, and old nodes that are left take pods again.',
    actions: [
      'The message names a new node and what it cannot do (names, or the API by its service): kubectl describe node NODE, then the pods of the network plugin on it.',
      'Most often it is the node image, its user data or a security group: look what the version changed in them.',
      'New nodes may serve badly until then: kubectl cordon NODE keeps further pods away from them.',
      'Merge a fix or a revert: the next version replaces these nodes again. When it was not the nodes: clm retry channel:NAME --reason …',
    ],
  },
  'first-node-unchecked': {
    meaning:
      'A roll waits for checks on its first new nodes, one of each content, before old ones go, and they came to no verdict in time. No further old node was touched.',
    actions: [
      'clm e2e history --cluster CLUSTER, then clm e2e show RUN: what kept the checks from a verdict.',
      'clm retry channel:NAME --reason … checks again; without midRoll in the pipeline file rolls go on unchecked.',
    ],
  },
  'objective-missed': {
    meaning:
      'While workers were replaced, a service under steady load missed its objective. The roll was stopped: no further node is drained.',
    actions: [
      'The message says how many requests failed or how slow they were; clm e2e show RUN has the figures of every window.',
      'Let pods be drained more gently (terminationGracePeriodSeconds, preStop, budgets), or correct e2e_load_max_bad, _outage, _p99.',
      'clm retry channel:NAME --reason … goes on from where the roll stands: nodes that are new already are left alone.',
    ],
  },
  'failure-budget-spent': {
    meaning:
      'More clusters failed or stalled than maxFailures of the channel allows. Nothing new starts there, and nothing is promoted.',
    actions: [
      'clm why CHANNEL names the clusters and their failures.',
      'Merge a fix to the first channel; it supersedes this version.',
      'clm retry channel:NAME --reason …, when the cause was outside.',
    ],
  },
  'sibling-in-trouble': {
    meaning:
      'All that is left of a wave are siblings of clusters that failed. Both halves of a pair are never put at risk, so nothing starts until the failed one is well.',
    actions: [
      'clm why CHANNEL names the failed cluster and what is wrong with it.',
      'clm retry channel:NAME --reason …, when the cause was outside: the failed one is tried again, and its sibling follows when it has passed.',
      'Merge a fix to the first channel; it supersedes this version.',
    ],
  },
  'nothing-passed': {
    meaning:
      'Clusters failed, as many as maxFailures of the channel allows, and not one passed: nothing can prove this version there.',
    actions: [
      'clm why CHANNEL names the clusters and their failures.',
      'Merge a fix to the first channel; it supersedes this version.',
      'clm retry channel:NAME --reason …, when the cause was outside.',
    ],
  },
  'channel-empty': {
    meaning:
      'No cluster of the channel takes part: all left it, are skipped or pinned, or are not ready. Nothing can prove the version there.',
    actions: [
      'clm clusters says which clusters the channel has, and what keeps them out.',
      'It goes on by itself with the first cluster that comes, or that is not left out any more (clm unskip, clm unpin).',
      'clm promote COMMIT --to CHANNEL --bypass --reason … brings one change around an empty channel.',
    ],
  },
  'gate-closed': {
    meaning: 'A gate is not satisfied: evidence of a cluster is missing or belongs to another version.',
    actions: [
      'clm why CHANNEL says which cluster lacks what.',
      'A gate without a single eligible cluster is closed, too.',
    ],
  },
  held: {
    meaning: 'Somebody paused or froze this; nothing new starts.',
    actions: ['clm status shows who, why and until when.', 'clm resume SCOPE --reason …'],
  },
  paused: {
    meaning: 'Somebody paused this; it goes on when it is resumed, or when the pause expires.',
    actions: ['clm resume SCOPE --reason …'],
  },
  'not-adopted': {
    meaning: 'The daemon only observes this fleet until somebody lets it act.',
    actions: ['clm adopt shows what it found on each cluster, and asks.'],
  },
  'progress-deadline': {
    meaning: 'A cluster was in flight for longer than progressDeadline, waits on budgets not counted.',
    actions: ['clm why CLUSTER says where it stands.', 'clm retry channel:NAME --reason …'],
  },
  'render-failed': {
    meaning: 'The version does not render for at least one cluster of the channel, so it starts on none.',
    actions: [
      'The message names file, line and cluster. clm validate renders everything.',
      'Merge a correction to the first channel.',
    ],
  },
  'later-channel-does-not-render': {
    meaning: 'The version renders for this channel, and not for clusters of a later one. It would halt there.',
    actions: ['Merge a correction before it gets there.'],
  },
  'soak-unhealthy': {
    meaning: 'Clusters are not well while the version soaks, so that time does not count.',
    actions: ['The message names them; the soak goes on when they recover.'],
  },
  stalled: {
    meaning: 'A cluster keeps failing in the same way. It counts against the failure budget and is tried less often.',
    actions: [
      'clm why CLUSTER has the failure; clm explain its code.',
      'clm retry cluster:NAME --reason … tries at once.',
    ],
  },
  'nothing-to-retry': {
    meaning: 'The cluster has no update under way, and did not fail in a rollout that is over.',
    actions: ['clm retry channel:NAME --reason … gives failed clusters of a channel a new attempt.'],
  },
  'nothing-held-back': {
    meaning: 'There is nothing to confirm: no registry read is held back.',
    actions: ['clm status'],
  },
  'adoption-under-way': {
    meaning: 'Somebody else looks at the fleet for an adoption.',
    actions: ['Wait until it is through.'],
  },
  'no-clusters': {
    meaning: 'The registry has no cluster that could be adopted.',
    actions: ['Describe one in the folder of registry.path.'],
  },
};
