/** Commits and trees that clm itself makes in the mirror: from plumbing alone, so that the same input gives the same object. */
import { FailureError, terminal } from '../../domain/failure.ts';
import type { PickResult, SignatureVerdict } from '../../ports/channel-source.ts';
import { GitCommandError } from './git-command.ts';
import { isRejection, pushFailure } from './git-failure.ts';
import type { GitMirror } from './git-mirror.ts';

type Mirror = Pick<GitMirror, 'read' | 'remote'>;

interface CommitInput {
  tree: string;
  parents: string[];
  message: string;
  /** Epoch ms. */
  at: number;
}

export async function makeCommit(mirror: Mirror, { tree, parents, message, at }: CommitInput): Promise<string> {
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

/** A commit on `parent` in which the directory `path` is as in `treeOf`, also when `parent` has lost it. */
export async function makeRestoringCommit(
  mirror: Mirror,
  path: string,
  input: { parent: string; treeOf: string; message: string; at: number },
): Promise<string> {
  const wanted = await configurationTree(mirror, input.treeOf, path);
  const { tree: root } = await linksOf(mirror, input.parent);
  const tree = await withSubtree(mirror, root, path === '' ? [] : path.split('/'), wanted);
  return makeCommit(mirror, { tree, parents: [input.parent], message: input.message, at: input.at });
}

/** Root tree and parents of a commit. */
async function linksOf(mirror: Mirror, commit: string): Promise<{ tree: string; parents: string[] }> {
  const output = await mirror.read(['log', '-1', '--no-show-signature', '--format=%T %P', commit, '--']);
  const [tree = '', ...parents] = output.trim().split(' ');
  return { tree, parents };
}

async function configurationTree(mirror: Mirror, commit: string, path: string): Promise<string> {
  if (path === '') return (await linksOf(mirror, commit)).tree;
  const format = '--batch-check=%(objectname) %(objecttype)';
  const output = await mirror.read(['cat-file', format], `${commit}:${path}\n`);
  const tree = /^([\da-f]{40,64}) tree$/m.exec(output)?.[1];
  if (tree !== undefined) return tree;
  throw new FailureError(
    terminal('git-path-missing', `commit ${commit} has no directory ${path}: its configuration cannot be restored`),
  );
}

/** `tree` with `wanted` at the path. What else is in it stays as it is, byte for byte: names stay quoted, as git wrote them. */
async function withSubtree(mirror: Mirror, tree: string | undefined, path: string[], wanted: string): Promise<string> {
  const [name, ...deeper] = path;
  if (name === undefined) return wanted;
  const entries = tree === undefined ? [] : lines(await mirror.read(['ls-tree', tree]));
  const [known] = tree === undefined ? [] : lines(await mirror.read(['ls-tree', tree, '--', name]));
  const inner = /^040000 tree ([\da-f]+)\t/.exec(known ?? '')?.[1];
  const next = await withSubtree(mirror, inner, deeper, wanted);
  const quoted = known === undefined ? name : known.slice(known.indexOf('\t') + 1);
  const changed = [...entries.filter((entry) => entry !== known), `040000 tree ${next}\t${quoted}`];
  return (await mirror.read(['mktree'], `${changed.join('\n')}\n`)).trim();
}

export function lines(output: string): string[] {
  return output.split('\n').filter((line) => line !== '');
}

/** What `commit` changed, on top of `onto`. */
export async function makePickedCommit(
  mirror: Mirror,
  input: { onto: string; commit: string; message: string; at: number },
): Promise<PickResult> {
  const { onto, commit, message, at } = input;
  const short = commit.slice(0, 12);
  const [before] = (await linksOf(mirror, commit)).parents;
  if (before === undefined) {
    return { kind: 'conflict', message: `${short} is a first commit: there is nothing before it that it changed` };
  }
  // merging with a commit that has the picked one's parent and our tree is picking, and needs no work tree
  const { tree: ours } = await linksOf(mirror, onto);
  const stand = await makeCommit(mirror, { tree: ours, parents: [before], message: 'stand-in', at });
  try {
    const merging = ['merge-tree', '--write-tree', '--no-messages', '--name-only', '-z', stand, commit];
    const [tree = ''] = (await mirror.read(merging, undefined, isConflict)).split('\0');
    return { kind: 'picked', commit: await makeCommit(mirror, { tree: tree.trim(), parents: [onto], message, at }) };
  } catch (error) {
    if (!(error instanceof GitCommandError) || !isConflict(error)) throw error;
    const files = error.output
      .split('\0')
      .slice(1)
      .filter((file) => file !== '');
    const more = files.length > 3 ? ` and ${files.length - 3} more` : '';
    const where = files.length === 0 ? 'conflicts' : `conflicts in ${files.slice(0, 3).join(', ')}${more}`;
    return { kind: 'conflict', message: `${short} does not apply on ${onto.slice(0, 12)}: ${where}` };
  }
}

/** `git merge-tree` ends with 1, and nothing else does, when the two cannot be merged. It still names the tree first. */
function isConflict({ exitCode, output }: GitCommandError): boolean {
  return exitCode === 1 && /^[\da-f]{40,64}\0/.test(output);
}

/** By the allowed signers of ssh, or the keyring of gpg; a good signature of somebody unknown is none. */
export async function readSignature(
  mirror: Mirror,
  commit: string,
  allowedSigners: string | undefined,
): Promise<SignatureVerdict> {
  // for this command alone: a file that is not configured any more must not stay in force in the mirror
  const signers = allowedSigners === undefined ? [] : ['-c', `gpg.ssh.allowedSignersFile=${allowedSigners}`];
  const output = await mirror.read([...signers, 'log', '-1', '--format=%G?%x00%GS%x00%GK', commit, '--']);
  const [state = 'N', signer = '', key = ''] = output.trim().split('\0');
  const short = commit.slice(0, 12);
  switch (state) {
    case 'G':
      return { verified: true, message: `${short} is signed by ${signer}` };
    case 'N':
      return { verified: false, message: await whyNone(mirror, commit, allowedSigners) };
    case 'U':
      return { verified: false, message: `${short} is signed with ${key}, which is none of the allowed signers` };
    case 'B':
      return { verified: false, message: `${short} has a bad signature` };
    default:
      return { verified: false, message: `the signature of ${short} cannot be checked, or has expired (${state})` };
  }
}

/** git says the same of a commit without a signature and of one that it has no means to check. */
async function whyNone(mirror: Mirror, commit: string, allowedSigners: string | undefined): Promise<string> {
  const short = commit.slice(0, 12);
  const [header = ''] = (await mirror.read(['cat-file', 'commit', commit])).split('\n\n', 1);
  const kind = /^gpgsig(?:-sha256)? -----BEGIN (\w+) /m.exec(header)?.[1];
  if (kind === undefined) return `${short} is not signed`;
  if (kind !== 'SSH') return `the signature of ${short} cannot be checked: gpg or its keyring is missing here`;
  return allowedSigners === undefined
    ? `the signature of ${short} cannot be checked: configRepository.allowedSigners is not given`
    : `the signature of ${short} cannot be checked: ${allowedSigners} cannot be read, or ssh-keygen is missing`;
}

export async function pushProposal(mirror: Mirror, branch: string, commit: string | null): Promise<void> {
  if (!branch.startsWith('clm/')) throw new Error(`${branch} is no proposal branch`);
  const spec = commit === null ? `:refs/heads/${branch}` : `+${commit}:refs/heads/${branch}`;
  try {
    await mirror.remote(
      ['push', '--porcelain', '--no-verify', 'origin', spec],
      (error) => isRejection(error) || isGone(error.text),
    );
  } catch (error) {
    if (!(error instanceof GitCommandError)) throw error;
    if (commit === null && isGone(error.text)) return;
    throw new FailureError(pushFailure(`${commit === null ? 'delete' : 'take'} branch ${branch}`, error.text));
  }
}

function isGone(text: string): boolean {
  return /remote ref does not exist/i.test(text);
}
