import type { Remedy } from './remedy.ts';

const budgetOwner =
  'Ask the owner of the pod (clm why CLUSTER names it) to add replicas, or to allow a disruption in the budget.';

export const rollRemedies: Record<string, Remedy> = {
  'karpenter-blocked': {
    meaning:
      'Nodes of a Karpenter pool are not as the configuration wants them, and Karpenter replaces none: a disruption budget, a pod or a launch is in its way.',
    actions: [
      'kubectl get nodeclaims shows them; kubectl describe nodeclaim NAME says under DisruptionBlocked what keeps one.',
      'kubectl get nodepools,ec2nodeclasses -o wide shows whether Karpenter can use what was applied.',
    ],
  },
  'karpenter-stuck': {
    meaning:
      'Karpenter has replaced no node of a pool for six hours of an update that changed the pool. The update failed; Karpenter may still go on.',
    actions: ['The same as for karpenter-blocked; then clm retry, which looks again and waits for what is left.'],
  },
  'budget-never-allows': {
    meaning:
      'A pod disruption budget can never allow an eviction: minAvailable equals the replicas, or maxUnavailable is 0. The node stays; clm overrides no budget.',
    actions: [budgetOwner],
  },
  'budget-refuses': {
    meaning: 'A pod disruption budget allows no eviction right now, because too few of its pods are healthy.',
    actions: ['Nothing, if its pods become healthy.', budgetOwner],
  },
  'budget-invalid': {
    meaning: 'The API server cannot evaluate a pod disruption budget: its selector or numbers do not fit its pods.',
    actions: ['Correct the budget: the message has the words of the API server.'],
  },
  'budget-not-observed': {
    meaning:
      'The controller has not yet looked at the newest version of a budget, or still counts pods that are gone: its numbers cannot be trusted.',
    actions: ['Nothing, if it passes.', 'Check kube-controller-manager of the cluster.'],
  },
  'multiple-budgets': {
    meaning: 'More than one pod disruption budget selects a pod; the Eviction API refuses such pods always.',
    actions: ['Let exactly one budget select the pod.'],
  },
  'admission-denied': {
    meaning: 'An admission webhook or policy refuses the eviction of a pod.',
    actions: ['Ask its owner: the message names it.'],
  },
  'bare-pod': {
    meaning: 'A pod has no controller that would start it anew elsewhere, so it is not evicted.',
    actions: ['Delete it by hand when it may go, or let a Deployment, StatefulSet or Job own it.'],
  },
  'last-control-plane-node': {
    meaning: 'No other control-plane node would serve without this one, so it stays.',
    actions: ['Wait until another one is Ready and in its load balancers, or look why none is.'],
  },
  'no-other-node': {
    meaning: 'A pool is removed, and no node of another pool could take the pods of its nodes.',
    actions: ['Give the cluster nodes in another pool, or put the pool back into the registry.'],
  },
  'stray-pods': {
    meaning:
      'An instance is no node of the cluster any more, and pods still count as running on a node that is not there: they may be its, and budgets count them.',
    actions: [
      'Wait: the cluster collects such pods within a minute.',
      'If they stay, look at the pod garbage collector of kube-controller-manager, or delete the pods.',
    ],
  },
  'zone-capacity': {
    meaning:
      'Volumes of the pods of a node can be used in one zone only, and no node that may take them serves there yet.',
    actions: [
      'In a roll: wait for the new node in that zone; clm why CLUSTER says what keeps it.',
      'For a pool that is removed: give another pool a node in that zone, or have the owner move the data.',
    ],
  },
  'pod-returns': {
    meaning: 'A pod comes back to the cordoned node after each eviction: it tolerates the taint, or names the node.',
    actions: ['Remove spec.nodeName or the wide toleration from its template.'],
  },
  'protected-pod': {
    meaning: 'A pod carries an annotation that forbids moving it.',
    actions: ['Ask its owner to remove the annotation when it may move.'],
  },
  'local-volume': {
    meaning: 'A pod keeps its data on the disk of its node: it cannot follow the pod, so the node is left alone.',
    actions: [
      'Move or copy the data and delete the pod and its claim by hand.',
      'Or let the cluster accept the loss: config item roll_local_volumes: evict.',
    ],
  },
  'node-skipped': {
    meaning: 'An operator wants the node left alone for a while. The roll waits for it, or for the end of that time.',
    actions: ['clm why CLUSTER names who and until when.', 'clm roll unskip CLUSTER NODE --reason … ends it early.'],
  },
  'awaits-completion': {
    meaning: 'A pod is labelled to be left to finish (cluster.x-k8s.io/drain: wait-completed). It gets six hours.',
    actions: ['Nothing.'],
  },
  'awaits-switchover': {
    meaning:
      'A pod is the primary of a database. Its operator sees the label of the node and moves it; it gets ten minutes.',
    actions: [
      'Nothing, if it passes.',
      'Look at the operator of the database: config item roll_primary_wait is how long it gets.',
    ],
  },
  'lease-stale': {
    meaning:
      'A node is Ready by its conditions, but its kubelet has not renewed its Lease for 40 s: it may be dead already.',
    actions: [
      'Nothing, if it passes.',
      "Compare the clocks of clm's machine and of the nodes, if it concerns all of them.",
    ],
  },
  'lease-unread': {
    meaning: 'A new node has been Ready long enough; the Leases of the kubelets are read once more before it counts.',
    actions: ['Nothing, if it passes.', 'Let clm list leases in the namespace kube-node-lease (RBAC).'],
  },
  'leases-unread': {
    meaning: 'Before a node is cordoned the Leases of the kubelets are read; that has not been possible.',
    actions: ['Let clm list leases in the namespace kube-node-lease (RBAC).'],
  },
  'time-uncertain': {
    meaning:
      "This machine's clock has jumped, or API servers say that it is another time. A roll decides nothing on limits that may not have passed.",
    actions: [
      'Nothing, if it passes: what most API servers say counts after a minute.',
      "Look at the time service of clm's machine (chronyc tracking, timedatectl).",
    ],
  },
  'image-pull-storm': {
    meaning:
      'More pods cannot pull their image than when the roll began. Nothing is launched or drained: it would make more pods pull.',
    actions: ['Look at the registry, and at the pods that wait: kubectl get pods -A | grep Pull'],
  },
  'dry-run-failed': {
    meaning: 'The API server did not answer the dry run of an eviction, so nobody can say whether the pod could leave.',
    actions: ['clm plan --roll CLUSTER again.', 'Let clm create pods/eviction (RBAC).'],
  },
  'etcd-not-ready': {
    meaning:
      'An etcd member on a control-plane node is not ready. Taking a control-plane node out now might cost the quorum.',
    actions: ['Look at the pod of the member in kube-system; the roll goes on when all members are ready.'],
  },
  'etcd-rolling': {
    meaning: 'Outdated members of etcd are replaced one at a time; nothing else of the cluster moves meanwhile.',
    actions: ['Nothing.'],
  },
  'etcd-settling': {
    meaning: 'All members of etcd are healthy, and have to stay so for a while (etcd_settle) before the next one goes.',
    actions: ['Nothing.'],
  },
  'etcd-health-unknown': {
    meaning:
      'Members of etcd, or etcd itself, do not answer where their health is asked for. Unknown is not healthy: none goes.',
    actions: [
      'Ask the URL of the config item etcd_health_url from where the daemon runs, with the private address of the member.',
      'Let the security group of etcd admit the daemon on that port; look at the logs of the member.',
    ],
  },
  'etcd-health-unset': {
    meaning: 'Members of etcd are outdated, and nothing says where to ask for their health, so that none is replaced.',
    actions: [
      'Set the config item etcd_health_url (http://{address}:2381/health), then clm retry.',
      'Or set etcd_update_strategy: manual, and end the instances by hand, one at a time.',
    ],
  },
  'etcd-member-unhealthy': {
    meaning: 'A member of etcd says that it is not healthy, or has not started. No other one goes before it is well.',
    actions: ['Look at the logs of the member that the message names, and at its volume and network.'],
  },
  'etcd-members-missing': {
    meaning: 'Instances of etcd, or members in its own list, are fewer or more than its groups want.',
    actions: [
      'Nothing, while an instance is being launched.',
      'etcdctl member list; remove a member whose instance is gone for good: etcdctl member remove ID.',
    ],
  },
  'etcd-learner': {
    meaning: 'A member of etcd is a learner: it copies the data, and has no vote yet.',
    actions: ['Nothing, if it is promoted soon; else etcdctl member promote ID.'],
  },
  'etcd-quorum-at-risk': {
    meaning:
      'A member was to be replaced, and another one is not well now. The instance stays until all others are healthy.',
    actions: ['Look at the members that clm why names.'],
  },
  'etcd-member-unclear': {
    meaning:
      'Nobody can say for certain which entry of the member list belongs to the instance that is to go, so that none is removed.',
    actions: ['etcdctl member list: its URLs must have the private address of the instance.'],
  },
  'etcd-remove-failed': {
    meaning: 'etcd did not remove the member whose instance is to go. It is tried again; the instance stays meanwhile.',
    actions: ['Look at the answer in the message: etcd refuses what would cost its quorum.'],
  },
  'etcd-template-unclear': {
    meaning:
      'A group of the etcd stack names $Latest or no launch template, so that nobody can say which members are outdated.',
    actions: ['Write a version: !GetAtt TEMPLATE.LatestVersionNumber. Or set etcd_update_strategy: manual.'],
  },
  'etcd-quorum-too-small': {
    meaning:
      'An etcd of one or two members has no quorum without one of them: it cannot be replaced without an outage.',
    actions: [
      'Run three or five members.',
      'Or set etcd_update_strategy: manual, and end the instance by hand when an outage is acceptable.',
    ],
  },
  'etcd-member-not-healthy': {
    meaning:
      'The member that followed a replaced one did not become healthy in time (etcd_member_timeout). All others are as they were, and the update failed.',
    actions: [
      'Look at the console output and the logs of the new instance: image, volume, certificates, network.',
      'Merge a correction: the next update replaces that member first. Or mend it by hand, then clm retry.',
    ],
  },
  'etcd-unhealthy': {
    meaning: 'Members of etcd were to be replaced, and not all of them were healthy in time. None was touched.',
    actions: ['Look at the members that the message names; then clm retry.'],
  },
  'etcd-two-marks': {
    meaning: 'Two groups of etcd carry the tag clm/etcd-roll, which only one at a time may. Somebody set one of them.',
    actions: ['See which member is really being replaced; take the tag from the other group; then clm retry.'],
  },
  'fleet-boot-cap': {
    meaning:
      'As many nodes of the fleet are booting as may at once (concurrency.boots), so that the registry is not overrun.',
    actions: ['Nothing.'],
  },
  'roll-blocked': {
    meaning:
      'A node cannot be emptied: something on it must not be moved now. The rest of the cluster goes on as far as it can.',
    actions: ['clm why CLUSTER names budget, pod, owner and node.', budgetOwner],
  },
  'boot-failures': {
    meaning: 'New nodes did not become usable in time, several times in a row. No further old node is touched.',
    actions: [
      'Read the console output of the instance: image, user data, bootstrap token, subnet routes.',
      'Merge a corrected version, or: clm retry channel:NAME --reason …',
    ],
  },
  'foreign-change': {
    meaning:
      "Somebody else changed the group's limits, template or processes during the roll, or cordoned a node. The pool pauses.",
    actions: ['Find out who and why: CloudTrail, audit log.', 'clm retry channel:NAME --reason … once it is settled.'],
  },
  'group-gone': {
    meaning: 'The Auto Scaling group of a pool was deleted while it was rolled.',
    actions: ['clm retry channel:NAME --reason …: the stack makes it again.'],
  },
  'roll-group-missing': {
    meaning: 'A pool that is to be rolled has no Auto Scaling group with its tags.',
    actions: ['Check the tags kubernetes.io/cluster/<id> and NodePool of the group, and the stack of the pool.'],
  },
  'roll-not-prepared': {
    meaning: 'A roll was asked to go on before it was prepared. It is a fault of clm, and nothing was touched.',
    actions: ['clm retry channel:NAME --reason …, and report it with the log of the daemon.'],
  },
  'processes-suspended': {
    meaning: 'Processes of the Auto Scaling group are suspended that the roll needs.',
    actions: ['Resume them, if nobody needs them suspended.'],
  },
  'instance-refresh': {
    meaning: 'An instance refresh of AWS runs on the group. Two programs must not roll one pool.',
    actions: ['Let it finish, or cancel it.'],
  },
  'template-floating': {
    meaning: 'The group uses the version $Latest or $Default of its launch template, so outdated nodes cannot be told.',
    actions: ['Let the stack name the version by number: !GetAtt …LatestVersionNumber.'],
  },
  'nodes-not-ready': {
    meaning: 'More nodes are not Ready than when the roll began. No further node is touched.',
    actions: ['Look at the nodes: kubectl get nodes; the roll goes on when they recover.'],
  },
  'not-ready-storm': {
    meaning:
      'Many nodes of the cluster are not Ready at once: the control plane or the network has trouble. Rolling stops.',
    actions: ['Look at the control plane first; the roll goes on when the nodes are back.'],
  },
  'pods-without-node': {
    meaning: 'More pods find no node than when the roll began. Draining further would make it worse.',
    actions: ['Look at pending pods: requests, taints, zones of their volumes.', 'Raise max_size of the pool.'],
  },
  'view-stale': {
    meaning: 'The watched view of the cluster is not up to date, so nothing is decided on it.',
    actions: ['Nothing, if it passes.', "Check the cluster's API: clm why CLUSTER"],
  },
  ambiguous: {
    meaning: 'Two node objects claim the same instance, so it cannot be told which one is real. Neither is touched.',
    actions: ['Delete the stale node object.'],
  },
  rolling: { meaning: 'Nodes are being replaced; nothing is in the way.', actions: ['Nothing.'] },
  marking: {
    meaning: 'Outdated nodes are being marked before any is drained, so that pods move only once.',
    actions: ['Nothing.'],
  },
  'workers-in-flight': {
    meaning: 'A control-plane node waits until no worker is on its way out.',
    actions: ['Nothing.'],
  },
  'control-plane-in-flight': {
    meaning: 'One control-plane node at a time: another one is on its way out.',
    actions: ['Nothing.'],
  },
  'control-plane-settling': {
    meaning: 'The control plane rests for a while after a node was replaced.',
    actions: ['Nothing.'],
  },
  'first-node-boots': {
    meaning:
      'The roll is checked on its first new nodes, one of each content, before old ones go, and one of them is on its way.',
    actions: ['Nothing. clm why CLUSTER says when it does not come up.'],
  },
  'first-node-checks': {
    meaning:
      'First new nodes are there, one of each content, and old ones go once the checks have passed on all of them.',
    actions: [
      'Nothing: it takes minutes, and without a verdict after 30 the update fails with first-node-unchecked.',
      'clm why CLUSTER names the checks that fail, and on which nodes.',
    ],
  },
};
