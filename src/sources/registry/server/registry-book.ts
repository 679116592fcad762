/**
 * A registry of files as a service keeps it: documents are looked up and changed one at a time, each change is checked against the
 * whole registry before it is written, and a file is replaced as a whole or not at all. Files that somebody edits meanwhile are
 * read again before every answer.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeProblem, type Problem } from '../../../domain/problem.ts';
import { BoundedCache } from '../../../support/bounded-cache.ts';
import { parseYaml } from '../../yaml-document.ts';
import { createTextsJudge } from '../directory-registry.ts';
import {
  clustersPlace,
  type FileText,
  maxRegistryFiles,
  type RegistryPlaces,
  type RegistryTexts,
  readRegistryTexts,
} from '../registry-texts.ts';
import { editYaml, type YamlEdit } from './edit-yaml.ts';

export type Fields = Record<string, unknown>;

export interface Entry {
  /** As its file has it, with the registry's field names; a cluster has its `status` too. */
  fields: Fields;
  /** Changes with every change of the entry. */
  etag: string;
}

export type Refusal =
  | { kind: 'not-found'; what: string }
  | { kind: 'exists'; message: string }
  /** The entry is not the one that the caller has seen. */
  | { kind: 'stale'; etag: string }
  | { kind: 'invalid'; problems: Problem[] };

export type Changed = { kind: 'changed'; entry: Entry } | Refusal;

/** What a change wants of an entry: fields to set (undefined removes), by path below the entry, and its status as a whole. */
export type Change = (fields: Fields) => { edits: YamlEdit[]; status?: Fields } | { remove: true } | Refusal;

export type Collection = 'clusters' | 'accounts';

export interface RegistryBook {
  list: (collection: Collection) => Promise<Entry[]>;
  find: (collection: Collection, id: string) => Promise<Entry | undefined>;
  create: (collection: Collection, fields: Fields) => Promise<Changed>;
  /** `expected` = the etag that the caller has seen; undefined = whatever is there. */
  change: (collection: Collection, id: string, expected: string | undefined, change: Change) => Promise<Changed>;
}

interface Placed {
  file: FileText;
  /** Of the entry in its file. */
  path: PropertyKey[];
  fields: Fields;
}

export interface RegistryBookOptions extends RegistryPlaces {
  /** Folder for the status of clusters: it changes all the time, and has no place in files that people review. */
  statusDirectory: string;
}

export function openRegistryBook(options: RegistryBookOptions): RegistryBook {
  return new Book(options);
}

