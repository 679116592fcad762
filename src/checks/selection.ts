import type { CheckDefinition } from './contract.ts';

export interface Selection {
  selected: CheckDefinition[];
  /** Of the profile, but left out by `only` or `skip`. */
  notSelected: string[];
  /** Patterns that match no check of the profile: most likely a typo. */
  unmatched: string[];
}

/** Picks checks of a profile by id; `*` stands for any text. */
export function selectChecks(profile: CheckDefinition[], only: string[] = [], skip: string[] = []): Selection {
  const matchesAny = (patterns: string[], id: string): boolean => patterns.some((pattern) => matches(pattern, id));
  const selected = profile.filter(
    (check) => (only.length === 0 || matchesAny(only, check.id)) && !matchesAny(skip, check.id),
  );
  return {
    selected,
    notSelected: profile.filter((check) => !selected.includes(check)).map((check) => check.id),
    unmatched: [...only, ...skip].filter((pattern) => !profile.some((check) => matches(pattern, check.id))),
  };
}

function matches(pattern: string, id: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replace(/[.\\+?^${}()|[\]]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`).test(id);
}

/** Checks that no profile selects: they exist and nobody runs them. `full` does not count, it selects everything. */
export function checksInNoProfile(catalogue: CheckDefinition[], profiles: Record<string, CheckDefinition[]>): string[] {
  const used = new Set(
    Object.entries(profiles)
      .filter(([name]) => name !== 'full')
      .flatMap(([, checks]) => checks.map((check) => check.id)),
  );
  return catalogue.map((check) => check.id).filter((id) => !used.has(id));
}
