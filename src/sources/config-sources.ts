/** `config-sources.yaml` of a channel configuration: which commits of further repositories belong to it. */
import { z } from 'zod';
import { nearMatches } from '../domain/near-matches.ts';
import type { Problem } from '../domain/problem.ts';
import { parseYamlWithSchema, problemAt } from './yaml-document.ts';

export const configSourcesFile = 'config-sources.yaml';

export interface SourcePin {
  /** As clm.yaml names the repository. */
  name: string;
  commit: string;
}

const pinsSchema = z.strictObject({
  sources: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        commit: z
          .string()
          .regex(/^(?:[\da-f]{40}|[\da-f]{64})$/, {
            error: (issue) => `'${String(issue.input)}' is no full commit id`,
          })
          .meta({ remedy: 'write all digits (git rev-parse NAME^{commit}): branches, tags and beginnings may move' }),
      }),
    )
    .max(16),
});

/** The pins in their order: later sources override earlier ones. `known` are the names of clm.yaml. */
export function parseConfigSources(
  text: string,
  known: readonly string[],
): { ok: true; pins: SourcePin[] } | { ok: false; problems: Problem[] } {
  const parsed = parseYamlWithSchema(configSourcesFile, text, pinsSchema);
  if (!parsed.ok) return { ok: false, problems: parsed.problems };
  const problems: Problem[] = [];
  const seen = new Set<string>();
  parsed.value.sources.forEach(({ name }, index) => {
    const complain = (message: string, remedy: string): void => {
      problems.push(problemAt(parsed.places, ['sources', index, 'name'], message, remedy));
    };
    if (seen.has(name)) complain(`source ${name} is named twice`, 'keep one of the two');
    seen.add(name);
    if (known.includes(name)) return;
    const near = nearMatches(name, known);
    const remedy = 'name the repository under configRepository.further of clm.yaml';
    complain(`clm.yaml has no source ${name}`, near.length === 0 ? remedy : `write ${near.join(' or ')}, or ${remedy}`);
  });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, pins: parsed.value.sources };
}
