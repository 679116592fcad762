import { eksItems, eksOidcProvider } from '../domain/eks.ts';
import { FailureError, terminal } from '../domain/failure.ts';
import { GoMap, type GoValue } from './gotemplate/value.ts';

/**
 * What templates see in the place of an output of the cluster's own stack: its value is not known before the stack is
 * applied, and a digest must not depend on it.
 */
const reference = /__CLM_OUTPUT_([A-Za-z0-9]+)__/g;
const referenceStart = '__CLM_OUTPUT_';

/** What stands for the value until the text is applied. */
export function outputReference(name: string): string {
  return `${referenceStart}${name}__`;
}

/** `.Values.ClusterStackOutputs`: a reference for each output that the cluster stack declares. */
export function outputReferences(names: readonly string[]): GoMap {
  return new GoMap(new Map(names.map((name): [string, GoValue] => [name, outputReference(name)])), '');
}

/** Names of the outputs that a text refers to. */
export function referencedOutputs(text: string): string[] {
  if (!text.includes(referenceStart)) return [];
  return [...new Set([...text.matchAll(reference)].map((match) => match[1] as string))].sort();
}

/** Throws FailureError `output-missing` for an output that has no value. */
export function withOutputs(text: string, outputs: Readonly<Record<string, string>>): string {
  return text.replace(reference, (_, name: string) => {
    const value = outputs[name];
    if (value === undefined) {
      const said = name === eksOidcProvider ? eksItems.eks_oidc_issuer_url : name;
      const item = Object.entries(eksItems).find(([, output]) => output === said)?.[0];
      const message =
        item === undefined
          ? `the cluster stack has no output ${name}`
          : `EKS does not say ${item} before the cluster is created: its own stack cannot use it`;
      throw new FailureError(terminal('output-missing', message));
    }
    return value;
  });
}

/** Functions that hand a text on as it is; any other would work on the reference instead of the value. */
const transparent = new Set([
  'print',
  'println',
  'printf',
  'quote',
  'squote',
  'indent',
  'nindent',
  'default',
  'list',
  'dict',
  'append',
  'prepend',
  'join',
  'concat',
  'coalesce',
  'ternary',
  'required',
  'toString',
  'toYaml',
  'toJson',
  'index',
  'get',
  'hasKey',
  'not',
  'and',
  'or',
  'empty',
]);

/** Why a function cannot be given these arguments; undefined when it can. */
export function refuseReferences(name: string, args: readonly GoValue[]): string | undefined {
  if (transparent.has(name)) return undefined;
  const found = args.find((arg): arg is string => typeof arg === 'string' && arg.includes(referenceStart));
  if (found === undefined) return undefined;
  const [output] = referencedOutputs(found);
  return `output ${output ?? ''} of the cluster stack is known only when the stack is applied: it can be printed, not worked on`;
}
