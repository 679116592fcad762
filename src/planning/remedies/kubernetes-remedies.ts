import type { Remedy } from './remedy.ts';

/** Versions of Kubernetes that a cluster is not brought to. Nothing was touched when one of these is shown. */
export const kubernetesRemedies: Record<string, Remedy> = {
  'kubernetes-version-invalid': {
    meaning: 'The config item kubernetes_version of the cluster or of a pool is no version.',
    actions: ['Write it as v1.34.3.'],
  },
  'kubernetes-version-unknown': {
    meaning: 'The API server does not say which version it runs, so nobody can say whether the new one may follow.',
    actions: ['clm tries again by itself. kubectl get --raw /version shows what it answers.'],
  },
  'kubernetes-downgrade': {
    meaning:
      'The cluster runs a newer minor of Kubernetes than the configuration wants. Kubernetes cannot go back: what etcd holds may be newer.',
    actions: ['Write the minor that runs. clm plan CLUSTER shows both.'],
  },
  'kubernetes-minor-skipped': {
    meaning:
      'The configuration wants a minor of Kubernetes that is more than one ahead. API servers go one minor at a time.',
    actions: ['Merge the next minor first, let it reach the channel, then merge the one after it.'],
  },
  'kubernetes-upgrade-unfinished': {
    meaning:
      'API servers of two minors run, because an upgrade was interrupted, and the configuration wants a third one.',
    actions: ['Bring the cluster to the newer of the two first.'],
  },
  'kubernetes-skew': {
    meaning:
      'Nodes or pools would be too far from the control plane: kubelets may be three minors older than API servers, and never newer.',
    actions: ['The message names them: roll nodes that are too old, or give the pool a version that fits.'],
  },
  'control-plane-missing': {
    meaning:
      'The registry says that EKS runs the control plane, and EKS has no cluster of that name after its stack was applied.',
    actions: [
      'Let cluster.yaml make an AWS::EKS::Cluster whose Name is {{ .Cluster.Name }}: the alias for zalando-eks, the local id for aws-eks.',
      'A cluster that EKS knows by another name says so in its config item eks_cluster_name.',
    ],
  },
  'control-plane-not-active': {
    meaning: 'EKS does not serve the control plane: it failed, or is being deleted.',
    actions: ['aws eks describe-cluster --name NAME says why, under health.'],
  },
  'control-plane-updating': {
    meaning:
      'EKS is at work on the control plane, and did not finish within an hour; usually it takes a quarter of one.',
    actions: ['aws eks list-updates --name NAME and describe-update say what it is at. clm retry goes on.'],
  },
  'control-plane-behind': {
    meaning:
      'The control plane that EKS runs is older than kubernetes_version, although the cluster stack is applied. No node was changed.',
    actions: [
      'Let Version of the AWS::EKS::Cluster in cluster.yaml be made of the config item kubernetes_version, as examples/eks does.',
    ],
  },
  'removed-api': {
    meaning: 'Manifests of the configuration use an API that this version of Kubernetes does not serve any more.',
    actions: ['Write them in the API that replaces it; the message names objects and API.'],
  },
  'removed-api-in-use': {
    meaning: 'Clients of the cluster ask for an API that the new version of Kubernetes does not serve any more.',
    actions: [
      'Find the clients: audit events of such requests carry the annotation k8s.io/deprecated, with user and user agent.',
      'What is known to be harmless goes into the config item kubernetes_removed_apis_accepted of the cluster, a line each: RESOURCE until 2027-01-31 by NAME: REASON. The API server counts since it started: a restart forgets clients that are gone.',
    ],
  },
  'kubernetes-metrics-unreadable': {
    meaning:
      'Before another minor of Kubernetes the API server is asked which removed APIs clients use; it does not answer.',
    actions: [
      'Let clm read the path /metrics of the API server: a ClusterRole with nonResourceURLs. It is asked again by itself.',
    ],
  },
};
