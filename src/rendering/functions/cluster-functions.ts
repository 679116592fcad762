import { TemplateFunctionError } from '../gotemplate/template-error.ts';
import { GoMap, GoStruct, type GoValue } from '../gotemplate/value.ts';
import { type FunctionTable, fixed, listOf, mapOf, textFunction } from './define-function.ts';
import { networkOf } from './network-functions.ts';

function accountId(account: string): string {
  const parts = account.split(':');
  if (parts.length !== 2) throw new TemplateFunctionError(`invalid account (expected type:id): ${account}`);
  return parts[1] as string;
}

/** The key under which the subnets of all zones are kept. */
const allZones = '*';

function port(text: string, input: string): bigint {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= 65_535)) throw new TemplateFunctionError(`invalid port ${JSON.stringify(text)} in ${input}`);
  return BigInt(number);
}

function portRange(text: string, input: string, single: boolean): { FromPort: bigint; ToPort: bigint } {
  const parts = text.split('-');
  if (parts.length > 2 || (parts.length === 1 && !single))
    throw new TemplateFunctionError(`invalid port range: ${input}`);
  const from = port(parts[0] as string, input);
  const to = port(parts.at(-1) as string, input);
  if (from > to) throw new TemplateFunctionError(`port range ${from}-${to} is invalid`);
  return { FromPort: from, ToPort: to };
}

function ingressRange(text: string, input: string): GoStruct {
  const match = /^(?:(tcp|udp):)?(\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}):([\d-]+)$/.exec(text);
  if (!match) throw new TemplateFunctionError(`invalid ingress range (expected [tcp|udp:]cidr:port[-port]): ${input}`);
  const [, protocol = 'tcp', cidr = '', ports = ''] = match;
  return new GoStruct('SGIngressRange', {
    CIDR: networkOf(cidr),
    ...portRange(ports, input, true),
    Protocol: protocol,
  });
}

function splitHostPort(text: string): GoStruct {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(text);
  if (!match) throw new TemplateFunctionError(`address ${text}: missing port, or too many colons`);
  return new GoStruct('HostPort', { Host: match[1] ?? match[2] ?? '', Port: match[3] ?? '' });
}

function endpointHosts(endpoints: string): string[] {
  const hosts = endpoints.split(',').map((endpoint) => {
    const url = endpoint.startsWith('http') ? endpoint : `http://${endpoint}`;
    try {
      return new URL(url).hostname;
    } catch {
      throw new TemplateFunctionError(`unable to parse endpoint '${endpoint}'`);
    }
  });
  return [...new Set(hosts)].sort();
}

function mountUnitName(path: string): string {
  if (!path.startsWith('/')) throw new TemplateFunctionError(`not an absolute path: ${path}`);
  return path.slice(1).replaceAll('/', '-');
}

function asgSize([size, groups]: GoValue[]): GoValue {
  const count = groups as bigint;
  if (count <= 0n || (size as bigint) % count !== 0n)
    throw new TemplateFunctionError(`pool size must be an exact multiple of ${count}`);
  return (size as bigint) / count;
}

interface PoolView {
  profile: string;
  labels: Map<string, string>;
  configItems: GoMap;
}

function textOf(value: GoValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function poolViews(pools: GoValue | undefined): PoolView[] {
  return listOf(pools).map((pool) => {
    if (!(pool instanceof GoStruct)) throw new TemplateFunctionError('a list of node pools is needed');
    const configItems = mapOf(pool.fields.get('ConfigItems'), 'node pool');
    const labels = new Map(
      textOf(configItems.entries.get('labels'))
        .split(',')
        .map((label) => label.split('=', 2))
        .filter((pair): pair is [string, string] => pair.length === 2),
    );
    return { profile: textOf(pool.fields.get('Profile')), labels, configItems };
  });
}

/** Worker pools by their label `dedicated`; untainted ones without it are the default, ''. */
function poolsByPurpose(pools: GoValue | undefined): Map<string, PoolView[]> {
  const groups = new Map<string, PoolView[]>();
  for (const pool of poolViews(pools)) {
    if (pool.profile.startsWith('master')) continue;
    const dedicated = pool.labels.get('dedicated') ?? '';
    if (dedicated === '' && pool.configItems.entries.has('taints')) continue;
    groups.set(dedicated, [...(groups.get(dedicated) ?? []), pool]);
  }
  return groups;
}

function zoneDistributed([pools]: GoValue[]): GoValue {
  const result = new Map<string, GoValue>();
  for (const [dedicated, group] of poolsByPurpose(pools)) {
    const distributed = group.every(
      (pool) =>
        (dedicated === '' || pool.configItems.entries.get('taints') === `dedicated=${dedicated}:NoSchedule`) &&
        !pool.configItems.entries.has('availability_zones') &&
        ['worker-splitaz', 'worker-karpenter'].includes(pool.profile),
    );
    if (distributed) result.set(dedicated, true);
  }
  return new GoMap(result, false);
}

const lifecycleProviders: Record<string, string> = {
  'worker-karpenter': 'karpenter',
  'worker-combined': 'zalando',
  'worker-splitaz': 'zalando',
};

function lifecycleProvider([pools]: GoValue[]): GoValue {
  const result = new Map<string, GoValue>();
  for (const [dedicated, group] of poolsByPurpose(pools)) {
    const profiles = new Set(group.map((pool) => pool.profile));
    const profile = profiles.size === 1 ? ([...profiles][0] as string) : '';
    result.set(dedicated === '' ? 'default' : dedicated, lifecycleProviders[profile] ?? '');
  }
  return new GoMap(result, '');
}

function clusterName([cluster]: GoValue[]): GoValue {
  if (!(cluster instanceof GoStruct)) throw new TemplateFunctionError('clusterName needs a cluster');
  return cluster.fields.get(cluster.fields.get('Provider') === 'zalando-eks' ? 'LocalID' : 'ID') ?? '';
}

/** Functions about clusters, accounts, pools and their networks that need no look-up. */
export const clusterFunctions: FunctionTable = {
  accountID: textFunction(accountId),
  getAWSAccountID: textFunction(accountId),
  asgSize: fixed(['int', 'int'], asgSize),
  azID: textFunction((zone) => zone.split('-').at(-1) as string),
  azCount: fixed(['map'], ([zones]) =>
    BigInt([...mapOf(zones, 'azCount').entries.keys()].filter((zone) => zone !== allZones).length),
  ),
  eksID: textFunction((id) => id.split(':').at(-1) as string),
  clusterName: fixed(['any'], clusterName),
  mountUnitName: textFunction(mountUnitName),
  awsValidID: textFunction((id) => id.replaceAll(':', '__')),
  portRanges: fixed(['string'], ([text]) =>
    (text as string).split(',').map((part) => new GoStruct('PortRange', portRange(part, text as string, false))),
  ),
  sgIngressRanges: fixed(['string'], ([text]) =>
    (text as string).split(',').map((part) => ingressRange(part, text as string)),
  ),
  splitHostPort: fixed(['string'], ([text]) => splitHostPort(text as string)),
  extractEndpointHosts: fixed(['string'], ([text]) => endpointHosts(text as string)),
  zoneDistributedNodePoolGroups: fixed(['list'], zoneDistributed),
  nodeLifeCycleProviderPerNodePoolGroup: fixed(['list'], lifecycleProvider),
};
