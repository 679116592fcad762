/** What the routes of the simulated forge share. */
import { ForgeRefusal } from './forge.ts';
import type { Pull } from './forge-state.ts';
import type { GithubCall, GithubReply } from './github-call.ts';
import { type Route, route } from './router.ts';

type Handle = (call: GithubCall, parameters: Record<string, string>) => Promise<GithubReply>;

export const repo = '/repos/:owner/:repo';
export const on = (method: string, path: string, handle: Handle): Route<GithubCall, Promise<GithubReply>> =>
  route(method, path, handle);

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
export const missing = (): ForgeRefusal => new ForgeRefusal(404, 'Not Found');
export const invalid = (resource: string, field: string): ForgeRefusal =>
  new ForgeRefusal(422, 'Validation Failed', [{ resource, field, code: 'missing_field' }]);

/** One page of a list, with links to the others. */
export function page(call: GithubCall, all: readonly unknown[]): GithubReply {
  const size = Math.min(100, Math.max(1, Number(call.query.get('per_page') ?? 30) || 30));
  const number = Math.max(1, Number(call.query.get('page') ?? 1) || 1);
  const last = Math.max(1, Math.ceil(all.length / size));
  const link = (to: number, rel: string): string => {
    const query = new URLSearchParams(call.query);
    query.set('page', String(to));
    return `<${call.base}${call.path}?${query.toString()}>; rel="${rel}"`;
  };
  const links = [
    ...(number > 1 ? [link(number - 1, 'prev'), link(1, 'first')] : []),
    ...(number < last ? [link(number + 1, 'next'), link(last, 'last')] : []),
  ];
  const body = all.slice((number - 1) * size, number * size);
  return { status: 200, body, ...(links.length === 0 ? {} : { headers: { link: links.join(', ') } }) };
}

export function pullOf({ forge }: GithubCall, { number }: Record<string, string>): Pull {
  const pull = forge.state.pull(Number(number));
  if (pull === undefined) throw missing();
  return pull;
}

export async function commitOf({ forge }: GithubCall, name: string | undefined): Promise<string> {
  const sha = await forge.state.options.repository.resolve(name ?? '');
  if (sha === undefined) throw new ForgeRefusal(422, `No commit found for SHA: ${name ?? ''}`);
  return sha;
}
