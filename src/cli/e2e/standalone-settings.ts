/** Settings and quarantines of a standalone run, from files and options; every problem at once. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { catalogue } from '../../checks/profiles.ts';
import { CheckSettings, settingNames, unknownCapabilities } from '../../checks/settings.ts';
import type { Cluster } from '../../domain/cluster.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import type { Problem } from '../../domain/problem.ts';
import type { Quarantine } from '../../ports/check-runner.ts';
import { parseYamlWithSchema } from '../../sources/yaml-document.ts';

const settingsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const quarantineSchema = z.array(
  z.strictObject({
    check: z.string(),
    cluster: z.string().optional(),
    until: z.iso.datetime({ offset: true }),
    reason: z.string().min(5),
    actor: z.string().min(1),
    issue: z.string().optional(),
  }),
);

export interface StandaloneInput {
  settings?: string;
  set: string[];
  quarantine?: string;
}

const versionItem = 'kubernetes_version';

/** Without a word it would mean nothing, and the run would look as if it had been asked for. */
function unknownSetting(file: string, name: string): Problem {
  const names = [...settingNames, versionItem];
  const near = nearMatches(name, names)[0];
  return {
    file,
    path: name,
    message: `there is no setting '${name}'`,
    remedy: near === undefined ? `settings are ${names.join(', ')}` : `did you mean '${near}'?`,
  };
}

/** Config items that all begin with `e2e_`, but for `kubernetes_version`. */
export function readSettings(input: StandaloneInput, problems: Problem[]): Record<string, string> {
  const items: Record<string, string> = {};
  const add = (name: string, value: string, file: string): void => {
    const bare = name.replace(/^e2e_/, '');
    if (name === versionItem) items[name] = value;
    else if (settingNames.some((one) => one === bare)) items[`e2e_${bare}`] = value;
    else problems.push(unknownSetting(file, bare));
  };
  if (input.settings !== undefined) {
    const read = readYaml(input.settings, settingsSchema, problems);
    for (const [name, value] of Object.entries(read ?? {})) add(name, String(value), input.settings);
  }
  for (const text of input.set) {
    const at = text.indexOf('=');
    if (at > 0) add(text.slice(0, at), text.slice(at + 1), '--set');
    else problems.push({ file: '--set', message: `'${text}' has no value`, remedy: 'write --set name=value' });
  }
  const unknown = unknownCapabilities(new CheckSettings({ configItems: items } as Cluster));
  for (const name of unknown) {
    problems.push({
      file: input.settings ?? '--set',
      path: 'expects',
      message: `there is no capability '${name}'`,
      remedy: 'clm e2e list --capabilities names them',
    });
  }
  return items;
}

export function readQuarantines(file: string | undefined, problems: Problem[]): Quarantine[] {
  if (file === undefined) return [];
  const read = readYaml(file, quarantineSchema, problems) ?? [];
  const ids = catalogue.map((check) => check.id);
  read.forEach((entry, index) => {
    if (ids.includes(entry.check)) return;
    const near = nearMatches(entry.check, ids)[0];
    problems.push({
      file,
      path: `[${index}].check`,
      message: `there is no check '${entry.check}'`,
      remedy: near === undefined ? 'clm e2e list names them' : `did you mean '${near}'?`,
    });
  });
  return read.map(({ cluster, issue, ...entry }) => ({
    ...entry,
    until: Date.parse(entry.until),
    ...(cluster === undefined ? {} : { cluster }),
    ...(issue === undefined ? {} : { issue }),
  }));
}

function readYaml<T>(file: string, schema: z.ZodType<T>, problems: Problem[]): T | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    problems.push({ file, message: `it cannot be read: ${message}`, remedy: 'name a file that exists' });
    return undefined;
  }
  const parsed = parseYamlWithSchema(file, text, schema);
  if (parsed.ok) return parsed.value;
  problems.push(...parsed.problems);
  return undefined;
}
