/** Signatures of texts by ssh keys, made and judged by `ssh-keygen -Y`: the same keys and file of allowed signers as for commits. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { SignatureJudge, SignedBy, Signer } from '../../ports/signer.ts';

/** What a signature is good for: one of a commit does not count for a record, nor the other way round. */
export const evidenceNamespace = 'clm-evidence';

/** Wall time that ssh-keygen may take; a key on a token may ask for a touch, which nobody gives. */
const patienceMs = 20_000;

interface Ended {
  code: number | 'missing' | 'late';
  stdout: string;
  stderr: string;
}

/** Signs with a private key without passphrase, or with one that the ssh agent holds. */
export function createSshSigner(keyFile: string): Signer {
  return {
    async sign(text) {
      const { code, stdout, stderr } = await sshKeygen(['-Y', 'sign', '-n', evidenceNamespace, '-f', keyFile], text);
      if (code === 0 && stdout.includes('BEGIN SSH SIGNATURE')) return stdout.trim();
      if (code === 'late')
        throw new FailureError(transient('signing-failed', `ssh-keygen did not sign with ${keyFile} in time`));
      const why = code === 'missing' ? 'ssh-keygen is missing on this machine' : firstLine(stderr);
      throw new FailureError(terminal('signing-failed', `nothing can be signed with ${keyFile}: ${why}`));
    },
  };
}

/** Judges by a file of allowed signers. Whoever is not in it, or not for this purpose, has not signed. */
export function createSshJudge(allowedSigners: string): SignatureJudge {
  return { judge: (text, signature) => withFile(signature, (file) => judge(text, file, allowedSigners)) };
}

async function judge(text: string, signature: string, signers: string): Promise<SignedBy> {
  const found = await sshKeygen(['-Y', 'find-principals', '-s', signature, '-f', signers], '');
  if (found.code === 'missing') return { valid: false, reason: 'ssh-keygen is missing on this machine' };
  const principals = found.code === 0 ? found.stdout.split('\n').filter((line) => line !== '') : [];
  let reason = `it is of a key that is none of the allowed signers in ${signers}`;
  for (const by of principals) {
    const args = ['-Y', 'verify', '-n', evidenceNamespace, '-f', signers, '-I', by, '-s', signature];
    const verified = await sshKeygen(args, text);
    if (verified.code === 0) return { valid: true, by };
    reason = `it does not fit what is signed, or ${by} may not sign ${evidenceNamespace}: ${firstLine(verified.stderr || verified.stdout)}`;
  }
  return { valid: false, reason };
}

async function withFile<Answer>(text: string, work: (file: string) => Promise<Answer>): Promise<Answer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'clm-signature-'));
  try {
    const file = path.join(folder, 'signature');
    await writeFile(file, `${text}\n`, { mode: 0o600 });
    return await work(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function sshKeygen(args: string[], input: string): Promise<Ended> {
  const { PATH, HOME, SSH_AUTH_SOCK } = process.env;
  // nobody is there to type a passphrase
  const env = { PATH, HOME, SSH_AUTH_SOCK, LC_ALL: 'C', SSH_ASKPASS_REQUIRE: 'force', SSH_ASKPASS: 'false' };
  return new Promise((resolve) => {
    const child = execFile('ssh-keygen', args, { env, timeout: patienceMs }, (error, stdout, stderr) => {
      const missing = error !== null && error.code === 'ENOENT';
      const late = error?.killed === true;
      const code = error === null ? 0 : missing ? 'missing' : late ? 'late' : Number(error.code) || 1;
      resolve({ code, stdout, stderr });
    });
    // it may end before it has read everything, when the key is no key
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

function firstLine(text: string): string {
  return (
    text
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? 'it says nothing'
  );
}
