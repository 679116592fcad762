/** STS: who calls, and credentials of other accounts. The access key decides the account. */
import { AwsError, type AwsService } from './aws-request.ts';
import type { ActionTable, Call } from './cloud.ts';

/** 12 digits after AKIA or ASIA. */
export function accountOfAccessKey(accessKeyId: string): string | undefined {
  return /^A[KS]IA(\d{12})/.exec(accessKeyId)?.[1];
}

interface Session {
  arn: string;
  userId: string;
  secret: string;
  expiresAt: number;
}

/** Sessions that AssumeRole gave out, by access key. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();

  add(accessKeyId: string, session: Session): void {
    if (this.#sessions.size >= 10_000) {
      const oldest = this.#sessions.keys().next().value;
      if (oldest !== undefined) this.#sessions.delete(oldest);
    }
    this.#sessions.set(accessKeyId, session);
  }

  /** What this service says of a session that has ended; undefined while it lasts, and for what is no session. */
  refusal(accessKeyId: string | undefined, service: AwsService, now: number): AwsError | undefined {
    const session = this.#sessions.get(accessKeyId ?? '');
    if (!session || now < session.expiresAt) return undefined;
    const message = 'The security token included in the request is expired';
    if (service === 'ec2') return new AwsError('RequestExpired', 'Request has expired.', 400);
    if (service === 's3') return new AwsError('ExpiredToken', 'The provided token has expired.', 400);
    if (service === 'kms' || service === 'eks') return new AwsError('ExpiredTokenException', message, 403);
    return new AwsError('ExpiredToken', message, 403);
  }

  get(accessKeyId: string | undefined): Session | undefined {
    return accessKeyId === undefined ? undefined : this.#sessions.get(accessKeyId);
  }
}

function letters(call: Call, length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let text = '';
  while (text.length < length) text += alphabet.charAt(call.state.random.int(alphabet.length));
  return text;
}

function assumeRole(call: Call, sessions: Sessions): Record<string, unknown> {
  const { cloud, params } = call;
  const roleArn = params.required('RoleArn');
  const session = params.required('RoleSessionName');
  const match = /^arn:aws:iam::(\d{12}):role\/([\w+=,.@/-]{1,512})$/.exec(roleArn);
  if (!match) return params.fail(`${roleArn} is invalid`);
  if (!/^[\w+=,.@-]{2,64}$/.test(session)) {
    params.fail(
      `1 validation error detected: Value '${session}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*`,
    );
  }
  const [, account = '', path = ''] = match;
  const role = path.slice(path.lastIndexOf('/') + 1);
  const seconds = params.bounded('DurationSeconds', 900, 43_200) ?? 3600;
  const accessKeyId = `ASIA${account}${letters(call, 6)}`;
  const arn = `arn:aws:sts::${account}:assumed-role/${role}/${session}`;
  const userId = `AROA${letters(call, 16)}:${session}`;
  const secret = letters(call, 40);
  sessions.add(accessKeyId, { arn, userId, secret, expiresAt: cloud.now() + seconds * 1000 });
  return {
    Credentials: {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secret,
      SessionToken: letters(call, 64),
      Expiration: new Date(cloud.now() + seconds * 1000),
    },
    AssumedRoleUser: { AssumedRoleId: userId, Arn: arn },
    PackedPolicySize: 0,
  };
}

export function identityActions(sessions: Sessions): ActionTable {
  return {
    GetCallerIdentity: ({ state, request }) => {
      const session = sessions.get(request.accessKeyId);
      return {
        UserId: session?.userId ?? `AIDA${state.account}CLM`,
        Account: state.account,
        Arn: session?.arn ?? `arn:aws:iam::${state.account}:user/clm`,
      };
    },
    AssumeRole: (call) => assumeRole(call, sessions),
    GetAccessKeyInfo: ({ params }) => {
      const account = accountOfAccessKey(params.required('AccessKeyId'));
      if (account === undefined) throw new AwsError('ValidationError', 'The access key is not valid.');
      return { Account: account };
    },
  };
}
