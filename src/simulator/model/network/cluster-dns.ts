import type { ClusterCore } from '../kube/cluster-core.ts';
import { isPodFinished, type Service } from '../kube/kinds.ts';
import { shownText } from '../kube/object.ts';
import { endpointsOf, type ServiceEndpoint } from './address-book.ts';
import { addressOfReverseName, isAddress } from './addresses.ts';
import type { DnsAnswer, DnsQuestion, DnsRecord } from './messages.ts';

const ttl = 5;
const noSuchName: DnsAnswer = { kind: 'dns', rcode: 'NXDOMAIN', records: [] };

/** What the cluster's zone says; undefined for a name that is not in it and goes to the upstream resolver. */
export function clusterDnsAnswer(
  core: ClusterCore,
  domain: string,
  question: DnsQuestion,
): DnsAnswer | { alias: DnsRecord; target: string } | undefined {
  const { name, type } = question;
  if (name.endsWith('.in-addr.arpa')) return reverse(core, domain, name);
  if (name !== domain && !name.endsWith(`.${domain}`)) return undefined;
  const labels = name === domain ? [] : name.slice(0, -domain.length - 1).split('.');
  if (labels.length === 0) return answer([]);
  const realm = labels.at(-1);
  if (realm === 'svc') return serviceAnswer(core, domain, labels.slice(0, -1), name, type);
  if (realm === 'pod' && labels.length === 3) return podAnswer(core, labels, name, type);
  return realm === 'pod' && labels.length < 3 ? answer([]) : noSuchName;
}

function answer(records: DnsRecord[]): DnsAnswer {
  return { kind: 'dns', rcode: 'NOERROR', records };
}

function addresses(name: string, type: string, list: readonly string[]): DnsAnswer {
  return answer(type === 'A' ? list.map((data) => ({ name, type: 'A', ttl, data })) : []);
}

function serviceAnswer(core: ClusterCore, domain: string, labels: string[], name: string, type: string) {
  const namespace = labels.at(-1);
  if (namespace === undefined) return answer([]);
  if (!core.store.table('namespaces').get(undefined, namespace)) return noSuchName;
  if (labels.length === 1) return answer([]);
  const service = core.store.typed<Service>('services').get(namespace, labels.at(-2) as string);
  if (!service) return noSuchName;
  const rest = labels.slice(0, -2);
  if (service.spec.type === 'ExternalName') {
    const target = shownText(service.spec['externalName'] ?? '');
    return rest.length > 0 ? noSuchName : { alias: { name, type: 'CNAME', ttl, data: target }, target };
  }
  const published = endpointsOf(core, service).filter((each) => each.ready);
  if (rest.length === 2 && rest.every((label) => label.startsWith('_')))
    return serviceRecords(service, published, domain, rest, name, type);
  const headless = service.spec.clusterIP === 'None';
  if (rest.length === 0) {
    if (!headless) return addresses(name, type, [service.spec.clusterIP ?? '']);
    return published.length === 0
      ? noSuchName
      : addresses(
          name,
          type,
          published.map((each) => each.address),
        );
  }
  if (rest.length !== 1) return noSuchName;
  const own = published.filter((each) => endpointLabel(each) === rest[0]);
  return own.length === 0
    ? noSuchName
    : addresses(
        name,
        type,
        own.map((each) => each.address),
      );
}

/** `_http._tcp.web.default.svc…` */
function serviceRecords(
  service: Service,
  published: readonly ServiceEndpoint[],
  domain: string,
  [port = '', protocol = '']: readonly string[],
  name: string,
  type: string,
): DnsAnswer {
  const base = `${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`;
  const wanted = service.spec.ports?.find(
    (each) => `_${each.name ?? ''}` === port && `_${(each.protocol ?? 'TCP').toLowerCase()}` === protocol,
  );
  if (!wanted) return noSuchName;
  if (type !== 'SRV') return answer([]);
  if (service.spec.clusterIP !== 'None') return answer([{ name, type, ttl, data: `0 100 ${wanted.port} ${base}` }]);
  const share = published.length === 0 ? 0 : Math.floor(100 / published.length);
  return answer(
    published.flatMap((each) => {
      const target = each.ports.get(wanted.name ?? '');
      return target ? [{ name, type, ttl, data: `0 ${share} ${target.port} ${endpointLabel(each)}.${base}` }] : [];
    }),
  );
}

function endpointLabel(endpoint: ServiceEndpoint): string {
  return endpoint.hostname ?? endpoint.address.replaceAll('.', '-');
}

/** `10-1-2-3.default.pod.cluster.local` */
function podAnswer(core: ClusterCore, [dashed = '', namespace = '']: string[], name: string, type: string): DnsAnswer {
  const address = dashed.replaceAll('-', '.');
  if (!isAddress(address) || !core.store.table('namespaces').get(undefined, namespace)) return noSuchName;
  return addresses(name, type, [address]);
}

function reverse(core: ClusterCore, domain: string, name: string): DnsAnswer | undefined {
  const address = addressOfReverseName(name);
  if (address === undefined) return undefined;
  const record = (data: string): DnsAnswer => answer([{ name, type: 'PTR', ttl, data }]);
  for (const service of core.store.typed<Service>('services').byKey.values()) {
    const base = `${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`;
    if (service.spec.clusterIP === address) return record(base);
  }
  for (const pod of core.store.pods.byKey.values()) {
    if (pod.status.podIP !== address || pod.spec.hostNetwork || isPodFinished(pod)) continue;
    for (const service of core.store
      .typed<Service>('services')
      .inNamespace(pod.metadata.namespace ?? '')
      .values()) {
      const endpoint = endpointsOf(core, service).find((each) => each.address === address && each.ready);
      if (endpoint)
        return record(
          `${endpointLabel(endpoint)}.${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`,
        );
    }
  }
  return undefined;
}
