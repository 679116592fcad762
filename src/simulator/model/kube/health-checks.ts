import { serveProcess } from '../network/serve-process.ts';
import type { ContainerProcess } from './container-process.ts';
import type { Container, Probe } from './kinds.ts';
import { fieldsOf, listOf } from './object.ts';
import type { RuntimeParts } from './process.ts';

/** Whether the container answers a probe well right now; a text says what is wrong. */
export function probeProblem(runtime: RuntimeParts, process: ContainerProcess, probe: Probe): string | undefined {
  const { container, node } = process;
  const pod = process.pod();
  if (!pod || !process.serving()) return 'connection refused';
  const handler = probe.httpGet ?? probe.tcpSocket ?? probe.grpc;
  if (probe.exec) {
    const { code, output } = process.program.exec(process, probe.exec.command ?? []);
    return code === 0 ? undefined : `command failed with exit code ${code}: ${output}`;
  }
  if (!handler) return undefined;
  const port = portOf(container, handler.port);
  const address = `${pod.status.podIP}:${port ?? String(handler.port)}`;
  if (port === undefined) return `the container has no port ${String(handler.port)}`;
  if (pod.spec.hostNetwork !== true && runtime.faults.cniDownOn(node)) return `dial tcp ${address}: no route to host`;
  const served = serveProcess(
    runtime.faults,
    process,
    port,
    'TCP',
    messageOf(probe, pod.status.podIP ?? ''),
    pod.status.hostIP ?? '',
  );
  if (served === 'closed') return `dial tcp ${address}: connect: connection refused`;
  if (served === 'reset') return `read tcp ${address}: connection reset by peer`;
  if (served === 'silent' || served.afterMs > (probe.timeoutSeconds ?? 1) * 1000)
    return `${address}: context deadline exceeded`;
  const { reply } = served;
  if (reply.kind === 'http' && (reply.status < 200 || reply.status >= 400))
    return `HTTP probe failed with statuscode: ${reply.status}`;
  return reply.kind === 'grpc-health' && reply.status !== 'SERVING' ? `service unhealthy (${reply.status})` : undefined;
}

function messageOf(probe: Probe, address: string) {
  if (probe.httpGet) {
    const headers = Object.fromEntries(
      listOf(probe.httpGet.httpHeaders)
        .map(fieldsOf)
        .map((each) => [String(each['name']).toLowerCase(), String(each['value'])]),
    );
    return {
      kind: 'http',
      method: 'GET',
      path: probe.httpGet.path ?? '/',
      host: probe.httpGet.host ?? address,
      headers: { 'user-agent': 'kube-probe/1.31', ...headers },
      body: '',
      tls: probe.httpGet.scheme === 'HTTPS',
    } as const;
  }
  if (probe.grpc) return { kind: 'grpc-health', service: probe.grpc.service ?? '' } as const;
  return { kind: 'open' } as const;
}

function portOf(container: Container, port: number | string | undefined): number | undefined {
  if (typeof port === 'number') return port;
  return container.ports?.find((each) => each.name === port)?.containerPort;
}
