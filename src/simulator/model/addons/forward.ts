import type { Random } from '../../../support/random.ts';
import type { Service } from '../kube/kinds.ts';
import type { Process, Source } from '../kube/process.ts';
import { endpointsOf } from '../network/address-book.ts';
import { type HttpAnswer, type HttpRequest, httpAnswer } from '../network/messages.ts';
import type { AddonContext } from './addon.ts';

export const backendTimeoutMs = 60_000;

export interface ServiceBackend {
  namespace: string | undefined;
  service: string;
  port: string | number;
}

/** Hands a request on to a ready pod of the service, with what a proxy adds to it. Answers of its own where that fails. */
export function forward(
  ctx: AddonContext,
  random: Random,
  process: Process,
  backend: ServiceBackend,
  request: HttpRequest,
  from: string,
): { reply: HttpAnswer; afterMs: number } {
  const own = (status: number, body: string, afterMs = 1) => ({ reply: httpAnswer(status, body), afterMs });
  const pod = process.pod();
  const service = ctx.core.store.typed<Service>('services').get(backend.namespace, backend.service);
  const port = service?.spec.ports?.find((each) => each.port === backend.port || each.name === backend.port);
  if (!pod || !service || !port) return own(503, '503 Service Temporarily Unavailable');
  const ready = endpointsOf(ctx.core, service).filter((each) => each.ready && each.ports.has(port.name ?? ''));
  const chosen = ready[random.int(Math.max(1, ready.length))];
  if (!chosen) return own(503, '503 Service Temporarily Unavailable');
  const headers = {
    ...request.headers,
    'x-forwarded-for': request.headers['x-forwarded-for'] ?? from,
    'x-forwarded-proto': request.tls ? 'https' : 'http',
    'x-forwarded-host': request.host.replace(/\.$/, ''),
    'x-forwarded-port': request.tls ? '443' : '80',
    'x-real-ip': from,
  };
  const source: Source = { kind: 'pod', pod };
  const to = { host: chosen.address, port: chosen.ports.get(port.name ?? '')?.port ?? 0, transport: 'TCP' } as const;
  const result = ctx.runtime.network.exchange(source, to, { ...request, headers, tls: false }, backendTimeoutMs);
  if (!result.ok) return result.error === 'timeout' ? own(504, '', backendTimeoutMs) : own(502, '502 Bad Gateway');
  if (result.reply.kind !== 'http') return own(502, '502 Bad Gateway');
  return { reply: result.reply, afterMs: result.latencyMs };
}
