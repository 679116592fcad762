import { endpointsOf } from '../network/address-book.ts';
import { ApiError, badRequest } from './api-error.ts';
import type { KubeAnswer, KubeRequest } from './api-request.ts';
import type { ClusterCore } from './cluster-core.ts';
import type { Pod, Service } from './kinds.ts';

const timeoutMs = 30_000;
/** Where the API server stands, for the network. */
const apiServer = { kind: 'node', node: '' } as const;

/** `services/[scheme:]name[:port]/proxy/…` and the same for pods: an HTTP request passed on into the cluster. */
export function proxyAnswer(
  core: ClusterCore,
  target: { plural: string; namespace: string; name: string; rest: string },
  request: KubeRequest,
): KubeAnswer {
  const parts = target.name.split(':');
  const tls = parts.length === 3 ? parts[0] === 'https' : false;
  const name = (parts.length === 3 ? parts[1] : parts[0]) ?? '';
  const port = parts.length === 3 ? parts[2] : parts[1];
  const to =
    target.plural === 'pods'
      ? podTarget(core, target.namespace, name, port)
      : serviceTarget(core, target.namespace, name, port);
  const query = request.query.toString();
  const result = core.runtime.network.exchange(
    apiServer,
    { ...to, transport: 'TCP' },
    {
      kind: 'http',
      method: request.method,
      path: `/${target.rest}${query === '' ? '' : `?${query}`}`,
      host: to.host,
      headers: { 'user-agent': request.userAgent ?? '', accept: request.accept ?? '*/*' },
      body: typeof request.body === 'string' ? request.body : '',
      tls,
    },
    timeoutMs,
  );
  if (!result.ok || result.reply.kind !== 'http') {
    const why = result.ok ? 'malformed HTTP response' : result.message;
    throw new ApiError(503, 'ServiceUnavailable', `error trying to reach service: ${why}`);
  }
  const { status, headers, body } = result.reply;
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body };
}

function podTarget(core: ClusterCore, namespace: string, name: string, port: string | undefined) {
  const pod: Pod | undefined = core.store.pods.get(namespace, name);
  if (!pod) throw new ApiError(404, 'NotFound', `pods "${name}" not found`);
  const first = pod.spec.containers[0]?.ports?.[0]?.containerPort ?? 80;
  if (pod.status.podIP === undefined) throw badRequest(`address not allowed`);
  return { host: pod.status.podIP, port: port === undefined || port === '' ? first : Number(port) };
}

function serviceTarget(core: ClusterCore, namespace: string, name: string, port: string | undefined) {
  const service = core.store.typed<Service>('services').get(namespace, name);
  if (!service) throw new ApiError(404, 'NotFound', `services "${name}" not found`);
  const wanted = service.spec.ports?.find(
    (each) => port === undefined || port === '' || each.name === port || String(each.port) === port,
  );
  const ready = endpointsOf(core, service).find((each) => each.ready && each.ports.has(wanted?.name ?? ''));
  const targetPort = ready?.ports.get(wanted?.name ?? '')?.port;
  if (!ready || targetPort === undefined)
    throw new ApiError(503, 'ServiceUnavailable', `no endpoints available for service "${name}"`);
  return { host: ready.address, port: targetPort };
}
