/**
 * Writes the numbers and types of the fields that Kubernetes objects have as protobuf messages, of every kind that the simulated API
 * serves: src/simulator/model/kube/protobuf/{core,group}-messages.ts.
 *
 *   npx tsx scripts/generate-kube-messages.ts /usr/bin/kubectl.1.33 [other programs]
 *
 * They are read out of programs: a Go program that is linked with k8s.io/api carries the compiled form of each generated.proto
 * (kubectl up to 1.33 does; Apache License 2.0), zipped, as a FileDescriptorProto. Two groups no kubectl knows; their numbers stand
 * below, from apiextensions-apiserver and kube-aggregator. What the type table of the simulator does not have is left out.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { builtinResources } from '../src/simulator/model/kube/resource-definition.ts';
import {
  type FieldType,
  type RecordType,
  recordNameOf,
  recordTypes,
} from '../src/simulator/model/kube/schemas/type-table.ts';

interface Field {
  name: string;
  number: number;
  /** `s i l b n y` or the full name of a message. */
  type: string;
  repeated: boolean;
  /** Zero is a value of its own: a pointer in Go. */
  pointer: boolean;
}

interface Message {
  fields: Field[];
  isMapEntry: boolean;
}

const folder = 'src/simulator/model/kube/protobuf';
const longestDescriptor = 400_000;
const gzipStart = Buffer.from([0x1f, 0x8b, 8]);

/** The part of google/protobuf/descriptor.proto that is needed, with gogoproto's mark of a value that is no pointer. */
const descriptors = protobuf.parse(`syntax = "proto2";
message File { optional string name = 1; optional string package = 2; repeated Message messages = 4; }
message Message { optional string name = 1; repeated Field fields = 2; repeated Message nested = 3; optional Marks marks = 7; }
message Marks { optional bool mapEntry = 7; }
message Field { optional string name = 1; optional int32 number = 3; optional int32 label = 4; optional int32 type = 5;
  optional string typeName = 6; optional Options options = 8; }
message Options { optional bool nullable = 65001; }`).root;

const scalars: Record<number, string> = { 1: 'n', 3: 'l', 5: 'i', 8: 'b', 9: 's', 12: 'y' };
const message = 11;
const repeated = 3;

interface RawMessage {
  name: string;
  fields?: {
    name: string;
    number: number;
    label: number;
    type: number;
    typeName?: string;
    options?: { nullable?: boolean };
  }[];
  nested?: RawMessage[];
  marks?: { mapEntry?: boolean };
}

/** `.k8s.io.api.core.v1.Pod` → `core.v1.Pod`. */
function shortName(full: string): string {
  const words = full.split('.').filter((word) => word !== '');
  const last = words.findIndex((word) => /^v\d/.test(word));
  if (last > 0) return words.slice(last - 1).join('.');
  return words.slice(-2).join('.');
}

/** Every message that a program carries, by its short name. */
function messagesIn(program: Buffer): Map<string, Message> {
  const found = new Map<string, Message>();
  const type = descriptors.lookupType('File');
  for (let at = program.indexOf(gzipStart); at >= 0; at = program.indexOf(gzipStart, at + 1)) {
    let text: Buffer;
    try {
      text = gunzipSync(program.subarray(at, at + longestDescriptor));
    } catch {
      continue; // those three bytes were something else
    }
    if (text[0] !== 0x0a || !text.includes('k8s.io')) continue;
    const file = type.toObject(type.decode(text)) as { package?: string; messages?: RawMessage[] };
    for (const each of file.messages ?? []) addMessage(found, file.package ?? '', each);
  }
  return found;
}

function addMessage(found: Map<string, Message>, holder: string, raw: RawMessage): void {
  const name = `${holder}.${raw.name}`;
  const fields = (raw.fields ?? []).map((field) => ({
    name: field.name,
    number: field.number,
    type: field.type === message ? shortName(field.typeName ?? '') : (scalars[field.type] ?? `unknown-${field.type}`),
    repeated: field.label === repeated,
    pointer: field.options?.nullable !== false,
  }));
  found.set(shortName(name), { fields, isMapEntry: raw.marks?.mapEntry === true });
  for (const nested of raw.nested ?? []) addMessage(found, name, nested);
}

