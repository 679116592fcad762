import type { Process } from '../kube/process.ts';
import { httpAnswer, type Message, type Reply, type Served, type Transport } from './messages.ts';
import type { RuntimeFaults } from './runtime-faults.ts';

/** What a container does with a message on one of its ports; `closed`: nothing listens there. */
export function serveProcess(
  faults: RuntimeFaults,
  process: Process,
  port: number,
  transport: Transport,
  message: Message,
  from: string,
): Served | 'closed' {
  if (!process.serving() || !process.program.listens(process, port, transport)) return 'closed';
  switch (faults.ofImage(process.container.image ?? '')) {
    case 'refused':
      return 'closed';
    case 'silent':
      return message.kind === 'open' ? { reply: message, afterMs: 0 } : 'silent';
    case 'failing':
      return { reply: failingReply(message), afterMs: 1 };
    case undefined:
      return message.kind === 'open'
        ? { reply: message, afterMs: 0 }
        : process.program.serve(process, port, message, from);
  }
}

function failingReply(message: Message): Reply {
  switch (message.kind) {
    case 'http':
      return httpAnswer(500, 'internal error');
    case 'dns':
      return { kind: 'dns', rcode: 'SERVFAIL', records: [] };
    case 'grpc-health':
      return { kind: 'grpc-health', status: 'NOT_SERVING' };
    case 'bytes':
      return { kind: 'bytes', text: '' };
    case 'open':
      return message;
  }
}
