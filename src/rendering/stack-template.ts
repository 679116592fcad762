import { LineCounter, parseDocument, visit } from 'yaml';
import type { GroupSizes } from '../domain/rendered.ts';
import { canonicalJson, digestText } from '../support/digest.ts';
import { fastDocuments } from './fast-yaml.ts';
import type { TextProblem } from './manifest-documents.ts';
import { type Noted, type RepeatedKey, repeatedKeys } from './repeated-keys.ts';
import { cloudFormationYaml } from './yaml-schema.ts';

/** What a stack template says, as far as anything but CloudFormation needs it. */
export interface StackSummary {
  /** Of the parsed template: comments, style and order of keys do not count. */
  digest: string;
  /** `Metadata.Tags`: the tags that the template asks for its stack. */
  tags: Readonly<Record<string, string>>;
  /** `Metadata.StackName`, for stacks that are named by their template. */
  stackName: string | undefined;
  /** Names under `Outputs`. */
  outputs: readonly string[];
  /** Groups whose UpdatePolicy has CloudFormation replace instances, by logical id, with the name of that policy. */
  selfRolling: Readonly<Record<string, string>>;
  /** What the template says of the size of each group, by logical id. */
  groupSizes: Readonly<Record<string, GroupSizes>>;
}

/** What is kept of the file of a stack. */
export interface StackFileResult extends StackSummary, Noted {
  /** Digest of the text. */
  text: string;
  /** It refers to outputs of the cluster stack. */
  refers: boolean;
  /** Nothing is in it: the stack is switched off for this cluster. */
  empty: boolean;
}

export const emptyStack: StackFileResult = {
  digest: '',
  tags: {},
  stackName: undefined,
  outputs: [],
  selfRolling: {},
  groupSizes: {},
  text: '',
  refers: false,
  empty: true,
};

export type StackText =
  | { ok: true; summary: StackSummary; repeated: readonly RepeatedKey[] }
  | { ok: false; problems: TextProblem[] };

/** Checks the text of a CloudFormation template (YAML or JSON) and says what is in it. */
export function parseStackTemplate(text: string): StackText {
  const [value] = fastDocuments(text, 'cloudformation') ?? [];
  const summary = summarise(value);
  return summary === undefined ? parseExactly(text) : { ok: true, summary, repeated: [] };
}

function parseExactly(text: string): StackText {
  const lines = new LineCounter();
  const { uniqueKeys, found } = repeatedKeys(lines);
  const options = { ...cloudFormationYaml, lineCounter: lines, prettyErrors: false, uniqueKeys };
  const document = parseDocument(text, options);
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    const problems = faults.map((fault) => ({
      line: lines.linePos(fault.pos[0]).line,
      message: fault.message,
      remedy: 'correct the YAML (see the rendered text with clm render)',
    }));
    return { ok: false, problems };
  }
  const aliases: TextProblem[] = [];
  visit(document, {
    Alias: (_, alias) => {
      const line = lines.linePos(alias.range?.[0] ?? 0).line;
      const message = `CloudFormation does not take YAML aliases (*${alias.source})`;
      aliases.push({ line, message, remedy: 'write the value out, or {{define}} it once and call {{template}}' });
    },
  });
  if (aliases.length > 0) return { ok: false, problems: aliases };
  const summary = summarise(document.toJS({ maxAliasCount: 100 }));
  if (summary !== undefined) return { ok: true, summary, repeated: found() };
  const message = 'a stack template needs at least one entry under Resources';
  return {
    ok: false,
    problems: [{ line: 1, path: 'Resources', message, remedy: 'declare the resources of the stack' }],
  };
}

/** undefined when it declares no resources. */
function summarise(value: unknown): StackSummary | undefined {
  const resources = field(value, 'Resources');
  if (typeof resources !== 'object' || resources === null || Object.keys(resources).length === 0) return undefined;
  const metadata = field(value, 'Metadata');
  const tags: Record<string, string> = {};
  for (const [key, tag] of Object.entries(field(metadata, 'Tags') ?? {})) tags[key] = String(tag);
  const stackName = field(metadata, 'StackName');
  return {
    digest: digestText(canonicalJson(value)),
    tags,
    stackName: typeof stackName === 'string' && stackName !== '' ? stackName : undefined,
    outputs: Object.keys(field(value, 'Outputs') ?? {}),
    selfRolling: selfRollingOf(resources),
    groupSizes: groupSizesOf(resources),
  };
}

function selfRollingOf(resources: object): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [logicalId, resource] of Object.entries(resources)) {
    if (field(resource, 'Type') !== 'AWS::AutoScaling::AutoScalingGroup') continue;
    const policy = field(resource, 'UpdatePolicy');
    const replacing = field(field(policy, 'AutoScalingReplacingUpdate'), 'WillReplace');
    if (field(policy, 'AutoScalingRollingUpdate') !== undefined) found[logicalId] = 'AutoScalingRollingUpdate';
    else if (replacing === true || replacing === 'true') found[logicalId] = 'AutoScalingReplacingUpdate';
  }
  return found;
}

function groupSizesOf(resources: object): Record<string, GroupSizes> {
  const found: Record<string, GroupSizes> = {};
  for (const [logicalId, resource] of Object.entries(resources)) {
    if (field(resource, 'Type') !== 'AWS::AutoScaling::AutoScalingGroup') continue;
    const properties = field(resource, 'Properties');
    const scheduled = field(field(resource, 'UpdatePolicy'), 'AutoScalingScheduledAction');
    const ignores = field(scheduled, 'IgnoreUnmodifiedGroupSizeProperties');
    const keeps = ignores === true || ignores === 'true';
    const max = sizeOf(field(properties, 'MaxSize'));
    const desired = sizeOf(field(properties, 'DesiredCapacity'));
    found[logicalId] = { keeps, ...(max === undefined ? {} : { max }), ...(desired === undefined ? {} : { desired }) };
  }
  return found;
}

/** null: CloudFormation works it out. */
function sizeOf(value: unknown): number | null | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' && typeof value !== 'string') return null;
  return /^\d+$/.test(String(value)) ? Number(value) : null;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