class Book implements RegistryBook {
  readonly #options: RegistryBookOptions;
  readonly #judge = createTextsJudge();
  readonly #values = new BoundedCache<string, { value: unknown }>({ maxEntries: maxRegistryFiles });
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: RegistryBookOptions) {
    this.#options = options;
  }

  async list(collection: Collection): Promise<Entry[]> {
    const texts = await readRegistryTexts(this.#options, []);
    return Promise.all(this.#placedIn(texts, collection).map((placed) => this.#entry(collection, placed.fields)));
  }

  async find(collection: Collection, id: string): Promise<Entry | undefined> {
    const texts = await readRegistryTexts(this.#options, []);
    const placed = this.#placedIn(texts, collection).find(({ fields }) => fields['id'] === id);
    return placed === undefined ? undefined : this.#entry(collection, placed.fields);
  }

  create(collection: Collection, fields: Fields): Promise<Changed> {
    return this.#alone(async () => {
      const texts = await readRegistryTexts(this.#options, []);
      const id = String(fields['id']);
      if (this.#placedIn(texts, collection).some((placed) => placed.fields['id'] === id))
        return { kind: 'exists', message: `${id} is in the registry already` };
      const target = await this.#placeFor(collection, texts, fields);
      if ('kind' in target) return target;
      return this.#write(collection, texts, target, fields);
    });
  }

  change(collection: Collection, id: string, expected: string | undefined, change: Change): Promise<Changed> {
    return this.#alone(async () => {
      const texts = await readRegistryTexts(this.#options, []);
      const placed = this.#placedIn(texts, collection).find(({ fields }) => fields['id'] === id);
      if (placed === undefined) return { kind: 'not-found', what: id };
      const before = await this.#entry(collection, placed.fields);
      if (expected !== undefined && expected !== before.etag) return { kind: 'stale', etag: before.etag };
      const wanted = change(before.fields);
      if ('kind' in wanted) return wanted;
      if ('remove' in wanted) return this.#remove(collection, texts, placed, before);
      const edited = await this.#edit(collection, texts, placed, { edits: wanted.edits, before });
      if (edited.kind !== 'changed' || wanted.status === undefined) return edited;
      // behind the fields, which may be refused; told again after a crash in between, it is the same
      await replaceFile(this.#statusPath(id), `${JSON.stringify(wanted.status, null, 2)}\n`);
      const { status: _status, ...fields } = edited.entry.fields;
      return { kind: 'changed', entry: await this.#entry(collection, fields) };
    });
  }

  async #edit(
    collection: Collection,
    texts: RegistryTexts,
    placed: Placed,
    { edits, before }: { edits: YamlEdit[]; before: Entry },
  ): Promise<Changed> {
    if (edits.length === 0) return { kind: 'changed', entry: before };
    const placedEdits = edits.map(({ path, value }) => ({ path: [...placed.path, ...path], value }));
    const text = editYaml(placed.file.text, placedEdits);
    return this.#write(collection, texts, { ...placed.file, text }, placed.fields);
  }

  async #remove(collection: Collection, texts: RegistryTexts, placed: Placed, before: Entry): Promise<Changed> {
    if (placed.path.length === 0) await rm(placed.file.path);
    else {
      const text = editYaml(placed.file.text, [{ path: placed.path, value: undefined }]);
      const written = await this.#write(collection, texts, { ...placed.file, text }, undefined);
      if (written.kind !== 'changed') return written;
    }
    if (collection === 'clusters') await rm(this.#statusPath(String(placed.fields['id'])), { force: true });
    return { kind: 'changed', entry: before };
  }

  /** Checks the registry as it would be; only problems that the change brings count against it. */
  async #write(
    collection: Collection,
    texts: RegistryTexts,
    target: FileText,
    entry: Fields | undefined,
  ): Promise<Changed> {
    const had = new Set(this.#problemsOf(texts).map(describeProblem));
    const next = withFile(texts, collection, target);
    const problems = this.#problemsOf(next).filter((problem) => !had.has(describeProblem(problem)));
    if (problems.length > 0) return { kind: 'invalid', problems };
    await replaceFile(target.path, target.text);
    const written = this.#placedIn(next, collection).find(({ fields }) => fields['id'] === entry?.['id']);
    return { kind: 'changed', entry: await this.#entry(collection, written?.fields ?? entry ?? {}) };
  }

  #placedIn(texts: RegistryTexts, collection: Collection): Placed[] {
    if (collection === 'accounts') {
      const { accounts } = texts;
      return accounts === undefined ? [] : listIn(accounts, this.#valueOf(accounts), 'infrastructure_accounts');
    }
    return texts.clusters.flatMap((file) => {
      const value = this.#valueOf(file);
      if (!isFields(value)) return [];
      return 'clusters' in value ? listIn(file, value, 'clusters') : [{ file, path: [], fields: value }];
    });
  }

  #valueOf({ file, text }: FileText): unknown {
    const key = `${file}\0${text}`;
    let cached = this.#values.get(key);
    if (cached === undefined) {
      const read = parseYaml(file, text);
      cached = { value: read.ok ? read.value : undefined };
      this.#values.set(key, cached);
    }
    return cached.value;
  }

  #problemsOf(texts: RegistryTexts): Problem[] {
    const problems: Problem[] = [];
    this.#judge(texts, undefined, problems);
    return problems;
  }

  async #placeFor(collection: Collection, texts: RegistryTexts, fields: Fields): Promise<FileText | Refusal> {
    const append = (file: FileText, list: string): FileText => {
      const path = [list, this.#placedIn(texts, collection).length];
      return { ...file, text: editYaml(file.text, [{ path, value: fields }]) };
    };
    if (collection === 'accounts') {
      if (texts.accounts !== undefined) return append(texts.accounts, 'infrastructure_accounts');
      return { kind: 'exists', message: 'the file of accounts cannot be read, so nothing can be added to it' };
    }
    const place = clustersPlace(this.#options);
    const single = texts.clusters.find((file) => file.path === place);
    if (single !== undefined) return append(single, 'clusters');
    const name = `${String(fields['alias']).replace(/[^a-z0-9-]/gi, '_')}.yaml`;
    const path = join(place, name);
    const taken = await stat(path).then(
      () => true,
      () => false,
    );
    if (taken) return { kind: 'exists', message: `there is a file ${name} already` };
    return { file: name, path, text: editYaml('', [{ path: [], value: fields }]) };
  }

  async #entry(collection: Collection, own: Fields): Promise<Entry> {
    const status = collection === 'clusters' ? { status: await this.#status(String(own['id'])) } : {};
    const fields = { ...own, ...status };
    const digest = createHash('sha256').update(JSON.stringify(fields)).digest('hex').slice(0, 32);
    return { fields, etag: `"${digest}"` };
  }

  async #status(id: string): Promise<Fields> {
    try {
      return JSON.parse(await readFile(this.#statusPath(id), 'utf8')) as Fields;
    } catch (error) {
      // A file that was cut short by a crash of the machine counts as none: clm tells it again.
      if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw error;
    }
  }

  #statusPath(id: string): string {
    return join(this.#options.statusDirectory, `${encodeURIComponent(id)}.json`);
  }

  /** One change at a time: what one has checked, no other changes before it is written. */
  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function listIn(file: FileText, value: unknown, key: string): Placed[] {
  const items = isFields(value) ? value[key] : undefined;
  if (!Array.isArray(items)) return [];
  return items.flatMap((fields: unknown, i) => (isFields(fields) ? [{ file, path: [key, i], fields }] : []));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withFile(texts: RegistryTexts, collection: Collection, target: FileText): RegistryTexts {
  if (collection === 'accounts') return { ...texts, accounts: target };
  const others = texts.clusters.filter((file) => file.path !== target.path);
  return { ...texts, clusters: [...others, target].sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** Whole or not at all: a reader never sees half of it. */
async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = join(dirname(path), `.${randomBytes(6).toString('hex')}.draft`);
  try {
    await writeFile(draft, text, { flush: true });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