/** `spec=2:*T`: the same notation as the table, for groups that no kubectl carries. */
const otherGroups = `
apiregistration.v1.APIService metadata=1:meta.v1.ObjectMeta spec=2:APIServiceSpec status=3:APIServiceStatus
apiregistration.v1.APIServiceCondition type=1 status=2 lastTransitionTime=3:meta.v1.Time reason=4 message=5
apiregistration.v1.APIServiceSpec service=1:ServiceReference? group=2 version=3 insecureSkipTLSVerify=4:b caBundle=5:y groupPriorityMinimum=7:i versionPriority=8:i
apiregistration.v1.APIServiceStatus conditions=1:[APIServiceCondition]
apiregistration.v1.ServiceReference namespace=1 name=2 port=3:i?
apiextensions.v1.CustomResourceColumnDefinition name=1 type=2 format=3 description=4 priority=5:i jsonPath=6
apiextensions.v1.CustomResourceConversion strategy=1 webhook=2:WebhookConversion?
apiextensions.v1.CustomResourceDefinition metadata=1:meta.v1.ObjectMeta spec=2:CustomResourceDefinitionSpec status=3:CustomResourceDefinitionStatus
apiextensions.v1.CustomResourceDefinitionCondition type=1 status=2 lastTransitionTime=3:meta.v1.Time reason=4 message=5
apiextensions.v1.CustomResourceDefinitionNames plural=1 singular=2 shortNames=3:[s] kind=4 listKind=5 categories=6:[s]
apiextensions.v1.CustomResourceDefinitionSpec group=1 names=3:CustomResourceDefinitionNames scope=4 versions=7:[CustomResourceDefinitionVersion] conversion=9:CustomResourceConversion? preserveUnknownFields=10:b
apiextensions.v1.CustomResourceDefinitionStatus conditions=1:[CustomResourceDefinitionCondition] acceptedNames=2:CustomResourceDefinitionNames storedVersions=3:[s]
apiextensions.v1.CustomResourceDefinitionVersion name=1 served=2:b storage=3:b schema=4:CustomResourceValidation? subresources=5:CustomResourceSubresources? additionalPrinterColumns=6:[CustomResourceColumnDefinition] deprecated=7:b deprecationWarning=8:s? selectableFields=9:[SelectableField]
apiextensions.v1.SelectableField jsonPath=1
apiextensions.v1.CustomResourceSubresourceScale specReplicasPath=1 statusReplicasPath=2 labelSelectorPath=3:s?
apiextensions.v1.CustomResourceSubresourceStatus
apiextensions.v1.CustomResourceSubresources status=1:CustomResourceSubresourceStatus? scale=2:CustomResourceSubresourceScale?
apiextensions.v1.CustomResourceValidation openAPIV3Schema=1:JSONSchemaProps?
apiextensions.v1.ExternalDocumentation description=1 url=2
apiextensions.v1.JSON raw=1:y
apiextensions.v1.JSONSchemaProps id=1 $schema=2 $ref=3:s? description=4 type=5 format=6 title=7 default=8:JSON? maximum=9:n? exclusiveMaximum=10:b minimum=11:n? exclusiveMinimum=12:b maxLength=13:l? minLength=14:l? pattern=15 maxItems=16:l? minItems=17:l? uniqueItems=18:b multipleOf=19:n? enum=20:[JSON] maxProperties=21:l? minProperties=22:l? required=23:[s] items=24:JSONSchemaPropsOrArray? allOf=25:[JSONSchemaProps] oneOf=26:[JSONSchemaProps] anyOf=27:[JSONSchemaProps] not=28:JSONSchemaProps? properties=29:{JSONSchemaProps} additionalProperties=30:JSONSchemaPropsOrBool? patternProperties=31:{JSONSchemaProps} dependencies=32:{JSONSchemaPropsOrStringArray} additionalItems=33:JSONSchemaPropsOrBool? definitions=34:{JSONSchemaProps} externalDocs=35:ExternalDocumentation? example=36:JSON? nullable=37:b x-kubernetes-preserve-unknown-fields=38:b? x-kubernetes-embedded-resource=39:b x-kubernetes-int-or-string=40:b x-kubernetes-list-map-keys=41:[s] x-kubernetes-list-type=42:s? x-kubernetes-map-type=43:s? x-kubernetes-validations=44:[ValidationRule]
apiextensions.v1.JSONSchemaPropsOrArray schema=1:JSONSchemaProps? jSONSchemas=2:[JSONSchemaProps]
apiextensions.v1.JSONSchemaPropsOrBool allows=1:b schema=2:JSONSchemaProps?
apiextensions.v1.JSONSchemaPropsOrStringArray schema=1:JSONSchemaProps? property=2:[s]
apiextensions.v1.ServiceReference namespace=1 name=2 path=3:s? port=4:i?
apiextensions.v1.ValidationRule rule=1 message=2 messageExpression=3 reason=4:s? fieldPath=5 optionalOldSelf=6:b?
apiextensions.v1.WebhookClientConfig service=1:ServiceReference? caBundle=2:y url=3:s?
apiextensions.v1.WebhookConversion clientConfig=2:WebhookClientConfig? conversionReviewVersions=3:[s]`;

