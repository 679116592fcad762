/** A simulated promotion for people: what comes of it, channel by channel, then everything that happens and is waited for. */
import { formatDuration } from '../../support/duration.ts';
import type { WhatIfChannel, WhatIfDocument, WhatIfWait } from '../what-if/document.ts';
import { renderExplanation } from './explanation-view.ts';
import { renderTable } from './table.ts';
import { type Palette, printable, wrap } from './terminal.ts';

interface Options {
  columns: number;
  colors: Palette;
  /** Every cluster, too. */
  wide: boolean;
}

/** Of single clusters: told with -o wide. */
const single = new Set(['cluster-updated', 'cluster-catches-up']);

export function renderWhatIf(document: WhatIfDocument, options: Options): string[] {
  const { colors, columns } = options;
  const lines = wrap(printable(headline(document)), columns).map(
    document.outcome === 'promoted' ? colors.green : colors.red,
  );
  lines.push('', ...channelTable(document, options), '', colors.bold('What happens'));
  lines.push(...timeline(document, options));
  const waits = document.waits.filter((wait) => wait.seconds >= 60);
  if (waits.length > 0) lines.push('', colors.bold('What is waited for'), ...waitLines(document, waits, options));
  if (document.why !== null)
    lines.push('', colors.bold('Why it goes no further'), ...renderExplanation(document.why, { columns, colors }));
  const notes = [
    ...document.unseenFaults.map(
      (fault) => `the fault '${fault}' never showed: its cluster did nothing that it could break`,
    ),
    ...document.assumptions,
  ];
  lines.push('', colors.bold('Taken for granted'));
  for (const note of notes) lines.push(...wrap(`- ${note}`, columns).map(colors.dim));
  return lines;
}

function headline({ ref, commit, subject, outcome, totalSeconds, draws, at }: WhatIfDocument): string {
  const short = commit.slice(0, 12);
  const name = ref === commit || commit.startsWith(ref) ? short : `${ref} (${short})`;
  const when = `${at.slice(0, 16).replace('T', ' ')}Z`;
  const what = `${name} '${subject}', merged at ${when}`;
  if (outcome === 'promoted' && totalSeconds !== null)
    return `${what}, is through after ${span(totalSeconds, draws.run)}.`;
  if (draws.promoted === 0) return `${what}, is not promoted to the end.`;
  return `${what}, is promoted to the end in ${draws.promoted} of ${draws.run} draws; this is draw ${draws.shown}.`;
}

function span({ p50, p90 }: { p50: number; p90: number }, draws: number): string {
  const middle = formatDuration(p50 * 1000);
  return draws === 1 ? middle : `${middle} (nine in ten draws of ${draws}: ${formatDuration(p90 * 1000)})`;
}

function channelTable({ channels, draws, at }: WhatIfDocument, { columns, colors }: Options): string[] {
  const after = (moment: string | null): string =>
    moment === null ? '-' : `+${formatDuration(Date.parse(moment) - Date.parse(at))}`;
  const proven = ({ provenSeconds, provenAt }: WhatIfChannel): string =>
    provenSeconds === null || draws.run === 1
      ? after(provenAt)
      : `+${formatDuration(provenSeconds.p50 * 1000)} p90 +${formatDuration(provenSeconds.p90 * 1000)}`;
  const waves = (channel: WhatIfChannel): string =>
    channel.waves.map((wave) => `${wave.name} ${after(wave.startedAt)}`).join(', ') || '-';
  return renderTable(
    channels,
    [
      { title: 'CHANNEL', value: (channel) => channel.name },
      { title: 'ARRIVES', value: (channel) => after(channel.arrivedAt) },
      { title: 'PROVEN', value: proven },
      { title: 'CLUSTERS', value: clustersOf },
      { title: 'NODES', value: (channel) => String(channel.nodesReplaced) },
      { title: 'WAVES', value: waves, shrinks: true },
    ],
    { columns, colors, wide: false },
  );
}

function clustersOf({ clusters, updated, unchanged, failed, arrivedAt }: WhatIfChannel): string {
  if (arrivedAt === null) return `${clusters} wait`;
  const parts = [
    `${updated} of ${clusters} updated`,
    ...(unchanged > 0 ? [`${unchanged} unchanged`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ];
  return parts.join(', ');
}

function timeline(document: WhatIfDocument, { columns, wide }: Options): string[] {
  const entries = document.timeline.filter((entry) => wide || !single.has(entry.kind));
  return entries.flatMap(({ afterSeconds, channel, message }) => {
    const head = `  ${`+${formatDuration(afterSeconds * 1000)}`.padEnd(9)} ${channel.padEnd(8)} `;
    return wrap(printable(message), Math.max(40, columns - head.length)).map((line, i) =>
      i === 0 ? `${head}${line}` : `${' '.repeat(head.length)}${line}`,
    );
  });
}

function waitLines(document: WhatIfDocument, waits: readonly WhatIfWait[], { columns, colors }: Options): string[] {
  const start = Date.parse(document.at);
  return waits.flatMap(({ channel, message, openedBy, from, until, seconds, code }) => {
    const begun = `+${formatDuration(Date.parse(from) - start)}`;
    const how = until === null ? 'still, after ' : '';
    const head = `  ${begun.padEnd(9)} ${channel.padEnd(8)} `;
    const text = `${how}${formatDuration(seconds * 1000)}: ${message}`;
    const lines = wrap(printable(`${text} [${code}]`), Math.max(40, columns - head.length));
    const who = openedBy === '' ? [] : wrap(printable(`can open it: ${openedBy}`), Math.max(40, columns - head.length));
    return [...lines, ...who.map(colors.yellow)].map((line, i) => (i === 0 ? head : ' '.repeat(head.length)) + line);
  });
}
