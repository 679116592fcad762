import type { ServerResponse } from 'node:http';
import { ScaledClock, type Timer } from '../../support/clock.ts';
import type { KubeAnswer, KubeRequest } from '../model/kube/api-request.ts';
import type { KubeModel } from '../model/kube/kube-model.ts';

/** A client that reads slower than this much behind is cut off, as a real API server does. */
const mostBufferedBytes = 4 * 1024 * 1024;

/** How long a client may stay connected is a matter of the network: it runs on real time, whatever the world's speed. */
const wallClock = new ScaledClock(0, 1);

/** Opens a watch whose events are written as lines of JSON as soon as `start` gets the response. */
export function openWatchStream(
  model: KubeModel,
  request: KubeRequest,
): { refused: KubeAnswer } | { start(response: ServerResponse): void } {
  const query = new URLSearchParams(request.query);
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  query.delete('timeoutSeconds');
  let target: ServerResponse | undefined;
  let early: string[] = [];
  let ended = false;
  let timer: Timer | undefined;
  const write = (text: string): void => {
    if (!target) {
      early.push(text);
      return;
    }
    target.write(`${text}\n`);
    if (target.writableLength > mostBufferedBytes) target.destroy();
  };
  const handle = model.watch(
    { ...request, query },
    {
      event: (event) => write(JSON.stringify(event)),
      line: write,
      closed: () => {
        ended = true;
        timer?.cancel();
        target?.end();
      },
    },
  );
  if (handle.refused) return { refused: handle.refused };
  return {
    start(response) {
      target = response;
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
      response.flushHeaders();
      if (early.length > 0) response.write(`${early.join('\n')}\n`);
      early = [];
      if (ended) {
        response.end();
        return;
      }
      response.on('close', () => {
        timer?.cancel();
        handle.stop();
      });
      if (seconds > 0) {
        timer = wallClock.at(wallClock.now() + seconds * 1000, () => {
          handle.stop();
          response.end();
        });
      }
    },
  };
}
