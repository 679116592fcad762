/** Answers in XML, as each AWS protocol names and nests them. */

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
};

/** Characters that XML 1.0 cannot carry are dropped. */
export function escapeXml(text: string): string {
  if (!/[&<>"\r\p{Cc}\uFFFE\uFFFF]/u.test(text)) return text;
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')
    .replace(/[&<>"\r]/g, (each) => escapes[each] as string);
}

function scalar(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return escapeXml(String(value));
}

function isStructure(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(value instanceof Date) && !(value instanceof Uint8Array);
}

interface Naming {
  /** Element of a list entry. */
  item: string;
  name(key: string, parent: string): string;
}

function write(value: Record<string, unknown>, naming: Naming, parent: string): string {
  let out = '';
  for (const key of Object.keys(value)) {
    const each = value[key];
    if (each === undefined || each === null) continue;
    const name = naming.name(key, parent);
    if (Array.isArray(each)) {
      out += each.length === 0 ? `<${name}/>` : `<${name}>`;
      for (const entry of each as unknown[]) {
        out += `<${naming.item}>${isStructure(entry) ? write(entry, naming, key) : scalar(entry)}</${naming.item}>`;
      }
      if (each.length > 0) out += `</${name}>`;
    } else if (isStructure(each)) out += `<${name}>${write(each, naming, key)}</${name}>`;
    else out += `<${name}>${scalar(each)}</${name}>`;
  }
  return out;
}

const queryNaming: Naming = { item: 'member', name: (key) => key };

/** Members whose element name in EC2's XML is not the name with a small first letter; `Parent.Member` goes first. */
const ec2Names: Readonly<Record<string, string>> = {
  Attachments: 'attachmentSet',
  AvailabilityZones: 'availabilityZoneInfo',
  'AvailabilityZones.State': 'zoneState',
  BlockDeviceMappings: 'blockDeviceMappingSet',
  Endpoint: 'regionEndpoint',
  Events: 'eventsSet',
  Groups: 'groupSet',
  Images: 'imagesSet',
  'Images.BlockDeviceMappings': 'blockDeviceMapping',
  'Images.OwnerId': 'imageOwnerId',
  'Images.Public': 'isPublic',
  'Images.State': 'imageState',
  InstanceStatuses: 'instanceStatusSet',
  InstanceTypes: 'instanceTypeSet',
  Instances: 'instancesSet',
  'Instances.BlockDeviceMappings': 'blockDeviceMapping',
  'Instances.PublicDnsName': 'dnsName',
  'Instances.SecurityGroups': 'groupSet',
  'Instances.State': 'instanceState',
  'Instances.StateTransitionReason': 'reason',
  LaunchTemplateVersions: 'launchTemplateVersionSet',
  'LaunchTemplateData.SecurityGroups': 'securityGroupSet',
  LicenseSpecifications: 'licenseSet',
  Messages: 'messageSet',
  NetworkInterfaces: 'networkInterfaceSet',
  Ipv6Addresses: 'ipv6AddressesSet',
  PrivateIpAddresses: 'privateIpAddressesSet',
  Regions: 'regionInfo',
  Reservations: 'reservationSet',
  SecurityGroupIds: 'securityGroupIdSet',
  SecurityGroups: 'securityGroupInfo',
  'SecurityGroups.Description': 'groupDescription',
  SpotInstanceRequests: 'spotInstanceRequestSet',
  StartingInstances: 'instancesSet',
  StoppingInstances: 'instancesSet',
  Subnets: 'subnetSet',
  TagSpecifications: 'tagSpecificationSet',
  Tags: 'tagSet',
  TerminatingInstances: 'instancesSet',
  Volumes: 'volumeSet',
  'Volumes.State': 'status',
  Vpcs: 'vpcSet',
};

const ec2Naming: Naming = {
  item: 'item',
  name: (key, parent) => ec2Names[`${parent}.${key}`] ?? ec2Names[key] ?? key.charAt(0).toLowerCase() + key.slice(1),
};

const namespaces: Readonly<Record<string, string>> = {
  autoscaling: 'http://autoscaling.amazonaws.com/doc/2011-01-01/',
  cloudformation: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
  elasticloadbalancing: 'http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/',
  elasticloadbalancingv2: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
  sts: 'https://sts.amazonaws.com/doc/2011-06-15/',
  ec2: 'http://ec2.amazonaws.com/doc/2016-11-15/',
};

export function querySuccess(
  service: string,
  action: string,
  result: Record<string, unknown>,
  requestId: string,
): string {
  return (
    `<${action}Response xmlns="${namespaces[service] ?? ''}"><${action}Result>${write(result, queryNaming, '')}</${action}Result>` +
    `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${action}Response>`
  );
}

export function queryError(service: string, status: number, code: string, message: string, requestId: string): string {
  return (
    `<ErrorResponse xmlns="${namespaces[service] ?? ''}"><Error><Type>${status >= 500 ? 'Receiver' : 'Sender'}</Type>` +
    `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`
  );
}

export function ec2Success(action: string, result: Record<string, unknown>, requestId: string): string {
  return (
    `<${action}Response xmlns="${namespaces['ec2']}"><requestId>${requestId}</requestId>` +
    `${write(result, ec2Naming, '')}</${action}Response>`
  );
}

export function ec2Error(code: string, message: string, requestId: string): string {
  return (
    `<Response><Errors><Error><Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message></Error></Errors>` +
    `<RequestID>${requestId}</RequestID></Response>`
  );
}

export function s3Error(code: string, message: string, requestId: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message><RequestId>${requestId}</RequestId></Error>`;
}

const s3Roots: Readonly<Record<string, string>> = {
  ListObjectsV2: 'ListBucketResult',
  ListObjectVersions: 'ListVersionsResult',
  ListBuckets: 'ListAllMyBucketsResult',
  GetBucketVersioning: 'VersioningConfiguration',
};
/** Lists whose entries stand one after the other without a list around them, by the name of an entry. */
const s3Flat: Readonly<Record<string, string>> = {
  Contents: 'Contents',
  CommonPrefixes: 'CommonPrefixes',
  Versions: 'Version',
  DeleteMarkers: 'DeleteMarker',
};
const s3Naming: Naming = { item: 'Bucket', name: (key) => key };

/** The XML of an S3 answer that has one; undefined for those that only have headers or bytes. */
export function s3Document(action: string, result: Record<string, unknown>): string | undefined {
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
  const space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
  if (action === 'GetBucketLocation')
    return `${head}<LocationConstraint ${space}>${scalar(result['LocationConstraint'])}</LocationConstraint>`;
  const root = s3Roots[action];
  if (root === undefined) return undefined;
  const plain = Object.entries(result).filter(([key]) => !(key in s3Flat));
  const flat = Object.entries(s3Flat).flatMap(([key, name]) =>
    ((result[key] ?? []) as Record<string, unknown>[]).map(
      (each) => `<${name}>${write(each, queryNaming, '')}</${name}>`,
    ),
  );
  return `${head}<${root} ${space}>${write(Object.fromEntries(plain), s3Naming, '')}${flat.join('')}</${root}>`;
}
