import { ApiError, invalid, type Violation } from './api-error.ts';

const optionKinds: Record<string, string> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
};
const validations = ['Ignore', 'Strict', 'Warn'];
const longestManager = 128;

/** Options that no write has: 422, with all of them. */
export function requireWriteOptions(method: string, query: URLSearchParams): void {
  const kind = optionKinds[method];
  if (kind === undefined) return;
  const found: Violation[] = [];
  const dryRun = query.get('dryRun') ?? '';
  if (dryRun !== '' && dryRun !== 'All')
    found.push(notSupported('dryRun', `[]string{${JSON.stringify(dryRun)}}`, ['All']));
  const manager = query.get('fieldManager') ?? '';
  if (manager.length > longestManager) {
    const message = `Invalid value: ${JSON.stringify(manager)}: may not be more than ${longestManager} bytes`;
    found.push({ field: 'fieldManager', reason: 'FieldValueInvalid', message });
  }
  const validation = query.get('fieldValidation') ?? '';
  if (validation !== '' && !validations.includes(validation))
    found.push(notSupported('fieldValidation', JSON.stringify(validation), validations));
  if (found.length > 0) throw badOptions(kind, found);
}

/** 422 for options of a kind. */
export function badOptions(kind: string, found: Violation[]): ApiError {
  return invalid({ kind, group: 'meta.k8s.io' }, '', found);
}

/** A rule of a field that knows some values alone; `shown` as the message has it. */
export function notSupported(field: string, shown: string, allowed: readonly string[]): Violation {
  const values = allowed.map((each) => JSON.stringify(each)).join(', ');
  return {
    field,
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${shown}: supported values: ${values}`,
  };
}

/** What a list may ask of the version that it sees: 422 for a match without a version, 504 for one that has not come yet. */
export function requireListVersion(query: URLSearchParams, revision: number): void {
  const given = query.get('resourceVersion') ?? '';
  if ((query.get('resourceVersionMatch') ?? '') !== '' && given === '') {
    const message = 'Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided';
    throw badOptions('ListOptions', [{ field: 'resourceVersionMatch', reason: 'FieldValueForbidden', message }]);
  }
  if (!/^\d+$/.test(given) || Number(given) <= revision) return;
  const text = 'Too large resource version';
  const causes = [{ reason: 'ResourceVersionTooLarge', message: text }];
  throw new ApiError(504, 'Timeout', `Timeout: ${text}: ${given}, current: ${revision}`, { causes }, 1);
}
