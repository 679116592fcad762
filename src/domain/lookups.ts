/** What rendering asks of the cloud: plain questions, so that the answers can be recorded, locked and replayed. */

export type LookupQuestion =
  /** Id of the newest image with that name and owner (account number or alias); asked of EC2. */
  | { kind: 'image'; name: string; owner: string }
  | { kind: 'instance-type'; name: string }
  /** The VPC that the cluster names, or the account's only or default one, and its subnets. */
  | { kind: 'network'; vpcId: string }
  /** ARN of the certificate that fits a host name best and lives longest. */
  | { kind: 'certificate'; host: string }
  /** ARN of the KMS key behind an alias. */
  | { kind: 'kms-key'; alias: string };

export interface InstanceTypeAnswer {
  vcpus: number;
  memoryBytes: number;
  architecture: 'amd64' | 'arm64';
  /** Disks of instance storage, and bytes of each. */
  storageDevices: number;
  storageDeviceBytes: number;
}

export interface NetworkAnswer {
  vpcId: string;
  ipv4Cidr: string;
  ipv6Cidrs: string[];
  subnets: SubnetAnswer[];
}

export interface SubnetAnswer {
  id: string;
  zone: string;
  ipv6Cidrs: string[];
  tags: Record<string, string>;
}

/** Answers by `questionKey`; what they are depends on the kind of the question. */
export type RecordedLookups = Readonly<Record<string, unknown>>;

/** One text for one question: `image 123456789012 node-v1`. */
export function questionKey(question: LookupQuestion): string {
  switch (question.kind) {
    case 'image':
      return `image ${question.owner} ${question.name}`;
    case 'instance-type':
      return `instance-type ${question.name}`;
    case 'network':
      return `network ${question.vpcId}`;
    case 'certificate':
      return `certificate ${question.host}`;
    case 'kms-key':
      return `kms-key ${question.alias}`;
  }
}

/** Thrown when a template needs an answer that is not recorded. No mistake of the template: it is rendered again with it. */
export class LookupNeeded extends Error {
  readonly question: LookupQuestion;

  constructor(question: LookupQuestion) {
    super(`not looked up yet: ${questionKey(question)}`);
    this.name = 'LookupNeeded';
    this.question = question;
  }
}
