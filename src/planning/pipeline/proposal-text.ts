/** What a request for review says: the evidence, so that nobody has to look for it. Pure. */
import type { GateRecord } from '../../domain/gate.ts';
import type { RolloutState } from '../../domain/rollout.ts';
import { formatDuration } from '../../support/duration.ts';
import { type EvidenceFact, evidenceKey } from './facts.ts';

export interface ProposalInput {
  channel: string;
  branch: string;
  commit: string;
  rollout: Pick<RolloutState, 'members' | 'soak' | 'gates'> | undefined;
  /** By evidenceKey. */
  evidence: ReadonlyMap<string, EvidenceFact>;
}

const clustersShown = 20;

export function proposalBody({ channel, branch, commit, rollout, evidence }: ProposalInput): string {
  const lines = [
    `\`${commit}\` is proven on **${channel}**. Once this is approved, clm moves \`${branch}\` to it by fast-forward; do not push to this branch.`,
    '',
    '### Evidence',
    ...clusterLines(commit, rollout?.members ?? {}, evidence),
  ];
  if (rollout !== undefined) {
    const { soak, gates } = rollout;
    if (soak !== null && soak.requiredMs > 0)
      lines.push(`- soak: ${formatDuration(soak.observedMs)} of ${formatDuration(soak.requiredMs)} observed`);
    lines.push(...gates.map(gateLine));
  }
  lines.push('', `\`clm why ${commit.slice(0, 12)}\` tells more.`);
  return lines.join('\n');
}

function clusterLines(
  commit: string,
  members: RolloutState['members'],
  evidence: ReadonlyMap<string, EvidenceFact>,
): string[] {
  const ids = Object.keys(members).sort();
  const known = ids.flatMap((id) => {
    const fact = evidence.get(evidenceKey(id, commit, members[id]?.attempt ?? 0));
    return fact === undefined ? [] : [{ id, fact }];
  });
  const passed = known.reduce((sum, { fact }) => sum + fact.passed, 0);
  const lines = [`- ${known.length} of ${ids.length} clusters with evidence, ${passed} checks passed`];
  for (const { id, fact } of known.slice(0, clustersShown)) {
    const from = fact.inheritedFrom === null ? '' : `, inherited from ${fact.inheritedFrom.slice(0, 12)}`;
    const failed = fact.failed === 0 ? '' : `, ${fact.failed} failed`;
    lines.push(
      `  - \`${id}\`: ${fact.result}, ${fact.passed} checks passed${failed}, ${new Date(fact.at).toISOString()}${from}`,
    );
  }
  if (known.length > clustersShown) lines.push(`  - and ${known.length - clustersShown} more`);
  return lines;
}

function gateLine({ name, state, reason }: GateRecord): string {
  return `- gate ${name}: ${state}, ${reason}`;
}
