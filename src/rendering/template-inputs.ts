import { hash } from 'node:crypto';
import type { ReadObserver } from './gotemplate/read-observer.ts';
import { GoComplex, GoFunction, GoMap, GoStruct, type GoValue, isList } from './gotemplate/value.ts';

/** Separates the names of a path; a path that begins with `wholeMark` asks for everything below it. */
const separator = '\0';
const wholeMark = '\u0001';
const outsideMark = '\u0002';
/** Longer texts stand in a token as their digest. */
const longestPlain = 64;

/** Digests of containers; values of templates never change. */
const contents = new WeakMap<object, string>();

/** Says what a container's content amounts to, when that is known more cheaply than by walking through it. */
export function knowContent(value: GoMap | GoStruct, token: string): void {
  contents.set(value, `=${token}`);
}

function shortened(text: string): string {
  return text.length <= longestPlain ? text : `#${hash('sha256', text, 'base64url')}`;
}

/** What a value is, as a text: two values with equal tokens cannot be told apart by a template. */
function contentToken(value: GoValue | undefined): string {
  if (typeof value !== 'object' || value === null) return plainToken(value);
  if (value instanceof GoFunction || value instanceof GoComplex) return plainToken(value);
  const known = contents.get(value);
  if (known !== undefined) return known;
  let parts: string;
  if (isList(value)) parts = `[${value.map(contentToken).join(',')}`;
  else {
    const entries =
      value instanceof GoMap
        ? value.sortedKeys.map((key): [string, GoValue | undefined] => [key, value.entries.get(key)])
        : [...value.fields];
    const kind = value instanceof GoMap ? `{${value.zero === '' ? 's' : 'a'}` : `<${value.typeName}`;
    parts = `${kind}${entries.map(([key, item]) => `${JSON.stringify(key)}:${contentToken(item)}`).join(',')}`;
  }
  const token = parts.length <= longestPlain ? parts : `#${hash('sha256', parts, 'base64url')}`;
  contents.set(value, token);
  return token;
}

/** Kind and value of what is no container; of a map or struct only that it is one: what is read below it is read by itself. */
function plainToken(value: GoValue | undefined): string {
  if (value === undefined) return 'u';
  if (value === null) return 'n';
  switch (typeof value) {
    case 'string':
      return `s${shortened(value)}`;
    case 'bigint':
      return `i${value}`;
    case 'number':
      return `f${Object.is(value, -0) ? '-0' : value}`;
    case 'boolean':
      return value ? 'b1' : 'b0';
    default:
      if (isList(value)) return contentToken(value);
      if (value instanceof GoComplex) return `x${value.real},${value.imaginary}`;
      if (value instanceof GoMap) return 'm';
      return value instanceof GoStruct ? 't' : 'c';
  }
}

/**
 * The data of templates, and the answers to what templates may ask of it. `outside` answers for what is not part of the data
 * (digests of other manifests, recorded look-ups). Data that shares its `Cluster` with `shared` shares those answers.
 */
export class TemplateInputs {
  readonly root: GoStruct;
  readonly #outside: (question: string) => string;
  readonly #shared: TemplateInputs | undefined;
  readonly #paths = new Map<object, string>();
  readonly #tokens = new Map<string, string>();
  readonly #secretPaths: ReadonlySet<string>;

  constructor(
    root: GoStruct,
    outside: (question: string) => string,
    options: { shared?: TemplateInputs; secretPaths?: ReadonlySet<string> } = {},
  ) {
    this.root = root;
    this.#outside = outside;
    this.#shared = options.shared;
    this.#secretPaths = options.secretPaths ?? options.shared?.secretPaths ?? new Set();
    this.#paths.set(root, '');
  }

  get secretPaths(): ReadonlySet<string> {
    return this.#secretPaths;
  }

  pathOf(value: object): string | undefined {
    return this.#paths.get(value);
  }

  track(value: object, path: string): boolean {
    const known = this.#paths.get(value);
    if (known === undefined) this.#paths.set(value, path);
    return known === undefined || known === path;
  }

  /** The answer to a question that some execution asked; undefined answers are answers too. */
  answer(question: string): string {
    const known = this.#tokens.get(question);
    if (known !== undefined) return known;
    const token =
      this.#shared !== undefined && question.startsWith(`Cluster${separator}`)
        ? this.#shared.answer(question)
        : this.#find(question);
    this.#tokens.set(question, token);
    return token;
  }

  #find(question: string): string {
    if (question.startsWith(outsideMark)) return this.#outside(question.slice(1));
    if (question.startsWith(wholeMark)) return contentToken(this.#valueAt(question.slice(1)));
    return plainToken(this.#valueAt(question));
  }

  #valueAt(path: string): GoValue | undefined {
    let value: GoValue | undefined = this.root;
    if (path === '') return value;
    for (const name of path.split(separator)) {
      if (value instanceof GoStruct) value = value.fields.get(name);
      else if (value instanceof GoMap) value = value.entries.get(name);
      else return undefined;
    }
    return value;
  }
}

/** The questions that one execution asked, in their order. */
export class RecordedReads implements ReadObserver {
  readonly #inputs: TemplateInputs;
  readonly #questions = new Set<string>();
  #secret = false;

  constructor(inputs: TemplateInputs) {
    this.#inputs = inputs;
  }

  get questions(): string[] {
    return [...this.#questions];
  }

  /** Whether the execution saw a value that must not be repeated in a message. */
  get sawSecret(): boolean {
    return this.#secret;
  }

  field(receiver: GoValue, name: string, value: GoValue | undefined): void {
    if (typeof receiver !== 'object' || receiver === null) return;
    const parent = this.#inputs.pathOf(receiver);
    if (parent === undefined) return;
    const path = parent === '' ? name : `${parent}${separator}${name}`;
    this.#questions.add(path);
    if (this.#inputs.secretPaths.has(path)) this.#secret = true;
    // one value at two places: what is read below it could be attributed to the wrong one
    if ((value instanceof GoMap || value instanceof GoStruct) && !this.#inputs.track(value, path))
      this.#questions.add(wholeMark + path);
    // a method works on all of its receiver
    if (value instanceof GoFunction) this.#questions.add(wholeMark + parent);
    if (isListOf(value) && this.#inputs.secretPaths.size > 0) this.#secret = true;
  }

  whole(value: GoValue): void {
    if (!(value instanceof GoMap || value instanceof GoStruct)) return;
    const path = this.#inputs.pathOf(value);
    if (path === undefined) return;
    this.#questions.add(wholeMark + path);
    if (this.#inputs.secretPaths.size > 0) this.#secret = true;
  }

  /** Something that is not part of the data was asked for. */
  outside(question: string): void {
    this.#questions.add(outsideMark + question);
  }
}

function isListOf(value: GoValue | undefined): boolean {
  return value !== undefined && isList(value);
}

/** The path of a config item of the cluster, or of the pool that a template is rendered for. */
export function configItemPaths(name: string): string[] {
  return [`Cluster${separator}ConfigItems${separator}${name}`, `NodePool${separator}ConfigItems${separator}${name}`];
}
