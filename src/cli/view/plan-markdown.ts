/** A plan as a comment of a pull request. */
import type { FleetChange, PlanDocument } from '../../planning/change/plan-document.ts';
import { formatDuration } from '../../support/duration.ts';
import { liveLines } from './plan-live-view.ts';
import { changeHead, changeNote, planTitle, timeOf, whichClusters } from './plan-view.ts';

/** GitHub takes 65,536 characters; what is left out is said. */
const mostCharacters = 60_000;

export function planMarkdown(plan: PlanDocument): string {
  const head = [
    `### clm plan: ${escaped(plan.summary === '' ? 'no clusters' : plan.summary)}`,
    '',
    escaped(planTitle(plan)),
    '',
  ];
  for (const { code, message, remedy, clusters } of plan.refusals) {
    head.push(
      `> **Refused** (\`${code}\`): ${escaped(message)} ${escaped(whichClusters(clusters))}. ${escaped(remedy)}`,
      '',
    );
  }
  if (plan.noop) head.push('Nothing would change.', '');
  else head.push(...classTable(plan), '');
  if (plan.rolls.length > 0) head.push(...details(`Nodes that roll: ${plan.nodes}`, rollTable(plan)), '');
  for (const { message, clusters } of plan.notes) head.push(`- ${escaped(`${message} (${whichClusters(clusters)})`)}`);
  const live = liveLines(plan, false);
  if (live.length > 0)
    head.push(
      '',
      ...details(
        'What the clusters say',
        live.map((line) => `${escaped(line)}  `),
      ),
      '',
    );
  return withChanges(head.join('\n'), plan.changes);
}

function classTable(plan: PlanDocument): string[] {
  const rows = plan.classes.map((one) => {
    const which = one.clusters.slice(0, 8).map(escaped).join(', ');
    const more = one.clusters.length > 8 ? ` and ${one.clusters.length - 8} more` : '';
    return `| ${escaped(one.name)} | ${one.clusters.length} | ${one.nodes === 0 ? '' : one.nodes} | ${timeOf(one)} | ${which}${more} |`;
  });
  return ['| class | clusters | nodes | a cluster takes | which |', '|---|---:|---:|---|---|', ...rows];
}

function rollTable(plan: PlanDocument): string[] {
  const rows = plan.rolls.slice(0, 100).map((roll) => {
    const time = `${formatDuration(roll.p50Seconds * 1000)} / ${formatDuration(roll.p90Seconds * 1000)}`;
    const nodes = `${roll.nodes}${roll.nodesFrom === 'registry' ? '+' : ''}`;
    return `| ${escaped(roll.cluster)} | ${escaped(roll.pool)} | ${nodes} | ${roll.surge} | ${time} | ${escaped(roll.why.join('; '))} |`;
  });
  const more = plan.rolls.length > 100 ? ['', `and ${plan.rolls.length - 100} more pools`] : [];
  return ['| cluster | pool | nodes | surge | p50 / p90 | why |', '|---|---|---:|---:|---|---|', ...rows, ...more];
}

function withChanges(head: string, changes: readonly FleetChange[]): string {
  let text = `${head}\n`;
  for (const [index, change] of changes.entries()) {
    const note = changeNote(change);
    const body = [...(note === undefined ? [] : [escaped(note), '']), ...fenced(change.diff)];
    const next = `${details(changeHead(change), body).join('\n')}\n`;
    if (text.length + next.length > mostCharacters) {
      return `${text}\n${changes.length - index} more changes do not fit here: \`clm plan --full\` shows all of them.\n`;
    }
    text += next;
  }
  return text;
}

function details(title: string, lines: readonly string[]): string[] {
  return ['<details>', `<summary>${escaped(title)}</summary>`, '', ...lines, '', '</details>'];
}

/** The fence is longer than any run of backticks inside. */
function fenced(lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const longest = Math.max(2, ...lines.flatMap((line) => line.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}diff`, ...lines, fence];
}

/** Names and messages come from configuration: they are text, whatever is in them. */
function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/([\\`*_|[\]])/g, '\\$1')
    .replaceAll('\n', ' ');
}
