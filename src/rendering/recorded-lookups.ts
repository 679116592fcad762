import { byteQuantity } from './functions/quantity-functions.ts';
import { TemplateFunctionError } from './gotemplate/template-error.ts';
import { GoFunction, type GoValue, toGoValue } from './gotemplate/value.ts';

/** What was asked of the cloud once for a commit, account and region, and is the same in every later rendering. */
export interface RecordedLookups {
  /** Further entries of `.Values`: availability_zones, subnets, hosted_zone, … */
  values?: Readonly<Record<string, unknown>>;
  /** Image ids by `<owner>/<name>`. */
  images?: Readonly<Record<string, string>>;
  instanceTypes?: Readonly<Record<string, { vcpus: number; memoryBytes: number }>>;
}

/** `.Values` as the look-ups give them. */
export function lookedUpValues(lookups: RecordedLookups | undefined): Map<string, GoValue> {
  return new Map(Object.entries(lookups?.values ?? {}).map(([key, value]) => [key, toGoValue(value)]));
}

function instanceType(lookups: RecordedLookups | undefined, name: string): { vcpus: number; memoryBytes: number } {
  const info = lookups?.instanceTypes?.[name];
  if (info === undefined) throw new TemplateFunctionError(`instance type ${name} has not been looked up`);
  return info;
}

/** Template functions that answer from the record; what is not in it is an error, not a question to the cloud. */
export function lookupFunctions(lookups: RecordedLookups | undefined): [string, GoFunction][] {
  return [
    [
      'amiID',
      new GoFunction(['string', 'string'], ([name, owner]) => {
        const id = lookups?.images?.[`${owner as string}/${name as string}`];
        if (id !== undefined) return id;
        throw new TemplateFunctionError(`image ${name as string} of owner ${owner as string} has not been looked up`);
      }),
    ],
    [
      'instanceTypeCPUQuantity',
      new GoFunction(['string'], ([name]) => String(instanceType(lookups, name as string).vcpus)),
    ],
    [
      'instanceTypeMemoryQuantity',
      new GoFunction(['string'], ([name]) => byteQuantity(instanceType(lookups, name as string).memoryBytes)),
    ],
  ];
}
