/** An optional sink of check results for statsd, with the names that kube-e2etestapp gives them. Lost datagrams are lost. */
import { createSocket } from 'node:dgram';
import type { CheckResult } from '../ports/check-runner.ts';

const prefix = 'e2etest';
const largestDatagram = 1_400;

export interface StatsdSink {
  send: (cluster: string, results: readonly CheckResult[]) => void;
  close: () => void;
}

export function openStatsd(address: { host: string; port: number }, onError: (error: Error) => void): StatsdSink {
  const socket = createSocket('udp4');
  socket.on('error', onError);
  socket.unref();
  return {
    send(cluster, results) {
      for (const datagram of packed(results.flatMap((result) => statsdLines(cluster, result)))) {
        socket.send(datagram, address.port, address.host);
      }
    },
    close: () => socket.close(),
  };
}

/** `action.<ns>.<resource>.<action>` timers in ms, `http.<ns>.<resource>.<result>`, `error.<ns>.<resource>.<area>.<error>`, `dns.<result>`. */
export function statsdLines(cluster: string, result: CheckResult): string[] {
  const where = part(`${cluster}_${result.check}`);
  const lines: string[] = [`${prefix}.action.${where}.check.run:${Math.round(result.durationMs)}|ms`];
  for (const { name, labels, value } of result.metrics ?? []) {
    const resource = part(labels['resource'] ?? 'service');
    if (name === 'action_duration_seconds') {
      lines.push(
        `${prefix}.action.${where}.${resource}.${part(labels['action'] ?? 'run')}:${Math.round(value * 1000)}|ms`,
      );
    } else if (name === 'http_requests_total') {
      const seen = labels['result'] === 'answered' ? '200' : part(labels['result'] ?? 'unknown');
      lines.push(`${prefix}.http.${where}.${resource}.${seen}:${value}|c`);
    } else if (name === 'dns_requests_total') {
      lines.push(`${prefix}.dns.${labels['result'] === 'healthy' ? 'healthy' : 'exception'}:${value}|c`);
    }
  }
  if (result.outcome === 'fail') lines.push(`${prefix}.error.${where}.check.k8s.failed:1|c`);
  if (result.outcome === 'timedout') lines.push(`${prefix}.error.${where}.check.timeout.timed_out:1|c`);
  if (result.outcome === 'error') lines.push(`${prefix}.error.${where}.check.api.no_verdict:1|c`);
  if (result.leaked.length > 0) lines.push(`${prefix}.error.${where}.check.k8s.not_deleted:${result.leaked.length}|c`);
  return lines;
}

/** Dots separate, colons end a name. */
function part(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_-]+/g, '_');
}

function packed(lines: readonly string[]): string[] {
  const datagrams: string[] = [];
  for (const line of lines) {
    const last = datagrams.at(-1);
    if (last === undefined || last.length + line.length + 1 > largestDatagram) datagrams.push(line);
    else datagrams[datagrams.length - 1] = `${last}\n${line}`;
  }
  return datagrams;
}
