import { isControlPlane, type NodePool } from '../domain/cluster.ts';
import { filesBucket, type RenderedUpload } from '../domain/rendered.ts';
import { digestText } from '../support/digest.ts';
import type { ClusterContext } from './cluster-context.ts';
import type { GoValue } from './gotemplate/value.ts';
import { encryptionKeys, filesKey, parseRemoteFiles } from './remote-files.ts';
import { referencedOutputs } from './stack-outputs.ts';
import { RenderingError, type TemplateFile } from './template-file.ts';
import type { TemplateInputs } from './template-inputs.ts';
import { filesMemo, userDataMemo } from './unit-memos.ts';

/** What nodes of a pool start with. */
export interface UserData {
  /** Digest of the text; undefined when the profile has none. */
  digest: string | undefined;
  /** The text refers to outputs of the cluster stack. */
  refers: boolean;
  /** Renders the text. */
  text: () => string;
  uploads: RenderedUpload[];
  /** Further `.Values` of the pool's templates. */
  values: Readonly<Record<string, GoValue>>;
}

export function userDataOf(context: ClusterContext, pool: NodePool): UserData {
  const profile = context.tree.profiles.get(pool.profile);
  const purpose = isControlPlane(pool) ? 'master' : 'worker';
  const { uploads, values } = uploadsOf(context, profile?.files, purpose, context.poolInputs(pool, {}));
  const file = profile?.userdata;
  if (file === undefined) return { digest: undefined, refers: false, text: () => '', uploads, values };
  const inputs = context.poolInputs(pool, values);
  const { text, refers } = context.run.evaluate(userDataMemo, file, inputs, (rendered) => ({
    text: digestText(rendered),
    refers: referencedOutputs(rendered).length > 0,
  }));
  return { digest: text, refers, text: () => context.run.text(file, inputs), uploads, values };
}

/** The archive that a files.yaml describes, and the value by which other templates name it. */
export function uploadsOf(
  context: ClusterContext,
  file: TemplateFile | undefined,
  purpose: 'master' | 'worker' | 'etcd',
  inputs: TemplateInputs,
): { uploads: RenderedUpload[]; values: Record<string, GoValue> } {
  if (file === undefined) return { uploads: [], values: {} };
  const { cluster } = context.input;
  const result = context.run.evaluate(filesMemo, file, inputs, (text) => {
    const parsed = parseRemoteFiles(text);
    if (!parsed.ok) throw new RenderingError(context.run.placed(file, inputs, parsed.problems));
    const noted = context.noted(file, inputs, parsed.repeated);
    return { text: digestText(text), key: filesKey(cluster.localId, purpose, text), ...noted };
  });
  const { key } = context.heard(result);
  const bucket = filesBucket(cluster);
  const upload: RenderedUpload = {
    bucket,
    key,
    encryptionKey: encryptionKeys[purpose],
    get files() {
      const parsed = parseRemoteFiles(context.run.text(file, inputs));
      return parsed.ok ? parsed.files : [];
    },
  };
  return { uploads: [upload], values: { S3GeneratedFilesPath: `s3://${bucket}/${key}` } };
}
