/** `clm status` as lines of text: a pure function of the document, the newest events and the size of the terminal. */

import type {
  ChannelStatus,
  ClusterStatus,
  PoolStatus,
  StatusDocument,
  StatusProblem,
} from '../../planning/explain/status-document.ts';
import type { StoredJournalEntry } from '../../ports/store.ts';
import { formatDuration } from '../../support/duration.ts';
import { poolSquares, segmentBar } from './bar.ts';
import { fit, type Palette, padEnd, padStart, printable, truncate, visibleWidth, wrap } from './terminal.ts';

export interface StatusViewOptions {
  columns: number;
  /** undefined = as many lines as it takes. */
  rows?: number | undefined;
  colors: Palette;
  /** Newest last. */
  events: StoredJournalEntry[];
}

/** Lines of at most `columns`; with `rows`, blocks are shortened from the bottom up, channels never. */
export function renderStatus(status: StatusDocument, options: StatusViewOptions): string[] {
  const lines = [...headLines(status, options), '', ...channelLines(status, options)];
  const problems = problemLines(status, options);
  const events = eventLines(status, options);
  const flight = flightBlocks(status, options);
  const budget = options.rows === undefined ? Number.POSITIVE_INFINITY : options.rows - lines.length;
  const problemShare = Math.min(problems.length, Math.max(4, Math.floor(budget / 3)));
  const eventShare = Math.min(
    events.length,
    options.rows === undefined ? events.length : Math.max(0, Math.min(6, Math.floor(budget / 5))),
  );
  lines.push(...limitBlocks(flight, budget - problemShare - eventShare, options));
  lines.push(...limitLines(problems, problemShare, options));
  lines.push(...(eventShare > 2 ? keepNewest(events, eventShare) : []));
  const cut = options.rows === undefined ? lines : lines.slice(0, Math.max(1, options.rows));
  return cut.map((line) => truncate(line, options.columns));
}

function headLines(status: StatusDocument, { columns, colors }: StatusViewOptions): string[] {
  const by = status.fleet.byState;
  const parts = [colors.bold(`${status.fleet.clusters} clusters`)];
  const add = (state: string, word: string, paint: (text: string) => string): void => {
    const count = by[state] ?? 0;
    if (count > 0) parts.push(paint(`${count} ${word}`));
  };
  add('up-to-date', 'up to date', colors.green);
  add('updating', 'updating', colors.cyan);
  add('verifying', 'verifying', colors.cyan);
  add('queued', 'queued', colors.dim);
  add('paused', 'paused', colors.yellow);
  add('blocked', 'blocked', colors.red);
  add('stalled', 'stalled', colors.yellow);
  add('failed', 'failed', colors.red);
  add('quarantined', 'quarantined', colors.red);
  add('unknown', 'not seen yet', colors.dim);
  const left = parts.join(colors.dim(' · '));
  const stamps = [`${status.at.slice(0, 10)} ${status.at.slice(11, 19)}`, status.at.slice(11, 19), ''];
  const stamp = stamps.find((one) => columns - visibleWidth(left) - one.length >= 2) ?? '';
  const gap = Math.max(0, columns - visibleWidth(left) - stamp.length);
  const lines = [stamp === '' ? left : left + ' '.repeat(gap) + colors.dim(stamp)];
  if (!status.daemon.running) {
    const asOf = status.daemon.lastCommitAt ?? status.at;
    lines.push(colors.yellow(`daemon not running, as of ${asOf.slice(0, 19)}Z`));
  }
  if (!status.adopted) {
    lines.push(
      ...wrap('Nothing is changed yet: the fleet is only observed until `clm adopt`.', columns).map(colors.yellow),
    );
  }
  for (const override of status.overrides) {
    const until = override.expiresAt === undefined ? '' : ` until ${override.expiresAt.slice(0, 16)}Z`;
    lines.push(
      colors.yellow(printable(`${override.kind} ${override.scope}${until}: ${override.reason} (${override.actor})`)),
    );
  }
  return lines;
}

const stateRoom = 24;

interface ChannelWidths {
  name: number;
  subject: number;
  bar: number;
  count: number;
  checks: number;
}

