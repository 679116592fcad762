/** The file of ssh's allowed signers: a line that ssh does not understand is a person whose commits never count, so it is told early. */
import { readFileSync } from 'node:fs';

export interface SignersProblem {
  /** 1-based; absent when it is the whole file. */
  line?: number;
  message: string;
  remedy: string;
}

const example = 'jo@example.org namespaces="git" ssh-ed25519 AAAA…';
/** `principals [options] keytype base64 [comment]`; quotes may hold blanks, in principals and options. */
const signer =
  /^(?:"[^"]+"|[^\s"]+)\s+(?:(?:[^\s"]|"[^"]*")+\s+)?(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[\w@.-]+\s+AAAA[\w+/]+={0,3}(?:\s.*)?$/;

/** Every problem of the file; it has to be there, readable, and name somebody. */
export function allowedSignersProblems(file: string): SignersProblem[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return [
      {
        message: missing ? `there is no file ${file}` : `${file} cannot be read: ${(error as Error).message}`,
        remedy: `make it a file that this user may read, with a line for each signer: ${example}`,
      },
    ];
  }
  const lines = text.split(/\r?\n/).map((line, i) => ({ line: i + 1, text: line.trim() }));
  const entries = lines.filter((one) => one.text !== '' && !one.text.startsWith('#'));
  if (entries.length === 0) {
    return [{ message: `${file} names nobody: no commit would count as signed`, remedy: `add a line: ${example}` }];
  }
  return entries
    .filter((one) => !signer.test(one.text))
    .map(({ line }) => ({
      line,
      message: 'this is no allowed signer',
      remedy: `write who, and the public key: ${example}`,
    }));
}
