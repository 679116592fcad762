import { FailureError, terminal } from '../../domain/failure.ts';
import type { NamedCommits } from '../../ports/channel-source.ts';
import type { GitMirror } from './git-mirror.ts';

const refName = /^(?!.*\.\.)(?!.*\/\/)(?!.*\.lock$)(?!.*[/.]$)[A-Za-z0-9_][A-Za-z0-9._/+-]{0,254}$/;

/**
 * What the repository itself has under a name, asked now: tags are not mirrored, so that one that cannot be read holds up nobody
 * who does not ask for it. `refs/heads/…` and `refs/tags/…` ask for one kind.
 */
export async function readNamedCommits(mirror: GitMirror, name: string): Promise<NamedCommits> {
  const [, kind, short = ''] = /^(?:refs\/(heads|tags)\/)?(.*)$/.exec(name) ?? [];
  if (!refName.test(short)) return {};
  const branch = `refs/heads/${short}`;
  const tag = `refs/tags/${short}`;
  const wanted = [...(kind === 'tags' ? [] : [branch]), ...(kind === 'heads' ? [] : [tag, `${tag}^{}`])];
  const at = new Map<string, string>();
  for (const line of (await mirror.remote(['ls-remote', 'origin', ...wanted])).split('\n')) {
    const [id, ref] = line.split('\t');
    if (id !== undefined && ref !== undefined) at.set(ref, id);
  }
  const found: NamedCommits = {};
  const head = at.get(branch);
  if (head !== undefined) found.branch = head;
  // an annotated tag is an object of its own; what it points to at last is told beside it
  const tagged = at.get(`${tag}^{}`) ?? at.get(tag);
  if (tagged !== undefined) found.tag = await commitOf(mirror, short, tagged);
  return found;
}

/** It may be on no branch, and then the mirror does not have it. */
async function commitOf(mirror: GitMirror, tag: string, id: string): Promise<string> {
  const typeOf = async (): Promise<string> =>
    (await mirror.read(['cat-file', '--batch-check=%(objecttype)'], `${id}\n`)).trim();
  let type = await typeOf();
  if (type.endsWith('missing')) {
    await mirror.remote(['fetch', '--no-tags', '--no-write-fetch-head', '--quiet', 'origin', `refs/tags/${tag}`]);
    type = await typeOf();
  }
  if (type === 'commit') return id;
  throw new FailureError(
    terminal('git-tag-no-commit', `tag ${tag} points to a ${type}, not to a commit: name another`),
  );
}
