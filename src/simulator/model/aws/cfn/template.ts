import {
  type CollectionTag,
  type Document,
  parseDocument,
  type ScalarTag,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { AwsError, plainText } from '../aws-request.ts';

export interface ParameterDeclaration {
  type: string;
  defaultValue?: string;
  allowedValues?: string[];
  allowedPattern?: string;
  noEcho: boolean;
  description?: string;
}

export interface ResourceDeclaration {
  type: string;
  properties: Record<string, unknown>;
  dependsOn: string[];
  condition?: string;
  deletionPolicy: 'Delete' | 'Retain' | 'Snapshot' | 'RetainExceptOnCreate';
  metadata: unknown;
  updatePolicy: unknown;
  creationPolicy: unknown;
}

export interface OutputDeclaration {
  value: unknown;
  description?: string;
  exportName?: unknown;
  condition?: string;
}

export interface Template {
  description?: string;
  parameters: Map<string, ParameterDeclaration>;
  mappings: Record<string, Record<string, Record<string, unknown>>>;
  conditions: Record<string, unknown>;
  resources: Map<string, ResourceDeclaration>;
  outputs: Map<string, OutputDeclaration>;
}

const shortForms = [
  'Ref',
  'Condition',
  'Sub',
  'GetAtt',
  'Join',
  'Select',
  'Split',
  'If',
  'Equals',
  'And',
  'Or',
  'Not',
  'FindInMap',
  'Base64',
  'ImportValue',
  'GetAZs',
  'Cidr',
  'Transform',
  'Length',
  'ToJsonString',
] as const;

function longForm(name: string, value: unknown): Record<string, unknown> {
  if (name === 'Ref' || name === 'Condition') return { [name]: value };
  if (name === 'GetAtt' && typeof value === 'string') {
    const dot = value.indexOf('.');
    return { 'Fn::GetAtt': dot < 0 ? [value] : [value.slice(0, dot), value.slice(dot + 1)] };
  }
  return { [`Fn::${name}`]: value };
}

/** The service resolves no aliases; only client tools do before they send a template. */
function hasAlias(node: Document | YAMLMap | YAMLSeq): boolean {
  let found = false;
  visit(node, {
    Alias: () => {
      found = true;
      return visit.BREAK;
    },
  });
  return found;
}

const noAliases = 'YAML aliases are not allowed in CloudFormation templates';

function collection(name: string, node: YAMLMap | YAMLSeq, onError: (message: string) => void): unknown {
  if (hasAlias(node)) {
    onError(noAliases);
    return null;
  }
  return longForm(name, node.toJSON());
}

const customTags = shortForms.flatMap((name): (ScalarTag | CollectionTag)[] => [
  { tag: `!${name}`, resolve: (text: string) => longForm(name, text) },
  { tag: `!${name}`, collection: 'seq', resolve: (node, onError) => collection(name, node, onError) },
  { tag: `!${name}`, collection: 'map', resolve: (node, onError) => collection(name, node, onError) },
]);

function formatError(message: string): AwsError {
  return new AwsError('ValidationError', `Template format error: ${message}`);
}

function parseText(body: string): unknown {
  if (/^\s*\{/.test(body)) {
    try {
      return JSON.parse(body);
    } catch (error) {
      // A YAML flow mapping may begin with a brace as well.
      if (!/!\w|^\s*\{\s*[A-Za-z]/.test(body)) throw formatError(`JSON not well-formed. (${(error as Error).message})`);
    }
  }
  const document = parseDocument(body, {
    customTags,
    prettyErrors: false,
    // the service takes a key given twice without a word, and its last value
    uniqueKeys: false,
    version: '1.1',
    merge: false,
  });
  const [problem] = document.errors;
  if (problem?.message === noAliases || (/\*\S/.test(body) && hasAlias(document))) {
    throw new AwsError('ValidationError', `Template error: ${noAliases}`);
  }
  if (problem) {
    const line = body.slice(0, problem.pos[0]).split('\n').length;
    throw formatError(`YAML not well-formed. (line ${line}, ${problem.message})`);
  }
  return document.toJS();
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function section(root: Record<string, unknown>, name: string): Record<string, unknown> {
  const value = root[name];
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) throw formatError(`Every ${name} member must be an object.`);
  return value;
}

function parameter(name: string, raw: unknown): ParameterDeclaration {
  if (!isRecord(raw) || typeof raw['Type'] !== 'string')
    throw formatError(`Every Parameters object must contain a Type member.`);
  const declaration: ParameterDeclaration = { type: raw['Type'], noEcho: plainText(raw['NoEcho']) === 'true' };
  if (!/^(String|Number|CommaDelimitedList|List<[\w:]+>|AWS::[\w:<>]+)$/.test(declaration.type)) {
    throw formatError(`Unrecognized parameter type: ${declaration.type} of parameter ${name}`);
  }
  if (raw['Default'] !== undefined && raw['Default'] !== null) declaration.defaultValue = plainText(raw['Default']);
  if (Array.isArray(raw['AllowedValues'])) declaration.allowedValues = raw['AllowedValues'].map(String);
  if (typeof raw['AllowedPattern'] === 'string') declaration.allowedPattern = raw['AllowedPattern'];
  if (typeof raw['Description'] === 'string') declaration.description = raw['Description'];
  return declaration;
}

const resourceKeys = new Set([
  'Type',
  'Properties',
  'DependsOn',
  'Condition',
  'DeletionPolicy',
  'UpdateReplacePolicy',
  'Metadata',
  'UpdatePolicy',
  'CreationPolicy',
]);

function resource(name: string, raw: unknown): ResourceDeclaration {
  if (!/^[A-Za-z0-9]{1,255}$/.test(name)) throw formatError(`Resource name ${name} is non alphanumeric.`);
  if (!isRecord(raw) || typeof raw['Type'] !== 'string') {
    throw formatError(`[/Resources/${name}] Every Resources object must contain a Type member.`);
  }
  const unknown = Object.keys(raw).find((key) => !resourceKeys.has(key));
  if (unknown !== undefined) throw new AwsError('ValidationError', `Invalid template resource property '${unknown}'`);
  const properties = raw['Properties'] ?? {};
  if (!isRecord(properties))
    throw formatError(`[/Resources/${name}/Properties] 'null' values are not allowed in templates`);
  const dependsOn = raw['DependsOn'];
  const policy = raw['DeletionPolicy'] ?? 'Delete';
  if (policy !== 'Delete' && policy !== 'Retain' && policy !== 'Snapshot' && policy !== 'RetainExceptOnCreate') {
    throw formatError(`Unrecognized DeletionPolicy ${plainText(policy)} for resource ${name}`);
  }
  return {
    type: raw['Type'],
    properties,
    dependsOn: Array.isArray(dependsOn) ? dependsOn.map(String) : dependsOn === undefined ? [] : [plainText(dependsOn)],
    ...(typeof raw['Condition'] === 'string' ? { condition: raw['Condition'] } : {}),
    deletionPolicy: policy,
    metadata: raw['Metadata'],
    updatePolicy: raw['UpdatePolicy'],
    creationPolicy: raw['CreationPolicy'],
  };
}

function output(name: string, raw: unknown): OutputDeclaration {
  if (!isRecord(raw) || raw['Value'] === undefined) {
    throw formatError(`Output ${name} is malformed: every Outputs member must contain a Value object`);
  }
  const exported = raw['Export'];
  return {
    value: raw['Value'],
    ...(typeof raw['Description'] === 'string' ? { description: raw['Description'] } : {}),
    ...(isRecord(exported) ? { exportName: exported['Name'] } : {}),
    ...(typeof raw['Condition'] === 'string' ? { condition: raw['Condition'] } : {}),
  };
}

const sections = new Set([
  'AWSTemplateFormatVersion',
  'Description',
  'Metadata',
  'Parameters',
  'Mappings',
  'Conditions',
  'Transform',
  'Resources',
  'Outputs',
  'Rules',
  'Hooks',
]);

function readTemplate(body: string): Template {
  const root = parseText(body);
  if (!isRecord(root)) throw formatError('unsupported structure.');
  const unknown = Object.keys(root).find((key) => !sections.has(key));
  if (unknown !== undefined)
    throw new AwsError('ValidationError', `Invalid template property or properties [${unknown}]`);
  if (root['Transform'] !== undefined) {
    throw new AwsError('ValidationError', `No transform named ${JSON.stringify(root['Transform'])} found.`);
  }
  const resources = section(root, 'Resources');
  if (Object.keys(resources).length === 0) throw formatError('At least one Resources member must be defined.');
  const entries = <T>(values: Record<string, unknown>, read: (name: string, raw: unknown) => T): Map<string, T> =>
    new Map(Object.entries(values).map(([name, raw]) => [name, read(name, raw)]));
  return {
    ...(typeof root['Description'] === 'string' ? { description: root['Description'] } : {}),
    parameters: entries(section(root, 'Parameters'), parameter),
    mappings: section(root, 'Mappings') as Template['mappings'],
    conditions: section(root, 'Conditions'),
    resources: entries(resources, resource),
    outputs: entries(section(root, 'Outputs'), output),
  };
}

const cacheSize = 500;
const cache = new Map<string, Template>();

/** Parses JSON or YAML with short forms. The result is shared between callers: nobody may change it. @throws AwsError */
export function parseTemplate(body: string): Template {
  const known = cache.get(body);
  if (known) return known;
  const template = readTemplate(body);
  if (cache.size >= cacheSize) cache.delete(cache.keys().next().value as string);
  cache.set(body, template);
  return template;
}