function channelLines(status: StatusDocument, options: StatusViewOptions): string[] {
  const { columns } = options;
  const channels = status.channels;
  const name = Math.min(16, Math.max(4, ...channels.map((channel) => visibleWidth(channel.name))));
  const count = Math.max(3, ...channels.map((channel) => countText(channel).length));
  const checks = Math.max(1, ...channels.map((channel) => visibleWidth(checksText(channel))));
  const bar = Math.min(24, Math.max(8, Math.floor(columns / 7)));
  const fixed = name + 7 + bar + count + checks + 2 * 6;
  const rest = Math.max(0, columns - fixed);
  const widest = Math.max(0, ...channels.map((channel) => visibleWidth(printable(channel.subject ?? ''))));
  // The state has the first claim on what is left: a soak's progress must not be cut.
  const subject = Math.min(widest, Math.max(Math.min(10, rest), rest - stateRoom), 48);
  const widths: ChannelWidths = { name, subject, bar, count, checks };
  return channels.flatMap((channel) => {
    if (status.adopted || channel.state !== 'idle') return channelBlock(channel, widths, options);
    // Said once for all of them, at the top.
    const { reason: _reason, ...quiet } = channel;
    return channelBlock(quiet, widths, options);
  });
}

function channelBlock(channel: ChannelStatus, widths: ChannelWidths, { columns, colors }: StatusViewOptions): string[] {
  const paint = statePaint(channel.state, colors);
  const state = stateText(channel);
  const commit = channel.rollout?.commit ?? channel.head;
  const subject = printable(channel.rollout?.subject ?? channel.subject ?? '');
  const prefix = [
    colors.bold(fit(channel.name, widths.name)),
    colors.magenta(fit(commit?.slice(0, 7) ?? '-', 7)),
    ...(widths.subject > 0 ? [fit(subject, widths.subject)] : []),
    channelBar(channel, widths.bar, colors),
    padStart(countText(channel), widths.count),
    padEnd(paintChecks(channel, colors), widths.checks),
  ].join('  ');
  const room = columns - visibleWidth(prefix) - 2;
  const eta = etaText(channel);
  const reason = channel.reason === undefined ? '' : printable(channel.reason);
  const told = reason === '' || state.includes(reason) ? state : `${state}: ${reason}`;
  const inline = eta === '' ? told : `${told}, ${eta}`;
  if (visibleWidth(inline) <= room) return [`${prefix}  ${paint(state)}${colors.dim(inline.slice(state.length))}`];
  const indent = ' '.repeat(widths.name + 2);
  const lines = [`${prefix}  ${paint(truncate(state, Math.max(room, 8)))}`];
  // Trouble is told whole; a plain wait gets one line.
  const wrapped = wrap([eta, reason].filter((text) => text !== '').join('; '), columns - indent.length - 2);
  const kept = isTrouble(channel.state) ? wrapped.slice(0, 4) : wrapped.slice(0, 1);
  kept.forEach((line, index) => {
    const cut = index === kept.length - 1 && wrapped.length > kept.length ? `${line}…` : line;
    lines.push(
      `${indent}${colors.dim(index === 0 ? '└ ' : '  ')}${isTrouble(channel.state) ? paint(cut) : colors.dim(cut)}`,
    );
  });
  return lines;
}

/** `expected 2026-01-05 14:20Z, by 19:05Z`: the median, and what nine in ten do not exceed. */
function etaText({ eta }: ChannelStatus): string {
  if (eta === undefined) return '';
  const [p50, p90] = [eta.p50, eta.p90].map((at) => at.slice(0, 16).replace('T', ' ')) as [string, string];
  const late = p90.slice(0, 10) === p50.slice(0, 10) ? p90.slice(11) : p90;
  const what = eta.waitsFor.length === 0 ? '' : ' once approved';
  return p50 === p90 ? `expected ${p50}Z${what}` : `expected ${p50}Z, by ${late}Z${what}`;
}

function isTrouble(state: string): boolean {
  return state === 'halted' || state === 'blocked' || state === 'held' || state === 'paused';
}

