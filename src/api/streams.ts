/** Server-sent events: the status document whenever it changes, and the journal as it grows. */
import type { ServerResponse } from 'node:http';
import type { JournalQuery } from '../ports/store.ts';
import { sleep } from '../support/deadline.ts';
import type { ApiBackend } from './backend.ts';
import type { ChangeFeed } from './change-feed.ts';

/** At most four documents a second. */
const betweenFramesMs = 250;
/** A document is sent this often even when nothing changed: spans in it grow, and dead peers are noticed. */
const heartbeatMs = 2_000;
const journalPage = 200;

export async function streamStatus(
  response: ServerResponse,
  backend: ApiBackend,
  changes: ChangeFeed,
  signal: AbortSignal,
): Promise<void> {
  open(response);
  while (!signal.aborted) {
    const seen = changes.version();
    const status = await backend.status();
    await send(response, { event: 'status', id: status.asOfSeq, data: status }, signal);
    if (!(await sleep(betweenFramesMs, signal))) break;
    await changes.changedSince(seen, heartbeatMs - betweenFramesMs, signal);
  }
}

/** `after` is the id of the last entry that the client has; without one the stream begins with what comes next. */
export async function streamEvents(
  response: ServerResponse,
  backend: ApiBackend,
  changes: ChangeFeed,
  signal: AbortSignal,
  filter: Omit<JournalQuery, 'afterId' | 'limit' | 'newestFirst'>,
  after: number | undefined,
): Promise<void> {
  open(response);
  let last = after ?? (await backend.store.journal({ limit: 1, newestFirst: true })).at(0)?.id ?? 0;
  while (!signal.aborted) {
    const seen = changes.version();
    const page = await backend.store.journal({ ...filter, afterId: last, limit: journalPage });
    for (const entry of page) {
      await send(response, { event: 'entry', id: entry.id, data: entry }, signal);
      last = entry.id;
    }
    if (page.length === journalPage) continue;
    if (page.length === 0) await write(response, ': alive\n\n', signal);
    if (!(await sleep(betweenFramesMs, signal))) break;
    await changes.changedSince(seen, 15_000, signal);
  }
}

function open(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    connection: 'keep-alive',
    'x-accel-buffering': 'no',
  });
}

function send(
  response: ServerResponse,
  frame: { event: string; id: number; data: unknown },
  signal: AbortSignal,
): Promise<void> {
  const text = `event: ${frame.event}\nid: ${frame.id}\ndata: ${JSON.stringify(frame.data)}\n\n`;
  return write(response, text, signal);
}

/** Waits for a slow reader instead of piling frames up for it. */
function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || response.write(text)) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      response.off('drain', finish);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    response.once('drain', finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}
