import { FailureError, terminal } from '../../domain/failure.ts';
import type { GitMirror } from './git-mirror.ts';

const maxFiles = 5_000;
const maxFileBytes = 4 * 1024 * 1024;
const maxTotalBytes = 32 * 1024 * 1024;

interface Entry {
  path: string;
  id: string;
  bytes: number;
}

/**
 * Every text file below a path at a commit, by path relative to it, straight from the objects: there is no work tree. Symbolic
 * links, submodules and binary files are not configuration and are left out. Bounded in files and bytes.
 */
export async function readConfiguration(mirror: GitMirror, commit: string, path: string): Promise<Map<string, string>> {
  const prefix = path === '' ? '' : `${path}/`;
  const listing = await mirror.read([
    'ls-tree',
    '-r',
    '-l',
    '-z',
    '--full-tree',
    commit,
    ...(path === '' ? [] : ['--', `${path}/`]),
  ]);
  const entries: Entry[] = [];
  let total = 0;
  for (const line of listing.split('\0')) {
    const match = /^(\d{6}) (\w+) ([\da-f]+) +(\d+|-)\t([\s\S]+)$/.exec(line);
    if (!match) continue;
    const [, mode = '', type, id = '', size = '', name = ''] = match;
    if (type !== 'blob' || mode.startsWith('12') || !name.startsWith(prefix)) continue;
    const bytes = Number(size);
    total += bytes;
    entries.push({ path: name.slice(prefix.length), id, bytes });
    if (bytes > maxFileBytes)
      throw tooLarge(commit, `${name} has ${bytes} bytes; a file of it may have at most ${maxFileBytes}`);
    if (total > maxTotalBytes) throw tooLarge(commit, `it has more than ${maxTotalBytes} bytes`);
    if (entries.length > maxFiles) throw tooLarge(commit, `it has more than ${maxFiles} files`);
  }
  const files = new Map<string, string>();
  if (entries.length === 0) return files;
  const contents = await mirror.contents(entries.map((entry) => entry.id));
  let at = 0;
  for (const entry of entries) {
    // "<id> <type> <size>\n<content>\n"
    const headerEnd = contents.indexOf(0x0a, at);
    const header = contents.toString('latin1', at, headerEnd);
    if (headerEnd === -1 || header !== `${entry.id} blob ${entry.bytes}`) {
      throw new FailureError(
        terminal('git-corrupt', `file ${entry.path} of commit ${commit} cannot be read from the mirror (${header})`),
      );
    }
    const content = contents.subarray(headerEnd + 1, headerEnd + 1 + entry.bytes);
    at = headerEnd + 1 + entry.bytes + 1;
    if (!content.includes(0)) files.set(entry.path, content.toString('utf8'));
  }
  return files;
}

function tooLarge(commit: string, what: string): FailureError {
  return new FailureError(
    terminal('git-configuration-too-large', `the channel configuration of commit ${commit} is too large: ${what}`),
  );
}
