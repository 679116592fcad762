import type { ClusterCore } from '../kube/cluster-core.ts';
import { fieldsOf } from '../kube/object.ts';
import type { Process, Program } from '../kube/process.ts';
import { clusterDnsAnswer } from '../network/cluster-dns.ts';
import { vpcResolver } from '../network/internet.ts';
import { type DnsAnswer, type DnsQuestion, httpAnswer, type Message, type Served } from '../network/messages.ts';
import { clusterDomain } from '../network/resolver.ts';
import type { RuntimeFaults } from '../network/runtime-faults.ts';

const forwardMs = 2_000;

interface Corefile {
  /** Of the plugin `kubernetes`; undefined without it. */
  domain: string | undefined;
  forwards: boolean;
  broken: boolean;
}

/** CoreDNS: the cluster's zone out of the API's objects, everything else from upstream. Its Corefile decides. */
export function coreDns(core: ClusterCore, faults: RuntimeFaults): Program {
  return {
    start: (process) => {
      const corefile = corefileOf(process);
      process.state = corefile;
      if (corefile.broken) process.after(200, () => process.exit(1, 'plugin/errors: Corefile could not be parsed'));
    },
    // Never changed once it is read.
    keep: (corefile) => corefile,
    bootMs: () => 800,
    listens: (_process, port) => [53, 8080, 8181, 9153].includes(port),
    serve: (process, port, message) => serve(core, faults, process, port, message),
    exec: () => ({ code: 0, output: '' }),
  };
}

function serve(core: ClusterCore, faults: RuntimeFaults, process: Process, port: number, message: Message): Served {
  if (port !== 53) {
    if (message.kind !== 'http') return 'reset';
    const body = port === 9153 ? 'coredns_build_info{version="1.11"} 1\n' : 'OK';
    return { reply: httpAnswer(200, body), afterMs: 1 };
  }
  if (message.kind !== 'dns') return 'silent';
  const { answer, afterMs } = resolve(core, process, message);
  return { reply: answer, afterMs: 1 + afterMs + faults.values.dnsLatencyMs };
}

function resolve(core: ClusterCore, process: Process, question: DnsQuestion): { answer: DnsAnswer; afterMs: number } {
  const corefile = process.state as Corefile;
  if (corefile.domain !== undefined) {
    const own = clusterDnsAnswer(core, corefile.domain, question);
    if (own && 'alias' in own) {
      if (question.type === 'CNAME') return { answer: noError([own.alias]), afterMs: 0 };
      const rest = resolve(core, process, { ...question, name: own.target });
      const records = [own.alias, ...rest.answer.records];
      return { answer: { ...rest.answer, records }, afterMs: rest.afterMs };
    }
    if (own) return { answer: own, afterMs: 0 };
  }
  return corefile.forwards ? forward(process, question) : { answer: failure('REFUSED'), afterMs: 0 };
}

function noError(records: DnsAnswer['records']): DnsAnswer {
  return { kind: 'dns', rcode: 'NOERROR', records };
}

function failure(rcode: 'SERVFAIL' | 'REFUSED'): DnsAnswer {
  return { kind: 'dns', rcode, records: [] };
}

function forward(process: Process, question: DnsQuestion): { answer: DnsAnswer; afterMs: number } {
  const pod = process.pod();
  if (!pod) return { answer: failure('SERVFAIL'), afterMs: 0 };
  const to = { host: vpcResolver, port: 53, transport: 'UDP' } as const;
  const result = process.network.exchange({ kind: 'pod', pod }, to, question, forwardMs);
  const answer = result.ok && result.reply.kind === 'dns' ? result.reply : failure('SERVFAIL');
  return { answer, afterMs: result.latencyMs };
}

/** From the config map that the pod mounts; without one, the usual. */
function corefileOf(process: Process): Corefile {
  const mounted = fieldsOf(process.pod()?.spec)['volumes'] !== undefined;
  const found = mounted ? process.files.read('/etc/coredns/Corefile') : { error: 'not-found' };
  if ('error' in found) return { domain: clusterDomain, forwards: true, broken: false };
  const text = found.content.replace(/#.*$/gm, '');
  const opened = text.split('{').length - 1;
  return {
    domain: /\bkubernetes\s+([a-z0-9.-]+)/.exec(text)?.[1]?.replace(/\.$/, ''),
    forwards: /\bforward\s+\./.test(text),
    broken: opened === 0 || opened !== text.split('}').length - 1,
  };
}
