import { isSidecar, type Probe } from '../kube/kinds.ts';
import { type ImageBehaviour, type KubeOptions, sampleMs } from '../kube/options.ts';
import type { Process, Program } from '../kube/process.ts';
import { httpAnswer, type Transport } from '../network/messages.ts';
import { selfSigned } from './certificates.ts';

/**
 * Any image that nothing is known of: what its command plainly says (`sleep 5`, `exit 3`, `false`); else a server runs for ever
 * on the ports that its container declares and its probes name, and a task ends well after a few seconds.
 */
export function genericProgram(options: KubeOptions, rule: ImageBehaviour | undefined): Program {
  return {
    start: (process) => {
      const exit = rule?.exit ?? commandExit(process);
      if (exit) process.after(exit.afterMs, () => process.exit(exit.code));
    },
    keep: () => undefined,
    bootMs: (process) => {
      const { readinessProbe } = process.container;
      if (rule?.neverReady) return undefined;
      return rule?.readyAfterMs ?? (readinessProbe ? sampleMs(process.random, options.readyMs) : 0);
    },
    listens: (process, port, transport) => declaredPorts(process, transport).has(port),
    serve: (process, _port, message) => {
      if (message.kind === 'http') {
        const name = process.pod()?.metadata.name ?? '';
        const certificate = message.tls ? { certificate: selfSigned(name, [name], process.startedAt) } : {};
        const answer = httpAnswer(200, 'ok', { 'x-served-by': name, date: new Date(process.now()).toUTCString() });
        return { reply: { ...answer, ...certificate }, afterMs: 1 };
      }
      if (message.kind === 'grpc-health') return { reply: { kind: 'grpc-health', status: 'SERVING' }, afterMs: 1 };
      return message.kind === 'bytes' ? { reply: message, afterMs: 1 } : 'reset';
    },
    exec: (process) => ({ code: process.serving() ? 0 : 1, output: '' }),
    stopMs: () => rule?.stopAfterMs,
  };
}

function declaredPorts(process: Process, transport: Transport): Set<number> {
  const { container } = process;
  const ports = new Set<number>();
  for (const port of container.ports ?? []) if ((port.protocol ?? 'TCP') === transport) ports.add(port.containerPort);
  if (transport === 'TCP') {
    for (const probe of [container.readinessProbe, container.livenessProbe, container.startupProbe]) {
      const port = probePort(probe);
      if (typeof port === 'number') ports.add(port);
    }
  }
  return ports;
}

export function probePort(probe: Probe | undefined): number | string | undefined {
  const port = (probe?.httpGet ?? probe?.tcpSocket ?? probe?.grpc)?.port;
  return typeof port === 'number' || typeof port === 'string' ? port : undefined;
}

function commandExit(process: Process): { afterMs: number; code: number } | undefined {
  const { container, random } = process;
  const words = [...(container.command ?? []), ...(container.args ?? [])].join(' ');
  const sleep = /\bsleep\s+(\d+(?:\.\d+)?|infinity)\b/.exec(words);
  const code = /\bexit\s+(\d+)\b/.exec(words);
  const spec = process.pod()?.spec;
  const first = spec?.initContainers?.find((each) => each.name === container.name);
  const isTask = first ? !isSidecar(first) : spec?.restartPolicy !== 'Always';
  if (sleep?.[1] === 'infinity') return undefined;
  const sleepMs = sleep ? Number(sleep[1]) * 1000 : 0;
  if (code) return { afterMs: sleepMs + 200 + random.int(800), code: Number(code[1]) };
  if (/^(\/bin\/)?false$/.test(words.trim())) return { afterMs: 50 + random.int(200), code: 1 };
  if (sleep && !/\bwhile\b/.test(words)) return { afterMs: sleepMs + 50, code: 0 };
  return isTask ? { afterMs: 1000 + random.int(4000), code: 0 } : undefined;
}
