/** A plan for people: classes, nodes that roll, every change once. */
import type { FleetChange, PlanDocument } from '../../planning/change/plan-document.ts';
import { formatDuration } from '../../support/duration.ts';
import { liveLines } from './plan-live-view.ts';
import { renderTable, type TableOptions } from './table.ts';
import type { Palette } from './terminal.ts';

export interface PlanViewOptions extends TableOptions {
  /** Every line of every diff. */
  full: boolean;
}

/** Lines of one diff that are shown unless all are asked for. */
const shownLines = 24;
const shownChanges = 40;

export function renderPlan(plan: PlanDocument, options: PlanViewOptions): string[] {
  const { colors } = options;
  const lines = [colors.bold(planTitle(plan)), ''];
  for (const { code, message, remedy, clusters } of plan.refusals) {
    lines.push(colors.red(`Refused (${code}): ${message}`), `  ${whichClusters(clusters)} → ${remedy}`, '');
  }
  if (plan.noop) lines.push('Nothing would change.', '');
  else lines.push(...classTable(plan, options), '');
  if (plan.rolls.length > 0) lines.push(...rollTable(plan, options), '');
  const shown = options.full ? plan.changes : plan.changes.slice(0, shownChanges);
  for (const change of shown) lines.push(...changeLines(change, options), '');
  const rest = plan.changes.length - shown.length;
  if (rest > 0) lines.push(`And ${rest} more changes: --full shows all of them.`, '');
  lines.push(...liveLines(plan, options.full));
  for (const { message, clusters } of plan.notes) lines.push(`Note: ${message} (${whichClusters(clusters)}).`);
  lines.push(nextStep(plan));
  return lines;
}

export function planTitle(plan: PlanDocument): string {
  const { commits } = plan;
  const count = `${plan.clusters.length} ${plan.clusters.length === 1 ? 'cluster' : 'clusters'}`;
  const what = commits
    .slice(0, 4)
    .map(({ commit, subject, channels, sources }) => {
      const where = plan.ref ?? channels.join(', ');
      const pins = (sources ?? []).map((one) => ` with ${one.name}@${one.commit.slice(0, 7)}`).join('');
      return `${where} at ${commit.slice(0, 7)} "${subject}"${pins}`;
    })
    .join(', ');
  return `${what === '' ? 'Nothing to render' : what}, ${count}: ${plan.summary === '' ? 'none' : plan.summary}`;
}

function classTable(plan: PlanDocument, options: TableOptions): string[] {
  return renderTable(
    plan.classes,
    [
      { title: 'CLASS', value: (one) => one.name },
      { title: 'CLUSTERS', value: (one) => String(one.clusters.length) },
      { title: 'NODES', value: (one) => (one.nodes === 0 ? '-' : String(one.nodes)) },
      { title: 'A CLUSTER TAKES', value: (one) => timeOf(one) },
      { title: 'WHICH', value: (one) => listed(one.clusters, options.wide ? one.clusters.length : 4) },
    ],
    options,
  );
}

export function timeOf({ p50Seconds, p90Seconds }: { p50Seconds: number; p90Seconds: number }): string {
  if (p90Seconds === 0) return '-';
  return `about ${formatDuration(p50Seconds * 1000)}, at most ${formatDuration(p90Seconds * 1000)}`;
}

function rollTable(plan: PlanDocument, options: PlanViewOptions): string[] {
  const shown = options.full || options.wide ? plan.rolls : plan.rolls.slice(0, shownChanges);
  const lines = renderTable(
    shown,
    [
      { title: 'CLUSTER', value: (roll) => roll.cluster },
      { title: 'POOL', value: (roll) => roll.pool },
      { title: 'NODES', value: (roll) => `${roll.nodes}${roll.nodesFrom === 'registry' ? '+' : ''}` },
      { title: 'SURGE', value: (roll) => String(roll.surge) },
      { title: 'P50', value: (roll) => formatDuration(roll.p50Seconds * 1000) },
      { title: 'P90', value: (roll) => formatDuration(roll.p90Seconds * 1000) },
      {
        title: 'FROM',
        value: ({ measured: { boots, drains } }) => (boots === 0 ? 'guesses' : `${boots} boots, ${drains} drains`),
        wide: true,
      },
      { title: 'WHY', value: (roll) => roll.why.join('; '), shrinks: true },
    ],
    options,
  );
  if (shown.length < plan.rolls.length) lines.push(`and ${plan.rolls.length - shown.length} more pools: -o wide`);
  if (plan.rolls.some((roll) => roll.nodesFrom === 'registry'))
    lines.push('+ the least that the registry says: nobody has counted these nodes yet');
  return lines;
}

const signs = { create: '+', update: '~', delete: '-', unknown: '?' } as const;

export function changeHead(change: FleetChange): string {
  const counts = change.diff.length === 0 ? '' : ` (+${change.added} -${change.removed})`;
  const component =
    change.of === undefined || change.unit !== 'object'
      ? ''
      : ` of ${change.of}${change.from === undefined ? '' : ` (@${change.from.join(', @')})`}`;
  const what = change.unit === 'user-data' ? 'user data' : 'stacks';
  const { pools } = change;
  const name =
    pools.length === 0
      ? change.name
      : pools.length === 1
        ? `${change.unit === 'user-data' ? what : 'stack'} of node pool ${pools[0] ?? ''}`
        : `${what} of node pools ${listed(pools, 6)}`;
  return `${signs[change.change]} ${name}${component}${counts}, ${whichClusters(change.clusters)}`;
}

/** What is to be said of a change that has no lines, or besides them. */
export function changeNote(change: FleetChange): string | undefined {
  if (change.note !== undefined) return change.note;
  return change.hiddenOnly ? 'only values that are not shown differ' : undefined;
}

function changeLines(change: FleetChange, { colors, full }: PlanViewOptions): string[] {
  const paint = { create: colors.green, update: colors.yellow, delete: colors.red, unknown: colors.magenta };
  const note = changeNote(change);
  // of what is new or gone the count is enough: all of it would be shown
  const brief = !full && (change.change === 'create' || change.change === 'delete');
  const most = full ? change.diff.length : brief ? 0 : shownLines;
  const lines = change.diff.slice(0, most).map((line) => `    ${painted(line, colors)}`);
  const rest = change.diff.length - lines.length;
  return [
    paint[change.change](changeHead(change)),
    ...(note === undefined ? [] : [`    ${note}`]),
    ...lines,
    ...(rest > 0 && !brief ? [`    … ${rest} more lines: --full`] : []),
  ];
}

function painted(line: string, colors: Palette): string {
  if (line.startsWith('@@')) return colors.cyan(line);
  if (line.startsWith('+')) return colors.green(line);
  return line.startsWith('-') ? colors.red(line) : line;
}

export function whichClusters(clusters: readonly string[]): string {
  const count = `${clusters.length} ${clusters.length === 1 ? 'cluster' : 'clusters'}`;
  return `${count}: ${listed(clusters, 3)}`;
}

function listed(names: readonly string[], most: number): string {
  if (names.length <= most) return names.join(', ');
  return `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}

function nextStep(plan: PlanDocument): string {
  if (plan.refusals.length > 0) return 'clm would refuse this. Correct it, and plan again.';
  const live = plan.clusters.some((cluster) => cluster.live !== undefined);
  if (live) return 'The clusters were asked with dry runs and change sets, which are deleted again.';
  if (plan.noop) return 'The clusters have what they should have, as far as is recorded; --live asks them.';
  return 'Compared with what was last applied; --live asks the clusters, too.';
}
