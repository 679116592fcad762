import * as client from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import {
  type FieldType,
  type PlainType,
  type RecordType,
  recordTypes,
} from '../../src/simulator/model/kube/schemas/type-table.ts';

interface Attribute {
  baseName: string;
  type: string;
  format: string;
}

/** The official client's class for a type of ours, where its name is not ours with a version before it. */
const otherNames: Record<string, string> = {
  EventsEvent: 'EventsV1Event',
  EventsEventSeries: 'EventsV1EventSeries',
  DiscoveryEndpointPort: 'DiscoveryV1EndpointPort',
  Event: 'CoreV1Event',
  EventSeries: 'CoreV1EventSeries',
  EndpointPort: 'CoreV1EndpointPort',
  ResourceClaim: 'CoreV1ResourceClaim',
  StorageTokenRequest: 'StorageV1TokenRequest',
  TokenRequest: 'AuthenticationV1TokenRequest',
  Subject: 'RbacV1Subject',
  VolumeClaimTemplate: 'V1PersistentVolumeClaim',
  ServiceReference: 'ApiregistrationV1ServiceReference',
  WebhookClientConfig: 'ApiextensionsV1WebhookClientConfig',
};
/** One type of ours stands for several alike: this one has all their fields. */
const ours = new Set(['ServiceReference.path']);

function attributesOf(name: string): Attribute[] | undefined {
  const all = client as unknown as Record<string, { attributeTypeMap?: Attribute[] }>;
  for (const each of [otherNames[name], `V2${name}`, `V1${name}`]) {
    const found = each === undefined ? undefined : all[each]?.attributeTypeMap;
    if (found) return found;
  }
  return undefined;
}

/** A type of ours in words that both sides can be put into. */
function ourWords(type: FieldType): string {
  if (type.is === 'list') return `[${ourWords(type.of)}]`;
  if (type.is === 'map') return `{${ourWords(type.of)}}`;
  if (type.is === 'record') return (otherNames[type.name] ?? type.name).replace(versions, '');
  if (type.is !== 'plain') return '';
  const words: Partial<Record<PlainType, string>> = {
    i: 'int32',
    l: 'int64',
    b: 'boolean',
    t: 'moment',
    m: 'micro',
    ios: 'either',
    o: 'any',
  };
  return words[type.plain] ?? (type.plain === 'any' ? 'any' : 'string');
}

const versions = /^(Core|Events|Discovery|Storage|Authentication|Rbac|Apiregistration|Apiextensions)?V[12]/;

function clientWords(type: string, format: string): string {
  const list = /^(?:Array|Set)<(.*)>$/.exec(type)?.[1];
  if (list !== undefined) return `[${clientWords(list, format)}]`;
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (map !== undefined) return `{${clientWords(map, format)}}`;
  const words: Record<string, string> = {
    Date: 'moment',
    V1JSONSchemaProps: 'any',
    AdmissionregistrationV1WebhookClientConfig: 'WebhookClientConfig',
    V1MicroTime: 'micro',
    IntOrString: 'either',
    number: format,
  };
  return words[type] ?? type.replace(versions, '');
}

describe('the types of the simulated API', () => {
  const names = [...recordTypes.keys()];

  it('are all known to the official client', () => {
    expect(names.filter((name) => attributesOf(name) === undefined)).toEqual([]);
    expect(names.length).toBeGreaterThan(250);
  });

  it.each(names)('%s has the fields that the official client knows', (name) => {
    const record = recordTypes.get(name) as RecordType;
    const known = (attributesOf(name) ?? []).filter((each) => !isHead(name, each.baseName));
    const here = [...record.keys()].filter((field) => !isHead(name, field) && !ours.has(`${name}.${field}`));
    expect(here.sort()).toEqual(known.map((each) => each.baseName).sort());
    for (const { baseName, type, format } of known) {
      const field = record.get(baseName);
      expect(`${baseName} ${field && ourWords(field.type)}`).toBe(`${baseName} ${clientWords(type, format)}`);
    }
  });

  it('name no type that is not there', () => {
    const missing: string[] = [];
    const look = (at: string, type: FieldType): void => {
      if (type.is === 'list' || type.is === 'map') look(at, type.of);
      else if (type.is === 'record' && !recordTypes.has(type.name)) missing.push(`${at}: ${type.name}`);
    };
    for (const [name, record] of recordTypes) for (const [field, { type }] of record) look(`${name}.${field}`, type);
    expect(missing).toEqual([]);
  });
});

/** Every object has these; the tables do not repeat them. */
function isHead(name: string, field: string): boolean {
  const isObject = attributesOf(name)?.some((each) => each.baseName === 'metadata' && each.type === 'V1ObjectMeta');
  return isObject === true && ['apiVersion', 'kind', 'metadata'].includes(field);
}
