/** The branch that shows a version that is proposed for a channel's branch: one for each, so that proposing it again changes nothing. */
export function proposalBranch(target: string, commit: string): string {
  return `clm/promote/${target}/${commit.slice(0, 12)}`;
}
