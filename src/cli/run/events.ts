/** `clm events`, once and following. */
import type { StoredJournalEntry } from '../../ports/store.ts';
import { sleep } from '../../support/deadline.ts';
import type { CommandContext, ConnectionOptions, OutputFormat } from '../command.ts';
import { connect, daemonReader, withReader } from '../connection.ts';
import { type DaemonClient, DaemonUnreachable } from '../daemon-client.ts';
import { badInput } from '../exit.ts';
import { type CliIo, colorsOf } from '../io.ts';
import { fullSubjects, requireKnown } from '../subjects.ts';
import { printable } from '../view/terminal.ts';

export interface EventsOptions extends ConnectionOptions {
  output: 'table' | 'wide' | 'json' | 'yaml';
  follow?: boolean;
  channel?: string;
  cluster?: string;
  commit?: string;
  kind?: string;
  limit: number;
}

/** What `clm events` may be narrowed to. */
export interface EventFilter {
  channel?: string;
  cluster?: string;
  commit?: string;
  kind?: string;
}

const reconnectMs = 1_000;

export async function runEvents(options: EventsOptions, { io }: CommandContext): Promise<void> {
  const { channel, cluster, commit, kind, limit } = options;
  if (limit < 1 || limit > 1000) throw badInput('--limit is between 1 and 1000');
  const query: EventFilter & { limit: number } = { ...defined({ channel, cluster, commit, kind }), limit };
  if (options.follow === true) {
    const { client } = await connect(options, io);
    const reader = daemonReader(client);
    const named = await fullSubjects(query, reader);
    await requireKnown(named, reader);
    return followEvents(client, { ...query, ...named }, options.output, io);
  }
  const events = await withReader(options, io, async (reader) => {
    const named = await fullSubjects(query, reader);
    const found = await reader.events({ ...query, ...named });
    if (found.length === 0) await requireKnown(named, reader);
    return found;
  });
  await printEvents(events, options.output, io);
}

/** Prints the newest `query.limit`, then what comes, until Ctrl-C; a daemon that restarts is waited for. */
export async function followEvents(
  client: DaemonClient,
  query: EventFilter & { limit: number },
  format: OutputFormat,
  io: CliIo,
): Promise<void> {
  const { limit, ...filter } = query;
  const first = await client.get<{ events: StoredJournalEntry[] }>('/v1/events', { ...filter, limit });
  await printEvents(first.events, format, io);
  let last = first.events.at(-1)?.id;
  if (last === undefined) {
    const newest = await client.get<{ events: StoredJournalEntry[] }>('/v1/events', { limit: 1 });
    last = newest.events.at(-1)?.id ?? 0;
  }
  let told = false;
  const ended = (): boolean => io.signal.aborted;
  while (!ended()) {
    try {
      for await (const frame of client.stream('/v1/events/stream', { ...filter, after: last }, io.signal)) {
        const entry = frame.data as StoredJournalEntry;
        last = entry.id;
        told = false;
        await printEvents([entry], format, io);
      }
    } catch (error) {
      if (!(error instanceof DaemonUnreachable)) throw error;
    }
    if (ended()) return;
    if (!told) io.err('daemon not running; waiting for it\n');
    told = true;
    await sleep(reconnectMs, io.signal);
  }
}

async function printEvents(events: StoredJournalEntry[], format: OutputFormat, io: CliIo): Promise<void> {
  if (events.length === 0) return;
  if (format === 'json') io.out(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  else if (format === 'yaml') {
    const { stringify } = await import('yaml');
    io.out(events.map((event) => `---\n${stringify(event)}`).join(''));
  } else {
    const colors = colorsOf(io);
    for (const event of events) {
      const at = new Date(event.at).toISOString();
      const where = event.cluster === '' ? event.channel : event.cluster;
      const more =
        format === 'wide' ? ` ${colors.dim(`${event.source} seq ${event.seq} ${event.commit.slice(0, 7)}`)}` : '';
      io.out(
        `${colors.dim(`${at.slice(0, 10)} ${at.slice(11, 19)}`)} ${event.kind} ${colors.cyan(printable(where))} ${printable(event.message)}${more}\n`,
      );
    }
  }
}

function defined(values: { [Key in keyof EventFilter]: string | undefined }): EventFilter {
  return Object.fromEntries(Object.entries(values).filter((entry) => entry[1] !== undefined));
}
