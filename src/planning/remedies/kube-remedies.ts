import type { Remedy } from './remedy.ts';

export const kubeRemedies: Record<string, Remedy> = {
  'component-emptied': {
    meaning:
      'A component of which an earlier version applied objects renders nothing any more. That is more often a mistake in a condition than a wish, so nothing is deleted.',
    actions: [
      'clm render shows what the component renders to; correct the condition or bring the folder back.',
      "When it is meant: allow it in the registry for a time, config item allow_emptied_components: 'COMPONENT until YYYY-MM-DD by YOU: REASON'.",
      'clm retry channel:NAME --reason … afterwards.',
    ],
  },
  'field-conflict': {
    meaning:
      'Another field manager owns fields of an object that clm applies, and the cluster says that they are not to be taken over.',
    actions: [
      'The message names the manager and the fields: end what it does there, or take the fields out of the manifest.',
      'Or say what is to be done about that manager: config item apply_conflicts, such as: fail, NAME=force or NAME=leave.',
      'kubectl get … --show-managed-fields -o yaml shows who owns what.',
    ],
  },
  'inventory-unreadable': {
    meaning:
      'The ConfigMap kube-system/clm-inventory, which says what clm has applied, cannot be read. It is not taken for an empty one.',
    actions: [
      'Look who changed it: kubectl -n kube-system get cm clm-inventory --show-managed-fields -o yaml',
      'Restore it, or delete the broken key: objects of that component that render no more then stay until somebody deletes them.',
    ],
  },
  'object-failed': {
    meaning:
      'An object that was applied says itself that it will not get ready: a job that failed, a claim without its volume.',
    actions: [
      'The message names the object and its reason.',
      'A job that is to run again needs another name, or to be deleted first: manifests/deletions.yaml.',
      'clm retry channel:NAME --reason … afterwards.',
    ],
  },
  'ambiguous-kind': {
    meaning: 'A deletion names a kind that several groups of APIs serve. Nothing is deleted.',
    actions: ['Say which one in manifests/deletions.yaml: api_version: GROUP/VERSION.'],
  },
  'too-many-deletions': {
    meaning: 'More objects would be deleted than one update may delete. Nothing is deleted.',
    actions: [
      'The message names some: is the change right?',
      'Raise prune_max_deletions of the cluster for this change, or remove the objects in several commits.',
    ],
  },
  'workloads-not-ready': {
    meaning: 'Something that was applied did not get ready within half an hour.',
    actions: [
      'The message names the first one and what it lacks: kubectl describe it.',
      'clm retry channel:NAME --reason … once it can, or merge a corrected manifest.',
    ],
  },
  'kube-access-invalid': {
    meaning: "The settings by which a cluster's API is reached cannot work.",
    actions: [
      'Check providers.kubernetes in clm.yaml: the kubeconfig needs a context named by the cluster id.',
      'Check api_server_url of the cluster.',
    ],
  },
  'kube-already-exists': {
    meaning: 'An object that was to be created is there already.',
    actions: ['Nothing: the next look takes it as it is.'],
  },
  'kube-conflict': {
    meaning: 'Somebody else changed the object at the same moment. It is read and tried again.',
    actions: ['Nothing, if it passes.', 'Find who owns the field: kubectl get … --show-managed-fields -o yaml'],
  },
  'kube-eviction-unsupported': {
    meaning: 'The cluster has no policy/v1 Eviction API. Pods are never deleted instead of evicted.',
    actions: ['Bring the cluster to Kubernetes 1.22 or newer.'],
  },
  'kube-expired': {
    meaning: 'A list or watch was too old for the API server. It begins anew.',
    actions: ['Nothing.'],
  },
  'kube-forbidden': {
    meaning: 'The API server knows the daemon, but does not let it do this.',
    actions: [
      'The message names verb and resource: add them to the ClusterRole of the daemon.',
      'An admission webhook may have refused it: the message names it.',
    ],
  },
  'kube-invalid': {
    meaning: 'The API server refuses an object as invalid; trying again would not help.',
    actions: [
      'Correct the manifest; the message names the field.',
      'A field that is not declared in the schema is misspelt, too new for this Kubernetes, or of another version of a definition (CRD).',
      'Immutable fields need the object to be deleted first: manifests/deletions.yaml.',
    ],
  },
  'kube-not-found': {
    meaning: 'An object, or the kind of it, is not there.',
    actions: [
      'Check that the definition (CRD) or namespace is part of an earlier component.',
      'clm retry channel:NAME --reason … once it is there.',
    ],
  },
  'kube-server-error': {
    meaning: 'The API server answered with an error of its own. It is asked again with growing pauses.',
    actions: ['Nothing, if it passes.', 'Look at the logs of kube-apiserver and etcd of the cluster.'],
  },
  'kube-system-missing': {
    meaning: 'The cluster has no namespace kube-system, by which clusters are told apart.',
    actions: ['Check that api_server_url points to the right cluster, and that its control plane has started.'],
  },
  'kube-throttled': {
    meaning: 'The API server asks for patience (priority and fairness). It is asked again later.',
    actions: ['Nothing, if it passes.', 'Give the daemon a FlowSchema of its own.'],
  },
  'kube-timeout': {
    meaning: "The cluster's API did not answer in time. It is asked again.",
    actions: ['Check the load of the control plane, and the network to it.'],
  },
  'kube-unauthorized': {
    meaning: "The cluster's API does not accept the daemon's credentials.",
    actions: [
      'Check token, tokenFile or kubeconfig in clm.yaml.',
      'Check that the token has not expired and belongs to this cluster.',
    ],
  },
  'kube-unknown-kind': {
    meaning: 'The cluster does not know a kind that a manifest uses.',
    actions: [
      'Let the component that brings its definition (CRD) come earlier in the order of names.',
      'Check the apiVersion: it may be gone from this Kubernetes version.',
    ],
  },
  'kube-unreachable': {
    meaning: "The cluster's API cannot be reached. It is asked again; unreachable is not failed.",
    actions: ['Check api_server_url, DNS and firewalls.', 'Is the control plane running? clm why CLUSTER'],
  },
  'api-not-ready': {
    meaning: 'The API server says that it is not ready; no control-plane node is touched before it is.',
    actions: ['The message names the failing check of /readyz.'],
  },
  'object-without-uid': {
    meaning: 'An object to be deleted carries no uid, so that it could be mistaken for another one; it is left alone.',
    actions: ['Delete it by hand, if it is the right one.'],
  },
  'namespace-missing': {
    meaning: 'A manifest of a namespaced kind names no namespace.',
    actions: ['Write metadata.namespace in the manifest.'],
  },
  'session-busy': {
    meaning: 'Too much work waits for one cluster already. It is tried again.',
    actions: ['Nothing, if it passes.', 'If it stays, the API of the cluster is very slow: clm why CLUSTER'],
  },
  'session-closed': {
    meaning: 'The connection to the cluster was closed while it was wanted, as the daemon ends. Nothing is lost.',
    actions: ['Nothing.'],
  },
  foundations: {
    meaning: 'Namespaces, definitions or the like were applied and are not usable yet; the components after them wait.',
    actions: ['Nothing, if it passes.', 'Look at the conditions of the object that the message names.'],
  },
};