function channelBar(channel: ChannelStatus, columns: number, colors: Palette): string {
  const { total, updated, inFlight, blocked, stalled, failed } = channel.counts;
  const moving = Math.max(0, inFlight - blocked - stalled);
  const known = updated + moving + blocked + stalled + failed;
  return segmentBar(
    [
      { count: updated, glyph: '█', paint: colors.green },
      { count: moving, glyph: '▓', paint: colors.cyan },
      { count: stalled, glyph: '▓', paint: colors.yellow },
      { count: blocked + failed, glyph: '▓', paint: colors.red },
      { count: Math.max(0, total - known), glyph: '░', paint: colors.dim },
    ],
    columns,
  );
}

function countText(channel: ChannelStatus): string {
  return `${channel.counts.updated}/${channel.counts.total}`;
}

function checksText(channel: ChannelStatus): string {
  const { passed, failed } = channel.checks;
  if (passed + failed === 0) return '-';
  return failed === 0 ? `✓${passed}` : `✓${passed} ✗${failed}`;
}

function paintChecks(channel: ChannelStatus, colors: Palette): string {
  const { passed, failed } = channel.checks;
  if (passed + failed === 0) return colors.dim('-');
  return failed === 0 ? colors.green(`✓${passed}`) : `${colors.green(`✓${passed}`)} ${colors.red(`✗${failed}`)}`;
}

function stateText(channel: ChannelStatus): string {
  if (channel.state === 'soaking' && channel.soak !== undefined) {
    const { observedSeconds, requiredSeconds } = channel.soak;
    return `soaking ${formatDuration(observedSeconds * 1000)} of ${formatDuration(requiredSeconds * 1000)}`;
  }
  const wave = channel.rollout?.wave;
  if (channel.state === 'updating' && wave !== undefined && wave.of > 1)
    return `wave ${wave.number}/${wave.of} ${wave.name}`;
  return channel.state;
}

function statePaint(state: string, colors: Palette): (text: string) => string {
  switch (state) {
    case 'halted':
    case 'blocked':
    case 'failed':
    case 'quarantined':
      return colors.red;
    case 'paused':
    case 'held':
    case 'stalled':
      return colors.yellow;
    case 'proven':
    case 'up-to-date':
      return colors.green;
    case 'idle':
    case 'unknown':
    case 'queued':
      return colors.dim;
    default:
      return colors.cyan;
  }
}

const showInFlight = new Set(['updating', 'verifying', 'blocked', 'stalled', 'failed', 'paused', 'quarantined']);

function flightBlocks(status: StatusDocument, options: StatusViewOptions): string[][] {
  const clusters = status.clusters.filter((cluster) => showInFlight.has(cluster.state));
  return clusters.map((cluster) => clusterBlock(cluster, Date.parse(status.at), options));
}

function clusterBlock(cluster: ClusterStatus, now: number, { columns, colors }: StatusViewOptions): string[] {
  const paint = statePaint(cluster.state, colors);
  const age = cluster.since === undefined ? '' : formatDuration(now - Date.parse(cluster.since));
  const what = cluster.state === 'updating' && cluster.phase !== undefined ? cluster.phase : cluster.state;
  const blocker = cluster.blocker?.message ?? cluster.failure?.message;
  const wait = cluster.state === 'updating' || cluster.state === 'verifying' ? cluster.waits.at(0)?.message : undefined;
  const label = `${colors.bold(fit(cluster.alias, Math.min(26, Math.max(18, Math.floor(columns / 5)))))} ${colors.dim(fit(cluster.channel, 7))} `;
  const head = `${label}${paint(what)}${age === '' ? '' : colors.dim(` ${age}`)}`;
  const room = columns - visibleWidth(head) - 2;
  const lines = [
    wait !== undefined && room > 16 ? `${head}  ${colors.dim(truncate(shortNames(printable(wait)), room))}` : head,
  ];
  for (const pool of cluster.pools) lines.push(poolLine(pool, now, columns, colors));
  if (blocker !== undefined) {
    wrap(printable(blocker), columns - 4)
      .slice(0, 3)
      .forEach((line, index) => {
        lines.push(`  ${paint(index === 0 ? '└' : ' ')} ${paint(line)}`);
      });
  }
  return lines;
}

