/** One call of an AWS API as plain values: what the wire decodes and what in-process callers hand over. */

export type AwsService =
  | 'autoscaling'
  | 'ec2'
  | 'elasticloadbalancing'
  | 'elasticloadbalancingv2'
  | 'cloudformation'
  | 'sts'
  | 's3'
  | 'kms'
  | 'eks';

export interface AwsRequest {
  /** 12 digits. */
  account: string;
  region: string;
  service: AwsService;
  /** As the API names it: DescribeAutoScalingGroups. */
  action: string;
  /** Shaped as the SDK's input; numbers and booleans may also be given as text, as the query protocol sends them. */
  params: Record<string, unknown>;
  userAgent?: string;
  /** Simulated epoch ms of its signature, by the caller's clock. In-process alone: over HTTP the wire judges it. */
  signedAt?: number;
  /** Access key of the caller, when the wire knows it. */
  accessKeyId?: string;
}

/** `latencyMs`: simulated milliseconds by which a fault delays the reply; only the wire can honour it. */
export type AwsReply =
  | { ok: true; result: Record<string, unknown>; latencyMs?: number }
  /**
   * Status 0 and code ConnectionReset: the reply got lost; whether the call took effect is unknown to the caller. `abrupt`: the
   * connection was reset rather than closed.
   */
  | { ok: false; status: number; code: string; message: string; latencyMs?: number; abrupt?: boolean };

/** An answer of the API that says no. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Code that a service answers for a missing or malformed parameter. */
export function validationCode(service: AwsService): string {
  if (service === 'ec2') return 'InvalidParameterValue';
  if (service === 's3') return 'InvalidArgument';
  if (service === 'kms') return 'ValidationException';
  if (service === 'eks') return 'InvalidParameterException';
  return 'ValidationError';
}

/** Text of a scalar; JSON of anything else, '' of nothing. */
export function plainText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return JSON.stringify(value);
}

function describeValue(value: unknown): string {
  return typeof value === 'object' ? 'a structure' : `'${plainText(value)}'`;
}

/** Typed, checking access to a request's parameters. Every complaint is the service's own validation error. */
export class Params {
  readonly raw: Record<string, unknown>;
  readonly #code: string;
  readonly #path: string;

  constructor(raw: Record<string, unknown>, code: string, path = '') {
    this.raw = raw;
    this.#code = code;
    this.#path = path;
  }

  fail(message: string): never {
    throw new AwsError(this.#code, message);
  }

  has(name: string): boolean {
    return this.raw[name] !== undefined && this.raw[name] !== null;
  }

  text(name: string): string | undefined {
    const value = this.raw[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    return this.fail(`Value at '${this.#path}${name}' must be a string, got ${describeValue(value)}`);
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') {
      return this.fail(
        `1 validation error detected: Value null at '${this.#path}${name}' failed to satisfy constraint: Member must not be null`,
      );
    }
    return value;
  }

  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined || value === '') return undefined;
    const number = Number(value);
    if (!Number.isInteger(number) || Math.abs(number) > 2 ** 31 - 1) {
      return this.fail(`Value at '${this.#path}${name}' must be an integer, got '${value}'`);
    }
    return number;
  }

  requiredInteger(name: string): number {
    this.required(name);
    return this.integer(name) as number;
  }

  /** An integer of at least `min`, and at most `max`. */
  bounded(name: string, min: number, max: number): number | undefined {
    const value = this.integer(name);
    if (value !== undefined && (value < min || value > max)) {
      return this.fail(
        `1 validation error detected: Value '${value}' at '${this.#path}${name}' failed to satisfy constraint: ` +
          `Member must have value between ${min} and ${max}`,
      );
    }
    return value;
  }

  flag(name: string): boolean | undefined {
    const value = this.text(name);
    if (value === undefined || value === '') return undefined;
    if (value === 'true' || value === 'True' || value === '1') return true;
    if (value === 'false' || value === 'False' || value === '0') return false;
    return this.fail(`Value at '${this.#path}${name}' must be a boolean, got '${value}'`);
  }

  #list(name: string): unknown[] {
    const value = this.raw[name];
    if (value === undefined || value === null || value === '') return [];
    if (Array.isArray(value)) return value;
    return this.fail(`Value at '${this.#path}${name}' must be a list, got ${describeValue(value)}`);
  }

  texts(name: string): string[] {
    return this.#list(name).map((value, i) => {
      if (typeof value === 'string') return value;
      if (typeof value === 'number' || typeof value === 'boolean') return String(value);
      return this.fail(`Value at '${this.#path}${name}.${i + 1}' must be a string, got ${describeValue(value)}`);
    });
  }

  /** Refuses more than `max` entries. */
  limitedTexts(name: string, max: number): string[] {
    const values = this.texts(name);
    if (values.length > max) {
      return this.fail(
        `1 validation error detected: Value at '${this.#path}${name}' failed to satisfy constraint: ` +
          `Member must have length less than or equal to ${max}`,
      );
    }
    return values;
  }

  items(name: string): Params[] {
    return this.#list(name).map((value, i) => {
      const path = `${this.#path}${name}.${i + 1}`;
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return this.fail(`Value at '${path}' must be a structure, got ${describeValue(value)}`);
      }
      return new Params(value as Record<string, unknown>, this.#code, `${path}.`);
    });
  }

  structure(name: string): Params | undefined {
    const value = this.raw[name];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) {
      return this.fail(`Value at '${this.#path}${name}' must be a structure, got ${describeValue(value)}`);
    }
    return new Params(value as Record<string, unknown>, this.#code, `${this.#path}${name}.`);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined || value === '') return undefined;
    const found = allowed.find((candidate) => candidate === value);
    if (found !== undefined) return found;
    return this.fail(
      `1 validation error detected: Value '${value}' at '${this.#path}${name}' failed to satisfy constraint: ` +
        `Member must satisfy enum value set: [${allowed.join(', ')}]`,
    );
  }
}

/** One page of `all`, and the token of the next one. Tokens are offsets in disguise; anything else is refused. */
export function page<T>(
  all: readonly T[],
  options: { size: number; token: string | undefined; badToken: () => AwsError },
): { items: T[]; next: string | undefined } {
  let from = 0;
  if (options.token !== undefined && options.token !== '') {
    const match = /^offset-(\d{1,9})$/.exec(Buffer.from(options.token, 'base64url').toString('latin1'));
    if (!match) throw options.badToken();
    from = Number(match[1]);
  }
  const items = all.slice(from, from + options.size);
  const end = from + items.length;
  return { items, next: end < all.length ? Buffer.from(`offset-${end}`).toString('base64url') : undefined };
}