/** Messages that stand for one value: what is in them is nobody's field. */
const values = new Set([
  'meta.v1.Time',
  'meta.v1.MicroTime',
  'meta.v1.FieldsV1',
  'resource.Quantity',
  'intstr.IntOrString',
  'runtime.RawExtension',
]);

/** The kinds that are sent to the API, served as resources or at the path of one. */
function sentKinds(): { message: string; record: string }[] {
  const served = builtinResources.map(({ group, version, kind }) => ({
    message: `${group.split('.')[0] || 'core'}.${version}.${kind}`,
    record: recordNameOf(group, kind),
  }));
  const others = [
    'policy.v1.Eviction',
    'autoscaling.v1.Scale',
    'authentication.v1.TokenRequest',
    'meta.v1.DeleteOptions',
  ];
  return [
    ...served,
    ...others.map((each) => ({ message: each, record: each.split('.').at(-1) ?? each })),
    { message: 'core.v1.Binding', record: 'Binding' },
    { message: 'runtime.Unknown', record: '' },
  ];
}

/** Walks from the kinds to all that they hold, and collects one line a message. */
class Table {
  readonly lines = new Map<string, string>();
  readonly leftOut: string[] = [];
  readonly #messages: Map<string, Message>;

  constructor(messages: Map<string, Message>) {
    this.#messages = messages;
  }

  add(name: string, record: RecordType | undefined): void {
    if (this.lines.has(name)) return;
    this.lines.set(name, '');
    const found = this.#messages.get(name);
    if (!found) throw new Error(`no program carries ${name}`);
    const words: string[] = [];
    for (const field of found.fields) {
      const label = jsonName(field.name, record);
      const known = record?.get(label);
      const inlined = this.#isInlined(field, record);
      if (record && !known && !inlined && !['metadata', 'apiVersion', 'kind'].includes(label)) {
        this.leftOut.push(`${name}.${field.name}`);
        continue;
      }
      const type = this.#typeOf(field, inlined ? record : recordOf(known?.type), name);
      words.push(`${label}=${field.number}${type === 's' ? '' : `:${inlined ? '~' : ''}${type}`}`);
    }
    this.lines.set(name, [name, ...words].join(' '));
  }