function poolLine(pool: PoolStatus, now: number, columns: number, colors: Palette): string {
  const name = fit(pool.name, Math.min(22, Math.max(15, Math.floor(columns / 6))));
  const squaresRoom = Math.max(10, Math.floor((columns - 30) / 2));
  const squares = padEnd(poolSquares(pool, squaresRoom, colors), squaresRoom);
  const count = padStart(pool.total === undefined ? '' : `${pool.updated ?? 0}/${pool.total}`, 7);
  const node = pool.nodes.find((one) => one.phase === 'blocked') ?? pool.nodes.find((one) => one.phase !== 'updated');
  let detail = '';
  if (node !== undefined) {
    const since = node.since === undefined ? '' : ` ${formatDuration(now - Date.parse(node.since))}`;
    detail =
      node.blockedBy === undefined ? `${node.detail} ${node.name}${since}` : `${node.name} ← ${node.blockedBy}${since}`;
  }
  return `  ${colors.dim(name)} ${squares} ${count}  ${colors.dim(shortNames(printable(detail)))}`;
}

function problemLines(status: StatusDocument, { columns, colors }: StatusViewOptions): string[] {
  if (status.problems.length === 0) return [];
  const lines = ['', colors.bold('Problems')];
  for (const problem of status.problems) lines.push(...problemBlock(problem, columns, colors));
  if (status.problemsOmitted > 0) lines.push(colors.dim(`  and ${status.problemsOmitted} more`));
  return lines;
}

function problemBlock(problem: StatusProblem, columns: number, colors: Palette): string[] {
  const sign = problem.severity === 'error' ? colors.red('✗') : colors.yellow('!');
  const text = wrap(printable(`${problem.subject}: ${problem.message} [${problem.code}]`), columns - 4);
  const lines = text.slice(0, 4).map((line, index) => (index === 0 ? `${sign} ${line}` : `  ${line}`));
  if (problem.remedy !== undefined) {
    for (const line of wrap(printable(problem.remedy), columns - 6).slice(0, 2)) lines.push(colors.dim(`  → ${line}`));
  }
  return lines;
}

function eventLines(status: StatusDocument, { events, columns, colors }: StatusViewOptions): string[] {
  if (events.length === 0) return [];
  const aliases = new Map(status.clusters.map((cluster) => [cluster.id, cluster.alias]));
  const lines = ['', colors.bold('Last events')];
  for (const event of events) {
    const where = event.cluster === '' ? event.channel : (aliases.get(event.cluster) ?? event.cluster);
    const time = new Date(event.at).toISOString().slice(11, 19);
    const text = `${colors.dim(time)} ${colors.cyan(printable(where === '' ? event.source : where))} ${shortNames(printable(event.message))}`;
    lines.push(truncate(text, columns));
  }
  return lines;
}

function limitBlocks(blocks: string[][], budget: number, { colors }: StatusViewOptions): string[] {
  if (blocks.length === 0) return [];
  const lines = ['', colors.bold('In flight')];
  let shown = 0;
  for (const block of blocks) {
    const more = blocks.length - shown > 1 ? 1 : 0;
    if (lines.length + block.length + more > budget) break;
    lines.push(...block);
    shown += 1;
  }
  if (shown < blocks.length) lines.push(colors.dim(`  and ${blocks.length - shown} more clusters`));
  return lines;
}

function limitLines(lines: string[], limit: number, { colors }: StatusViewOptions): string[] {
  if (lines.length <= limit) return lines;
  return [...lines.slice(0, Math.max(0, limit - 1)), colors.dim('  … more: clm status')];
}

function keepNewest(lines: string[], limit: number): string[] {
  if (lines.length <= limit) return lines;
  return [...lines.slice(0, 2), ...lines.slice(lines.length - (limit - 2))];
}

/** Node names without the domain that all of them share. */
function shortNames(text: string): string {
  return text.replace(/\b(ip-\d+(?:-\d+)+)\.[a-z0-9-]+\.compute\.internal\b/g, '$1');
}
