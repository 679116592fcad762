/** Commits, trees and notes that clm itself makes in the mirror: from plumbing alone, so that the same input gives the same object. */
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { PickResult, SignatureVerdict } from '../../ports/channel-source.ts';
import { GitCommandError } from './git-command.ts';
import type { GitMirror } from './git-mirror.ts';

type Mirror = Pick<GitMirror, 'read' | 'remote'>;

const notesRef = 'refs/notes/clm';

interface CommitInput {
  tree: string;
  parents: string[];
  message: string;
  /** Epoch ms. */
  at: number;
}

async function makeCommit(mirror: Mirror, { tree, parents, message, at }: CommitInput): Promise<string> {
  const who = `clm <clm@localhost> ${Math.floor(at / 1000)} +0000`;
  const lines = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${who}`,
    `committer ${who}`,
    '',
    `${message.replaceAll('\0', '')}\n`,
  ];
  return (await mirror.read(['hash-object', '-t', 'commit', '-w', '--stdin'], lines.join('\n'))).trim();
}

/** A commit on `parent` in which the directory `path` is as in `treeOf`. */
export async function makeRestoringCommit(
  mirror: Mirror,
  path: string,
  input: { parent: string; treeOf: string; message: string; at: number },
): Promise<string> {
  const wanted = await treeId(mirror, `${input.treeOf}:${path}`);
  const root = await treeId(mirror, `${input.parent}:`);
  const tree = await withSubtree(mirror, root, path === '' ? [] : path.split('/'), wanted);
  return makeCommit(mirror, { tree, parents: [input.parent], message: input.message, at: input.at });
}

async function treeId(mirror: Mirror, name: string): Promise<string> {
  return (await mirror.read(['rev-parse', '--verify', '--quiet', name])).trim();
}

async function withSubtree(mirror: Mirror, tree: string, path: string[], wanted: string): Promise<string> {
  const [name, ...deeper] = path;
  if (name === undefined) return wanted;
  const entries = (await mirror.read(['ls-tree', '-z', tree])).split('\0').filter((entry) => entry !== '');
  const known = entries.find((entry) => entry.endsWith(`\t${name}`));
  const inner = /^040000 tree ([\da-f]+)\t/.exec(known ?? '')?.[1];
  if (inner === undefined) {
    throw new FailureError(terminal('git-path-missing', `tree ${tree} has no directory ${name}`));
  }
  const next = await withSubtree(mirror, inner, deeper, wanted);
  const changed = entries.map((entry) => (entry === known ? `040000 tree ${next}\t${name}` : entry));
  return (await mirror.read(['mktree', '-z'], `${changed.join('\0')}\0`)).trim();
}

/** What `commit` changed, on top of `onto`. */
export async function makePickedCommit(
  mirror: Mirror,
  input: { onto: string; commit: string; message: string; at: number },
): Promise<PickResult> {
  const { onto, commit, message, at } = input;
  // merging with a commit that has the picked one's parent and our tree is picking, and needs no work tree
  const stand = await makeCommit(mirror, {
    tree: await treeId(mirror, `${onto}:`),
    parents: [await treeId(mirror, `${commit}^`)],
    message: 'stand-in',
    at,
  });
  try {
    const output = await mirror.read(['merge-tree', '--write-tree', '--no-messages', stand, commit]);
    const tree = output.split('\n')[0] as string;
    return { kind: 'picked', commit: await makeCommit(mirror, { tree, parents: [onto], message, at }) };
  } catch (error) {
    if (!(error instanceof GitCommandError) || !/^[\da-f]{40,64}\n/.test(error.text)) throw error;
    const files = [...new Set([...error.text.matchAll(/^\d+ [\da-f]+ \d\t(.+)$/gm)].map((match) => match[1]))];
    const named = files.slice(0, 3).join(', ');
    return {
      kind: 'conflict',
      message: `${commit.slice(0, 12)} does not apply on ${onto.slice(0, 12)}: conflicts in ${named}`,
    };
  }
}

/** By the allowed signers of ssh, or the keyring of gpg; a good signature of somebody unknown is none. */
export async function readSignature(
  mirror: Mirror,
  commit: string,
  allowedSigners: string | undefined,
): Promise<SignatureVerdict> {
  if (allowedSigners !== undefined) await mirror.read(['config', 'gpg.ssh.allowedSignersFile', allowedSigners]);
  const output = await mirror.read(['log', '-1', '--format=%G?%x00%GS%x00%GK', commit, '--']);
  const [state = 'N', signer = '', key = ''] = output.trim().split('\0');
  const short = commit.slice(0, 12);
  switch (state) {
    case 'G':
      return { verified: true, message: `${short} is signed by ${signer}` };
    case 'N':
      return { verified: false, message: `${short} is not signed` };
    case 'U':
      return { verified: false, message: `${short} is signed with ${key}, which is none of the allowed signers` };
    case 'B':
      return { verified: false, message: `${short} has a bad signature` };
    default:
      return { verified: false, message: `the signature of ${short} cannot be checked, or has expired (${state})` };
  }
}

export async function pushProposal(mirror: Mirror, branch: string, commit: string | null): Promise<void> {
  if (!branch.startsWith('clm/')) throw new Error(`${branch} is no proposal branch`);
  const spec = commit === null ? `:refs/heads/${branch}` : `+${commit}:refs/heads/${branch}`;
  try {
    await mirror.remote(
      ['push', '--porcelain', '--no-verify', 'origin', spec],
      (text) => /^!/m.test(text) || isGone(text),
    );
  } catch (error) {
    if (!(error instanceof GitCommandError)) throw error;
    if (commit === null && isGone(error.text)) return;
    throw new FailureError(
      terminal('git-push-rejected', `the repository refuses branch ${branch}: let the daemon's account push it`),
    );
  }
}

function isGone(text: string): boolean {
  return /remote ref does not exist/i.test(text);
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
  const tree = (await mirror.read(['mktree', '-z'], `${entries.join('\0')}\0`)).trim();
  const head = await notesHead(mirror);
  const parents = head === undefined ? [] : [head];
  const commit = await makeCommit(mirror, { tree, parents, message: `clm: note ${name}`, at });
  const lease = `--force-with-lease=${notesRef}:${head ?? ''}`;
  try {
    await mirror.remote(['push', '--porcelain', '--no-verify', lease, 'origin', `${commit}:${notesRef}`], (said) =>
      /^!/m.test(said),
    );
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
  return (await mirror.read(['ls-tree', '-z', head])).split('\0').filter((entry) => entry !== '');
}

async function annotated(mirror: Mirror, name: string): Promise<string> {
  if (/^(?:[\da-f]{40}|[\da-f]{64})$/.test(name)) return name;
  return (await mirror.read(['hash-object', '-w', '--stdin'], `clm ${name}\n`)).trim();
}
