/** `clm status`, once and live. */

import type { StatusDocument } from '../../planning/explain/status-document.ts';
import type { StoredJournalEntry } from '../../ports/store.ts';
import { clockFromEnvironment } from '../../support/clock.ts';
import { sleep } from '../../support/deadline.ts';
import type { CommandContext, ConnectionOptions, OutputFormat } from '../command.ts';
import { connect, withReader } from '../connection.ts';
import { type DaemonClient, DaemonUnreachable } from '../daemon-client.ts';
import { badInput } from '../exit.ts';
import { type CliIo, colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import type { Reader } from '../reader.ts';
import { renderClusters } from '../view/cluster-table.ts';
import { LiveScreen } from '../view/live-screen.ts';
import { renderStatus } from '../view/status-view.ts';
import { followEvents } from './events.ts';

const shownEvents = 5;
const keptEvents = 20;
const reconnectMs = 1_000;

export async function runStatus(
  options: ConnectionOptions & { output: OutputFormat; watch?: boolean },
  { io }: CommandContext,
): Promise<void> {
  if (options.watch === true) {
    if (options.output === 'yaml') throw badInput('-w prints a table or JSON lines; leave -o yaml out');
    const { client } = await connect(options, io);
    if (options.output === 'json') return watchAsJson(client, io);
    if (!io.outIsTerminal) return followEvents(client, { limit: shownEvents }, 'table', io);
    return watchOnScreen(client, io, options.output === 'wide');
  }
  const machine = options.output === 'json' || options.output === 'yaml';
  const show = async (reader: Reader): Promise<void> => {
    const status = await reader.status();
    const events = machine ? [] : await reader.events({ limit: shownEvents });
    await printDocument(io, options.output, status, (wide) => {
      const colors = colorsOf(io);
      const lines = renderStatus(status, { columns: io.columns(), colors, events });
      if (!wide) return lines;
      return [...lines, '', ...renderClusters(status.clusters, { columns: tableColumns(io), wide: true, colors })];
    });
  };
  await withReader(options, io, show, machine);
}

async function watchAsJson(client: DaemonClient, io: CliIo): Promise<void> {
  for await (const frame of client.stream('/v1/status/stream', {}, io.signal))
    io.out(`${JSON.stringify(frame.data)}\n`);
}

/** Redraws until Ctrl-C; a daemon that goes away is waited for, and said so. */
async function watchOnScreen(client: DaemonClient, io: CliIo, wide: boolean): Promise<void> {
  const screen = new LiveScreen({ write: io.out, columns: io.columns, rows: io.rows });
  const events: StoredJournalEntry[] = [];
  let status: StatusDocument | undefined;
  let notice = '';
  const draw = (): void => {
    if (status === undefined) return;
    const colors = colorsOf(io);
    const rows = io.rows() - 1 - (notice === '' ? 0 : 1);
    const lines = renderStatus(status, { columns: io.columns(), rows, colors, events: events.slice(-shownEvents) });
    if (wide) lines.push('', ...renderClusters(status.clusters, { columns: io.columns(), wide: true, colors }));
    screen.draw(notice === '' ? lines : [colors.yellow(notice), ...lines]);
  };
  const stopResize = io.onResize(draw);
  const stop = new AbortController();
  const signal = AbortSignal.any([io.signal, stop.signal]);
  const journal = keepEvents(client, events, signal);
  const ended = (): boolean => signal.aborted;
  try {
    while (!ended()) {
      try {
        for await (const frame of client.stream('/v1/status/stream', {}, signal)) {
          status = frame.data as StatusDocument;
          notice = '';
          draw();
        }
      } catch (error) {
        if (!(error instanceof DaemonUnreachable)) throw error;
        if (status === undefined) throw error;
      }
      if (ended()) break;
      const clock = clockFromEnvironment(io.environment['CLM_CLOCK']);
      notice = `daemon not running, as of ${status?.at.slice(0, 19) ?? ''}Z (now ${new Date(clock.now()).toISOString().slice(11, 19)}); waiting for it`;
      draw();
      await sleep(reconnectMs, signal);
    }
  } finally {
    stop.abort();
    stopResize();
    screen.close();
    await journal;
  }
}

/** Keeps the newest entries in `events`; reconnects quietly, since the status stream tells of a lost daemon. */
async function keepEvents(client: DaemonClient, events: StoredJournalEntry[], signal: AbortSignal): Promise<void> {
  let last: number | undefined;
  while (!signal.aborted) {
    try {
      if (last === undefined) {
        const page = await client.get<{ events: StoredJournalEntry[] }>('/v1/events', { limit: shownEvents });
        events.push(...page.events);
        last = page.events.at(-1)?.id ?? 0;
      }
      for await (const frame of client.stream('/v1/events/stream', { after: last }, signal)) {
        const entry = frame.data as StoredJournalEntry;
        last = entry.id;
        events.push(entry);
        if (events.length > keptEvents) events.splice(0, events.length - keptEvents);
      }
    } catch (error) {
      if (!(error instanceof DaemonUnreachable)) return;
    }
    await sleep(reconnectMs, signal);
  }
}
