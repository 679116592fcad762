import type { Remedy } from './remedy.ts';

export const awsRemedies: Record<string, Remedy> = {
  'bucket-not-ours': {
    meaning:
      'The bucket for files of nodes and long templates exists and cannot be used: another account has the name, or the role lacks rights.',
    actions: [
      'Name another bucket in the config item files_bucket of the clusters of that account; clm makes it.',
      'If the bucket is yours: give the role s3:GetObject, s3:PutObject and s3:ListBucket on it.',
    ],
  },
  'aws-capacity': {
    meaning:
      'AWS has no capacity of an instance type in a zone. Other zones of the pool are tried, then this one again later.',
    actions: [
      'Nothing, if it passes.',
      'Give the pool more instance types or zones.',
      'Ask AWS for capacity, or reserve some.',
    ],
  },
  'aws-conflict': {
    meaning: 'Another change of the same stack or group was under way. The call is made again.',
    actions: ['Nothing, if it passes.', 'Find who else changes the resource: CloudTrail names the caller.'],
  },
  'aws-expired-credentials': {
    meaning: "The daemon's AWS credentials have expired and could not be renewed.",
    actions: [
      'Check where the daemon gets its credentials from: instance role, web identity token file, profile.',
      'clm retry channel:NAME --reason … once they are valid.',
    ],
  },
  'aws-not-found': {
    meaning: 'A stack, group or instance that was expected is not there.',
    actions: [
      'Check that nobody deleted it by hand: CloudTrail.',
      'clm retry channel:NAME --reason …; stacks are made again from the configuration.',
    ],
  },
  'aws-server-error': {
    meaning: 'AWS answered with an error of its own. The call is made again with growing pauses.',
    actions: ['Nothing, if it passes.', 'Look at the AWS health dashboard for the region.'],
  },
  'aws-throttled': {
    meaning: 'AWS limits how many calls the account may make. The daemon slows down by itself.',
    actions: [
      'Nothing, if it passes.',
      'Lower concurrency.clusters in clm.yaml, or ask AWS for a higher limit.',
      'Look for other programs that poll the same account.',
    ],
  },
  'aws-timeout': {
    meaning: 'A call of AWS took too long. It is made again.',
    actions: ['Check the network between the daemon and AWS: proxies, NAT, endpoints.'],
  },
  'aws-unauthorized': {
    meaning: 'AWS refuses the call: the role lacks a permission, or may not be taken.',
    actions: [
      'The message names the action: add it to the policy of the role.',
      'Check assume_role_arn of the account and the trust policy of that role.',
      'clm retry channel:NAME --reason … afterwards.',
    ],
  },
  'aws-unreachable': {
    meaning: 'AWS cannot be reached. The call is made again.',
    actions: ['Check DNS, routes and proxies of the daemon.', 'Check providers.aws.endpoint in clm.yaml.'],
  },
  'aws-validation': {
    meaning: 'AWS refuses the request as malformed; trying again would not help.',
    actions: [
      'The message says which value: correct the template or the registry entry it comes from.',
      'Merge the correction to the first channel; it supersedes this version.',
    ],
  },
  'credentials-expire': {
    meaning: 'The credentials would expire before a drain could end, so no node is touched.',
    actions: ['Use credentials that renew themselves (a role), or longer sessions.'],
  },
  'account-unknown': {
    meaning:
      'The cluster is in an account that the accounts file does not list; accounts that are not listed are never touched.',
    actions: ['Add the account to the accounts file, or correct infrastructure_account of the cluster.'],
  },
  'output-missing': {
    meaning: 'A template uses an output of the cluster stack that the stack in the cloud does not have (yet).',
    actions: [
      'Look at the outputs of the stack named by the local id of the cluster.',
      'Declare the output in cluster.yaml, or correct the name after .Values.ClusterStackOutputs.',
    ],
  },
  'stack-not-ours': {
    meaning:
      'A stack that would be deleted (it is listed for deletion, or nothing lives in it) does not carry the tag of this cluster; only stacks that do are deleted.',
    actions: [
      'Check the name in cf-deletions.yaml, or Metadata.StackName of the template.',
      'When it is the right one, tag the stack with kubernetes.io/cluster/<cluster id>=owned.',
    ],
  },
  'stack-broken': {
    meaning:
      'A stack is at rest in a state in which CloudFormation changes nothing: its deletion, its creation or a rollback failed. The message has the reason.',
    actions: [
      'DELETE_FAILED: finish the deletion in the console (keep what has to stay), clm then creates the stack again; or take up who deletes it.',
      'UPDATE_ROLLBACK_FAILED: clm has taken the rollback up again once; repair the resource, or continue the rollback without it.',
      'CREATE_FAILED, ROLLBACK_FAILED: delete the stack.',
      'clm retry channel:NAME --reason … afterwards.',
    ],
  },
  'stack-busy': {
    meaning: 'Somebody else has been changing a stack for more than an hour; clm never changes one at the same time.',
    actions: [
      'The message says since when and, where known, with which request token; CloudTrail names the caller.',
      'clm retry channel:NAME --reason … once the stack is at rest.',
    ],
  },
  'stack-change-invalid': {
    meaning:
      'CloudFormation could not make a change set of the template; nothing was changed. The message has its own reason.',
    actions: ['Merge a corrected template.', 'clm render shows what was sent.'],
  },
  'stack-change-refused': {
    meaning:
      'The change set would replace or remove something precious (nodes, volumes, load balancers, buckets, keys …), or let CloudFormation replace nodes by itself, or cut a group below what runs; nothing was changed.',
    actions: [
      'The message names stack, resource and property: leave that property as it was, or keep the resource.',
      'A group that is to be smaller: lower min_size alone first, since AWS keeps that many places; let its autoscaler take nodes away, or drain some (kubectl drain) and end each with its place (aws autoscaling terminate-instance-in-auto-scaling-group --should-decrement-desired-capacity); lower max_size then.',
      "When it is meant: allow it in the registry for a time, config item allow_stack_changes: 'STACK/RESOURCE until YYYY-MM-DD by YOU: REASON'.",
      'clm retry channel:NAME --reason … afterwards.',
    ],
  },
  'stack-failed': {
    meaning:
      'CloudFormation could not bring a stack to its template, and took the change back; the message has its own reason.',
    actions: [
      'Read the events of the stack in the console.',
      'Merge a corrected template, or: clm retry channel:NAME --reason …',
    ],
  },
};
