import { CORE_SCHEMA, FAILSAFE_SCHEMA, load, loadAll, type Schema, Type } from 'js-yaml';

/**
 * A parser ten times faster than the one that knows positions, for texts that are well-formed. It has no limit on aliases
 * and words its errors differently, so it declines what has anchors, and what it cannot read: the caller then asks the
 * exact parser.
 */
const anchor = /(?:^|[\s[{,:?-])[&*][^\s&*]/m;
const directive = /^%/m;

/** All documents of a text, or undefined when the exact parser has to look. */
export function fastDocuments(text: string, dialect: 'kubernetes' | 'cloudformation'): unknown[] | undefined {
  if (anchor.test(text) || directive.test(text)) return undefined;
  try {
    if (dialect === 'kubernetes') return loadAll(text, undefined, { schema: kubernetes, json: false });
    return [load(text, { schema: cloudFormation })];
  } catch {
    return undefined;
  }
}

function scalar(tag: string, pattern: RegExp, construct: (text: string) => unknown): Type {
  return new Type(tag, {
    kind: 'scalar',
    resolve: (text: unknown) => typeof text === 'string' && pattern.test(text),
    construct: (text: string) => construct(text),
  });
}

function integer(text: string): number | bigint {
  const digits = text.replaceAll('_', '').replace(/^[+-]/, '');
  const value = /^0b/.test(digits) || /^0x/.test(digits) ? BigInt(digits) : BigInt(octal(digits));
  const signed = text.startsWith('-') ? -value : value;
  return Number(signed);
}

function octal(digits: string): string {
  return /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
}

function float(text: string): number {
  const plain = text.replaceAll('_', '').toLowerCase();
  if (plain.endsWith('.nan')) return Number.NaN;
  if (plain.endsWith('.inf')) return plain.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(plain);
}

/** YAML 1.1 as Kubernetes tools read it; the same set of types as `kubernetesYaml`. */
const kubernetes: Schema = FAILSAFE_SCHEMA.extend({
  implicit: [
    new Type('tag:yaml.org,2002:null', {
      kind: 'scalar',
      resolve: (text: unknown) => text === null || (typeof text === 'string' && /^(?:~|[Nn]ull|NULL)?$/.test(text)),
      construct: () => null,
    }),
    scalar(
      'tag:yaml.org,2002:bool',
      /^(?:[Yy]|[Yy]es|YES|[Tt]rue|TRUE|[Oo]n|ON|[Nn]|[Nn]o|NO|[Ff]alse|FALSE|[Oo]ff|OFF)$/,
      (text) => /^(?:[Yy]|[Tt]|[Oo][Nn])/.test(text),
    ),
    scalar('tag:yaml.org,2002:int', /^[-+]?(?:0b[0-1_]+|0[0-7_]+|[0-9][0-9_]*|0x[0-9a-fA-F_]+)$/, integer),
    scalar(
      'tag:yaml.org,2002:float',
      /^(?:[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN|[-+]?(?:[0-9][0-9_]*)?(?:\.[0-9_]*)?[eE][-+]?[0-9]+|[-+]?(?:[0-9][0-9_]*)?\.[0-9_]*)$/,
      float,
    ),
    new Type('tag:yaml.org,2002:merge', { kind: 'scalar', resolve: (text: unknown) => text === '<<' }),
  ],
});

const shortNames =
  'Ref Condition And Base64 Cidr Equals FindInMap GetAZs If ImportValue Join Length Not Or Select Split Sub ToJsonString Transform ForEach';

function longName(name: string): string {
  return name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`;
}

const wrapping = `${shortNames} GetAtt`.split(' ').flatMap((name) =>
  (['scalar', 'sequence', 'mapping'] as const).map(
    (kind) =>
      new Type(`!${name}`, {
        kind,
        construct: (value: unknown) => ({
          [longName(name)]: name === 'GetAtt' && typeof value === 'string' ? attribute(value) : value,
        }),
      }),
  ),
);

function attribute(text: string): string[] {
  const dot = text.indexOf('.');
  return dot === -1 ? [text] : [text.slice(0, dot), text.slice(dot + 1)];
}

/** CloudFormation's YAML; the same short forms as `cloudFormationYaml`. */
const cloudFormation: Schema = CORE_SCHEMA.extend({ explicit: wrapping });
