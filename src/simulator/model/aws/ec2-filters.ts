/** Filters and pages as EC2's describes have them. */
import { AwsError, type Params, page } from './aws-request.ts';

const badToken = (): AwsError => new AwsError('InvalidNextToken', 'The specified token is not valid.');

export type FilterValue = string | readonly string[] | undefined;

function wildcard(pattern: string): RegExp {
  if (pattern.length > 1000)
    throw new AwsError('InvalidParameterValue', 'The filter value is longer than 1000 characters');
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${escaped}$`);
}

/** EC2's Filters: `tag:k`, `tag-key` and the named fields; values may hold * and ?. */
export function filtersOf<T>(
  params: Params,
  fields: Record<string, (item: T) => FilterValue>,
  tags: (item: T) => ReadonlyMap<string, string>,
): (item: T) => boolean {
  const tests = params.items('Filters').map((filter): ((item: T) => boolean) => {
    const name = filter.required('Name');
    const patterns = filter.limitedTexts('Values', 200).map(wildcard);
    const hit = (value: FilterValue): boolean =>
      (Array.isArray(value) ? value : [value]).some(
        (each: string | undefined) => each !== undefined && patterns.some((pattern) => pattern.test(each)),
      );
    if (name === 'tag-key') return (item) => hit([...tags(item).keys()]);
    if (name.startsWith('tag:')) return (item) => hit(tags(item).get(name.slice(4)));
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) throw new AwsError('InvalidParameterValue', `The filter '${name}' is invalid`);
    return (item) => hit(field(item));
  });
  return (item) => tests.every((test) => test(item));
}

export function paged(
  params: Params,
  key: string,
  all: Record<string, unknown>[],
  most: number,
): Record<string, unknown> {
  const size = params.bounded('MaxResults', 1, most) ?? most;
  const { items, next } = page(all, { size, token: params.text('NextToken'), badToken });
  return { [key]: items, ...(next === undefined ? {} : { NextToken: next }) };
}
