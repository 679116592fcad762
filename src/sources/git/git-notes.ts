/** Notes of clm's own in the configuration repository: on commits, and by name. */
import { FailureError, transient } from '../../domain/failure.ts';
import { readConfiguration } from './configuration-reader.ts';
import { GitCommandError } from './git-command.ts';
import { lines, makeCommit } from './git-commits.ts';
import { isRejection } from './git-failure.ts';
import type { GitMirror } from './git-mirror.ts';

type Mirror = Pick<GitMirror, 'read' | 'remote'>;

const notesRef = 'refs/notes/clm';

/** Every note, by the id of what it is about. Bounded like a configuration is. */
export async function readNoteTexts(mirror: GitMirror): Promise<Map<string, string>> {
  await fetchNotes(mirror);
  const head = await notesHead(mirror);
  const texts = head === undefined ? [] : await readConfiguration(mirror, head, '');
  // git spreads many notes over folders; the name is the id all the same
  return new Map([...texts].map(([name, text]) => [name.replaceAll('/', ''), text]));
}

/** The note `name`: of a commit when it is a commit id, of clm itself otherwise. */
export async function readNoteText(mirror: Mirror, name: string): Promise<string | undefined> {
  await fetchNotes(mirror);
  const id = await annotated(mirror, name);
  const entry = (await notesEntries(mirror)).find((one) => one.endsWith(`\t${id}`));
  const blob = /^100644 blob ([\da-f]+)\t/.exec(entry ?? '')?.[1];
  return blob === undefined ? undefined : mirror.read(['cat-file', 'blob', blob]);
}

export async function writeNoteText(mirror: Mirror, name: string, text: string, at: number): Promise<void> {
  await fetchNotes(mirror);
  const id = await annotated(mirror, name);
  const blob = (await mirror.read(['hash-object', '-w', '--stdin'], text)).trim();
  const before = await notesEntries(mirror);
  const entry = `100644 blob ${blob}\t${id}`;
  if (before.includes(entry)) return;
  const entries = [...before.filter((one) => !one.endsWith(`\t${id}`)), entry];
  const tree = (await mirror.read(['mktree'], `${entries.join('\n')}\n`)).trim();
  const head = await notesHead(mirror);
  const parents = head === undefined ? [] : [head];
  const commit = await makeCommit(mirror, { tree, parents, message: `clm: note ${name}`, at });
  const lease = `--force-with-lease=${notesRef}:${head ?? ''}`;
  try {
    await mirror.remote(['push', '--porcelain', '--no-verify', lease, 'origin', `${commit}:${notesRef}`], isRejection);
    await mirror.read(['update-ref', notesRef, commit]);
  } catch (error) {
    if (!(error instanceof GitCommandError)) throw error;
    throw new FailureError(
      transient(
        'git-note-refused',
        'the repository did not take the note: somebody else wrote one, or clm may not push refs/notes/clm',
      ),
    );
  }
}

async function fetchNotes(mirror: Mirror): Promise<void> {
  const listing = await mirror.remote(['ls-remote', 'origin', notesRef]);
  if (listing.trim() === '') {
    if ((await notesHead(mirror)) !== undefined) await mirror.read(['update-ref', '-d', notesRef]);
    return;
  }
  await mirror.remote(['fetch', '--no-tags', '--no-write-fetch-head', '--quiet', 'origin', `+${notesRef}:${notesRef}`]);
}

async function notesHead(mirror: Mirror): Promise<string | undefined> {
  const listing = await mirror.read(['for-each-ref', '--format=%(objectname)', notesRef]);
  return listing.trim() === '' ? undefined : listing.trim();
}

async function notesEntries(mirror: Mirror): Promise<string[]> {
  const head = await notesHead(mirror);
  if (head === undefined) return [];
  // git spreads many notes over folders; the name is the id all the same
  const entries = lines(await mirror.read(['ls-tree', '-r', head]));
  return entries.map((entry) => {
    const name = entry.indexOf('\t');
    return entry.slice(0, name) + entry.slice(name).replaceAll('/', '');
  });
}

async function annotated(mirror: Mirror, name: string): Promise<string> {
  if (/^(?:[\da-f]{40}|[\da-f]{64})$/.test(name)) return name;
  return (await mirror.read(['hash-object', '-w', '--stdin'], `clm ${name}\n`)).trim();
}
