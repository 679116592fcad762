import { hash } from 'node:crypto';
import { isMap, isSeq, LineCounter, parseDocument } from 'yaml';
import type { RenderedUpload, UploadedFile } from '../domain/rendered.ts';
import type { TextProblem } from './manifest-documents.ts';
import { type RepeatedKey, repeatedKeys } from './repeated-keys.ts';

/** Key of an archive: the same text has the same key, whoever renders it. */
export function filesKey(localId: string, purpose: 'master' | 'worker' | 'etcd', text: string): string {
  return `${localId}/${purpose}/${hash('sha512', text)}.userdata`;
}

export const etcdKeyAlias = 'alias/etcd-cluster';

/** The key for encrypted files of these nodes. */
export const encryptionKeys: Readonly<Record<'master' | 'worker' | 'etcd', RenderedUpload['encryptionKey']>> = {
  master: { output: 'MasterFilesEncryptionKey' },
  worker: { output: 'WorkerFilesEncryptionKey' },
  etcd: { alias: etcdKeyAlias },
};

export type FilesText =
  | { ok: true; files: UploadedFile[]; repeated: readonly RepeatedKey[] }
  | { ok: false; problems: TextProblem[] };

const remedy = 'write {path: etc/x, data: "{{ base64 … }}", permissions: 0644, encrypted: false}';

/** A rendered files.yaml: `files:`, each with path, data in base64, permissions, and whether KMS encrypts it. */
export function parseRemoteFiles(text: string): FilesText {
  const lines = new LineCounter();
  const { uniqueKeys, found } = repeatedKeys(lines);
  const document = parseDocument(text, { schema: 'yaml-1.1', lineCounter: lines, prettyErrors: false, uniqueKeys });
  const problems: TextProblem[] = document.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    message: error.message,
    remedy: 'correct the YAML of the files',
  }));
  if (problems.length > 0) return { ok: false, problems };
  const list = isMap(document.contents) ? document.contents.get('files', true) : undefined;
  if (!isSeq(list))
    return { ok: false, problems: [{ line: 1, path: 'files', message: 'files is not a list', remedy }] };
  const files: UploadedFile[] = [];
  list.items.forEach((item, i) => {
    const range = (item as { range?: [number, number, number] }).range;
    const file = remoteFile((item as { toJSON: () => unknown }).toJSON());
    if (typeof file !== 'string') files.push(file);
    else problems.push({ line: lines.linePos(range?.[0] ?? 0).line, path: `files[${i}]`, message: file, remedy });
  });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, files, repeated: found() };
}

function remoteFile(value: unknown): UploadedFile | string {
  if (typeof value !== 'object' || value === null) return 'a file is a mapping';
  const { path, data, permissions, encrypted, ...others } = value as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return `a file has no ${unknown}`;
  if (typeof path !== 'string' || path === '' || path.split('/').includes('..')) return 'path is missing or leads out';
  if (typeof data !== 'string' || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(data)) return 'data is not base64';
  if (permissions !== undefined && (typeof permissions !== 'number' || permissions < 0 || permissions > 0o7777))
    return 'permissions are not bits like 0644';
  if (encrypted !== undefined && typeof encrypted !== 'boolean') return 'encrypted is true or false';
  return { path, data: data.replace(/\s/g, ''), permissions: permissions ?? 0o644, encrypted: encrypted ?? false };
}
