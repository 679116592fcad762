import { posix } from 'node:path';
import { LookupNeeded } from '../domain/lookups.ts';
import type { Problem } from '../domain/problem.ts';
import type { ConfigurationTree } from './configuration-tree.ts';
import { pureFunctions } from './functions/function-table.ts';
import { TemplateFunctionError } from './gotemplate/template-error.ts';
import { GoFunction } from './gotemplate/value.ts';
import type { TextProblem } from './manifest-documents.ts';
import type { ManifestSummary } from './manifest-summary.ts';
import { Lookups, lookupFunctions } from './recorded-lookups.ts';
import type { RenderInput } from './render-input.ts';
import type { RepeatedKey } from './repeated-keys.ts';
import { refuseReferences } from './stack-outputs.ts';
import { RenderingError, renderFile, sourceLineOf, type TemplateFile } from './template-file.ts';
import { RecordedReads, type TemplateInputs } from './template-inputs.ts';
import type { TemplateMemo } from './template-memo.ts';

/** Problems of one rendering that are kept: enough to mend a file, not enough to fill a log. */
export const maxProblems = 25;

/** Executes the templates of one commit for one cluster. */
export class TemplateRun {
  readonly lookups: Lookups;
  readonly #tree: ConfigurationTree;
  readonly #functions: Map<string, GoFunction>;
  readonly #hashOf: (file: TemplateFile) => ManifestSummary;
  #current: { file: TemplateFile; reads: RecordedReads } | undefined;
  #hashing = false;

  /** `summaryOf` renders another manifest of the same cluster. */
  constructor(tree: ConfigurationTree, input: RenderInput, summaryOf: (file: TemplateFile) => ManifestSummary) {
    this.#tree = tree;
    this.#hashOf = summaryOf;
    this.lookups = new Lookups(input.lookups, (key) => this.#current?.reads.outside(`lookup ${key}`));
    this.#functions = new Map([...pureFunctions, ...lookupFunctions(this.lookups)]);
    this.#functions.set(
      'manifestHash',
      new GoFunction(['string'], ([path]) => this.#manifestHash(this.#beside(path as string))),
    );
  }

  /** The result for a file: as it is known for what the file would read, or by executing it now. */
  evaluate<Result>(
    memo: TemplateMemo<Result>,
    file: TemplateFile,
    inputs: TemplateInputs,
    resultOf: (text: string) => Result,
  ): Result {
    const known = this.#placedErrors(() => memo.find(file, inputs));
    if (known !== undefined) return known;
    const reads = new RecordedReads(inputs);
    const text = this.#execute(file, inputs, reads);
    const result = resultOf(text);
    memo.keep(file, inputs, reads, result);
    return result;
  }

  /** The text that a file renders to. Throws RenderingError, LookupNeeded. */
  text(file: TemplateFile, inputs: TemplateInputs): string {
    return this.#execute(file, inputs, new RecordedReads(inputs));
  }

  /** Answers of what is not part of the data, for the memo: digests of other manifests, recorded look-ups. */
  outside(question: string): string {
    const [kind, ...rest] = question.split(' ');
    const name = rest.join(' ');
    return kind === 'manifest' ? this.#manifestHash(name) : this.lookups.answerToken(name);
  }

  /** Problems of a rendered text, at the line of the template that made the rendered line. */
  placed(file: TemplateFile, inputs: TemplateInputs, problems: readonly TextProblem[]): Problem[] {
    return problems.slice(0, maxProblems).map((problem) => {
      const line = this.#sourceLine(file, inputs, problem.line);
      return {
        file: file.path,
        ...(line === undefined ? {} : { line }),
        ...(problem.path === undefined ? {} : { path: problem.path }),
        message: `${problem.message} (line ${problem.line} of the rendered text)`,
        remedy: problem.remedy,
      };
    });
  }

  /** What is to be said of keys that are given twice, at the lines of the template that made them. */
  repetitions(file: TemplateFile, inputs: TemplateInputs, repeated: readonly RepeatedKey[]): Problem[] {
    return repeated.slice(0, maxProblems).map(({ key, line: last, firstLine }) => {
      const [line, first] = [last, firstLine].map((rendered) => this.#sourceLine(file, inputs, rendered));
      const where = first === undefined || first === line ? 'on the same line' : `on line ${first}`;
      return {
        file: file.path,
        ...(line === undefined ? {} : { line }),
        message: `${key} is given twice in one mapping, first ${where}: the last one counts`,
        remedy: 'take out the one that is not meant',
      };
    });
  }

  #sourceLine(file: TemplateFile, inputs: TemplateInputs, renderedLine: number): number | undefined {
    return this.#within(file, new RecordedReads(inputs), () =>
      sourceLineOf(file, inputs.root, this.#functions, renderedLine),
    );
  }

  #execute(file: TemplateFile, inputs: TemplateInputs, reads: RecordedReads): string {
    return this.#within(file, reads, () =>
      renderFile(file, inputs.root, this.#functions, { reads, refuse: refuseReferences }),
    );
  }

  #within<Result>(file: TemplateFile, reads: RecordedReads, action: () => Result): Result {
    const outer = this.#current;
    this.#current = { file, reads };
    try {
      return action();
    } finally {
      this.#current = outer;
    }
  }

  /** A question of the memo may fail like the function that it stands for: then the template is executed, and says where. */
  #placedErrors<Result>(find: () => Result | undefined): Result | undefined {
    try {
      return find();
    } catch (error) {
      if (error instanceof TemplateFunctionError || error instanceof RenderingError || error instanceof LookupNeeded)
        return undefined;
      throw error;
    }
  }

  #beside(path: string): string {
    return posix.normalize(posix.join(posix.dirname(this.#current?.file.path ?? ''), path));
  }

  /** sha256 of another rendered manifest. */
  #manifestHash(target: string): string {
    this.#current?.reads.outside(`manifest ${target}`);
    if (this.#hashing) {
      const message = 'manifestHash is not reentrant: the hashed manifest asks for a hash itself';
      throw new TemplateFunctionError(message, { isPublic: true });
    }
    const file = this.#tree.files.get(target);
    if (file === undefined || !this.#tree.manifests.has(target))
      throw new TemplateFunctionError(`there is no manifest ${target}`, { isPublic: true });
    this.#hashing = true;
    try {
      return this.#hashOf(file).text;
    } finally {
      this.#hashing = false;
    }
  }
}
