import type { Remedy } from './remedy.ts';

export const awsRemedies: Record<string, Remedy> = {
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
  'uploads-unsupported': {
    meaning:
      'The configuration has a files.yaml, whose archive would have to be in S3 before nodes start; it is not uploaded.',
    actions: ['Move the files into the user data of the profile, and remove its files.yaml.'],
  },
  'stack-not-ours': {
    meaning:
      'A stack that is listed for deletion does not carry the tag of this cluster; only stacks that do are deleted.',
    actions: [
      'Check the name in cf-deletions.yaml.',
      'When it is the right one, tag the stack with kubernetes.io/cluster/<cluster id>=owned.',
    ],
  },
  'stack-failed': {
    meaning: 'CloudFormation could not bring a stack to its template; the message has its own reason.',
    actions: [
      'Read the events of the stack in the console.',
      'A stack in ROLLBACK_FAILED or UPDATE_ROLLBACK_FAILED has to be continued or deleted by hand.',
      'Merge a corrected template, or: clm retry channel:NAME --reason …',
    ],
  },
};
