import { type CollectionTag, Scalar, type ScalarTag, type SchemaOptions } from 'yaml';

/**
 * How Kubernetes tools read YAML: version 1.1 (yes/no/on/off are booleans, 0644 is octal), without the types of it that they
 * do not have: sexagesimal numbers (`12:30` is text), timestamps, binary, sets.
 */
export const kubernetesYaml: SchemaOptions = {
  schema: 'yaml-1.1',
  merge: true,
  customTags: (tags) =>
    tags.filter((tag) => {
      if (typeof tag === 'string') return true;
      const unknown = ['timestamp', 'binary', 'omap', 'pairs', 'set'].some((name) => tag.tag.endsWith(`:${name}`));
      return !unknown && tag.format !== 'TIME';
    }),
};

const shortNames = [
  'Ref',
  'Condition',
  'And',
  'Base64',
  'Cidr',
  'Equals',
  'FindInMap',
  'GetAZs',
  'If',
  'ImportValue',
  'Join',
  'Length',
  'Not',
  'Or',
  'Select',
  'Split',
  'Sub',
  'ToJsonString',
  'Transform',
  'ForEach',
];

function longName(name: string): string {
  return name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`;
}

function tagsOf(name: string): (ScalarTag | CollectionTag)[] {
  const wrap = (value: unknown): unknown => ({ [longName(name)]: value });
  return [
    { tag: `!${name}`, resolve: (text) => wrap(text) },
    {
      tag: `!${name}`,
      collection: 'seq',
      resolve: (node) => new Scalar(wrap(node.toJSON())),
    },
    {
      tag: `!${name}`,
      collection: 'map',
      resolve: (node) => new Scalar(wrap(node.toJSON())),
    },
  ];
}

const getAttribute: (ScalarTag | CollectionTag)[] = [
  {
    tag: '!GetAtt',
    resolve: (text) => {
      const dot = text.indexOf('.');
      return { 'Fn::GetAtt': dot === -1 ? [text] : [text.slice(0, dot), text.slice(dot + 1)] };
    },
  },
  ...tagsOf('GetAtt').slice(1),
];

/** CloudFormation's YAML: the short forms of its functions become their long forms. */
export const cloudFormationYaml: SchemaOptions = {
  schema: 'core',
  customTags: [...shortNames.flatMap(tagsOf), ...getAttribute],
};