  /** A struct within a struct, whose fields stand beside the others in JSON. */
  #isInlined(field: Field, record: RecordType | undefined): boolean {
    if (!record || record.has(field.name) || field.repeated || values.has(field.type)) return false;
    const inner = this.#messages.get(field.type);
    return (
      inner !== undefined &&
      inner.fields.length > 0 &&
      inner.fields.every(({ name }) => record.has(name) || name === 'gitRepo')
    );
  }

  #typeOf(field: Field, record: RecordType | undefined, holder: string): string {
    const entry = this.#messages.get(field.type);
    if (entry?.isMapEntry) {
      const value = entry.fields.find(({ name }) => name === 'value');
      if (!value) throw new Error(`${field.type} is no map`);
      return `{${this.#reference(value.type, record, holder)}}`;
    }
    const type = this.#reference(field.type, record, holder);
    if (field.repeated) return `[${type}]`;
    return field.pointer && field.type !== 'y' ? `${type}?` : type;
  }

  #reference(type: string, record: RecordType | undefined, holder: string): string {
    if (!type.includes('.')) return type;
    if (values.has(type)) {
      this.add(type, undefined);
      return type;
    }
    this.add(type, record);
    const home = holder.slice(0, holder.lastIndexOf('.') + 1);
    return type.startsWith(home) ? type.slice(home.length) : type;
  }
}

/** The name in JSON: a few differ by case (`aPIGroup`). */
function jsonName(name: string, record: RecordType | undefined): string {
  if (!record || record.has(name)) return name;
  return [...record.keys()].find((each) => each.toLowerCase() === name.toLowerCase()) ?? name;
}

function recordOf(type: FieldType | undefined): RecordType | undefined {
  if (!type || type.is === 'plain') return undefined;
  return type.is === 'record' ? recordTypes.get(type.name) : recordOf(type.of);
}

function addNotation(messages: Map<string, Message>): void {
  for (const line of otherGroups.trim().split('\n')) {
    const [name = '', ...words] = line.split(' ');
    const home = name.slice(0, name.lastIndexOf('.') + 1);
    const fields = words.map((word): Field => {
      const [, label = '', number = '', text = 's'] = /^([\w$-]+)=(\d+)(?::(.+))?$/.exec(word) ?? [];
      const inner = text.replaceAll(/[[\]{}?]/g, '');
      const full = inner.length === 1 || inner.includes('.') ? inner : `${home}${inner}`;
      const isMap = text.startsWith('{');
      const type = isMap ? `${name}.${label}Entry` : full;
      if (isMap) {
        const value = { name: 'value', number: 2, type: full, repeated: false, pointer: false };
        messages.set(type, { fields: [value], isMapEntry: true });
      }
      return {
        name: label,
        number: Number(number),
        type,
        repeated: text.startsWith('[') || isMap,
        pointer: text.endsWith('?'),
      };
    });
    messages.set(name, { fields, isMapEntry: false });
  }
}

function writeTable(name: string, file: string, which: string, lines: readonly string[]): void {
  const head = `/**
 * The messages ${which}, one a line: its fields, each \`name=number\` with \`:type\` where it is no text. Types: \`i\` and
 * \`l\` (32 and 64 bits), \`b\`, \`n\`, \`y\` (bytes), a message (of the same package when it has none), \`[type]\` and \`{type}\` (by
 * text). \`?\`: zero is a value of its own; \`~\`: its fields stand beside the others. Written by scripts/generate-kube-messages.ts.
 */`;
  writeFileSync(`${folder}/${file}.ts`, `${head}\nexport const ${name} = \`\n${lines.join('\n')}\n\`;\n`);
}

function run(programs: readonly string[]): void {
  const messages = new Map(programs.flatMap((path) => [...messagesIn(readFileSync(path))]));
  addNotation(messages);
  const table = new Table(messages);
  for (const { message: name, record } of sentKinds()) table.add(name, recordTypes.get(record));
  const lines = [...table.lines.values()].sort();
  const core = lines.filter((line) => line.startsWith('core.'));
  writeTable('coreMessages', 'core-messages', 'of the core group', core);
  const others = lines.filter((line) => !core.includes(line));
  writeTable('groupMessages', 'group-messages', 'of all other groups, and those that all of them hold', others);
  process.stdout.write(`${lines.length} messages. Left out: ${table.leftOut.join(', ') || 'nothing'}\n`);
}

run(process.argv.slice(2));
