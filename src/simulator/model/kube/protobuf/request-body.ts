import { badRequest } from '../api-error.ts';
import type { Fields } from '../object.ts';
import { recordNameOf, recordTypes } from '../schemas/type-table.ts';
import { messageJson } from './message-json.ts';
import { type MessageType, messageTypes } from './message-types.ts';

export const protobufMediaType = 'application/vnd.kubernetes.protobuf';

/** What stands before the envelope of every message: `k8s` and a zero. */
const prefix = Buffer.from('k8s\0');
const shownBytes = 30;

/** Options that clients send under the version of the group which they talk to. */
const metaKinds = new Set(['DeleteOptions']);

/**
 * A request's body in protobuf as the value that a JSON body would have been: a `runtime.Unknown` with the kind and, in it, the
 * message of that kind. Throws 400 for anything else; `expected` is the kind that the path takes, for the message.
 */
export function readProtobuf(bytes: Uint8Array, expected: string): unknown {
  const types = messageTypes();
  let kind = '';
  let version = '';
  try {
    if (bytes.length === 0) throw new Error('empty data');
    if (!prefix.equals(bytes.subarray(0, prefix.length)))
      throw new Error(`provided data does not appear to be a protobuf message, expected prefix [${prefix.join(' ')}]`);
    const unknown = decoded(types.get('runtime.Unknown') as MessageType, bytes.subarray(prefix.length)) as {
      typeMeta?: { apiVersion?: string; kind?: string };
      raw?: string;
    };
    const apiVersion = unknown.typeMeta?.apiVersion ?? '';
    kind = unknown.typeMeta?.kind ?? '';
    if (kind === '') throw new Error(`Object 'Kind' is missing in '${excerpt(bytes)}'`);
    if (apiVersion === '') throw new Error(`Object 'apiVersion' is missing in '${excerpt(bytes)}'`);
    const slash = apiVersion.indexOf('/');
    version = apiVersion.slice(slash + 1);
    const group = slash < 0 ? '' : apiVersion.slice(0, slash);
    const home = metaKinds.has(kind) ? 'meta.v1' : `${group.split('.')[0] || 'core'}.${version}`;
    const type = types.get(`${home}.${kind}`);
    if (!type)
      throw new Error(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
    const raw = Buffer.from(unknown.raw ?? '', 'base64');
    return { apiVersion, kind, ...(decoded(type, raw, recordNameOf(group, kind)) as Fields) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(
      kind === ''
        ? `the object provided is unrecognized (must be of type ${expected}): ${why} (${excerpt(bytes)})`
        : `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${expected}: ${why}`,
    );
  }
}

function decoded(type: MessageType, bytes: Uint8Array, record?: string): unknown {
  const message = type.codec.decode(bytes) as unknown as Fields;
  return messageJson(type, message, record === undefined ? undefined : recordTypes.get(record));
}

function excerpt(bytes: Uint8Array): string {
  if (bytes.length === 0) return '<empty>';
  const shown = Buffer.from(bytes.subarray(0, shownBytes)).toString('hex');
  return bytes.length > shownBytes ? `${shown} ...` : shown;
}
