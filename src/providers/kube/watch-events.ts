import type { KubeObject } from '../../domain/kube-object.ts';
import type { WatchEvent, WatchHandle, WatchHandlers } from '../../ports/kube-cluster.ts';
import { readStatus } from './api-status.ts';
import type { KubeAnswer, KubeCall, KubeExchange } from './kube-exchange.ts';

const eventTypes: ReadonlySet<string> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);

interface Line {
  type?: unknown;
  object?: unknown;
}

function describeRefusal(answer: KubeAnswer): string {
  const status = readStatus(answer);
  return `HTTP ${answer.status}${status.message === '' ? '' : `: ${status.message}`}`;
}

/**
 * Turns the lines of a stream into events of the port. An ERROR event ends the watch, as the server does not go on after it; a
 * line that is no event ends it too, as what it would have said is lost.
 */
export function openWatch(exchange: KubeExchange, call: KubeCall, where: string, handlers: WatchHandlers): WatchHandle {
  let over = false;
  const query = { ...call.query, watch: 'true', allowWatchBookmarks: 'true' };

  const finish = (reason: 'expired' | 'ended' | 'error', message: string): void => {
    if (over) return;
    over = true;
    handlers.closed(reason, `${where}: ${message}`);
  };

  const stream = exchange.stream(
    { ...call, query },
    {
      opened: () => {
        if (!over) handlers.opened?.();
      },
      line: (value) => {
        if (over) return;
        const { type, object } = (typeof value === 'object' && value !== null ? value : {}) as Line;
        if (type === 'ERROR') {
          const code = (object as { code?: unknown } | null)?.code;
          const answer = { status: typeof code === 'number' ? code : 500, body: object };
          finish(answer.status === 410 ? 'expired' : 'error', describeRefusal(answer));
          stream.stop();
        } else if (typeof type === 'string' && eventTypes.has(type) && typeof object === 'object' && object !== null) {
          handlers.event({ type: type as WatchEvent['type'], object: object as KubeObject });
        } else {
          finish('error', `unexpected event of type ${JSON.stringify(type)}`);
          stream.stop();
        }
      },
      refused: (answer) => finish(answer.status === 410 ? 'expired' : 'error', describeRefusal(answer)),
      ended: (error) => (error === undefined ? finish('ended', 'closed by the server') : finish('error', error)),
    },
  );

  return {
    stop: () => {
      if (over) return;
      stream.stop();
      finish('ended', 'stopped');
    },
  };
}
