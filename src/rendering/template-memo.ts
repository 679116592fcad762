import { hash } from 'node:crypto';
import { BoundedCache } from '../support/bounded-cache.ts';
import type { TemplateFile } from './template-file.ts';
import type { RecordedReads, TemplateInputs } from './template-inputs.ts';

/** Executions that asked the same questions, by the answers that they got. */
interface Shape<Result> {
  questions: readonly string[];
  results: Map<string, Result>;
}

/** Ways through one template that are kept; which of them is taken depends on the data. */
const keptShapes = 24;
/** Results of one way through a template. */
const keptResults = 10_000;
const longestKey = 96;

/**
 * What templates gave for what they read: a template that would read the same again is not executed again, whichever cluster
 * and commit it is for. Bounded in results; small results belong here, not texts.
 */
export class TemplateMemo<Result> {
  readonly #templates: BoundedCache<string, Shape<Result>[]>;

  constructor(limits: { maxTemplates: number; maxResults: number }) {
    this.#templates = new BoundedCache({ maxEntries: limits.maxTemplates, maxWeight: limits.maxResults });
  }

  find(file: TemplateFile, inputs: TemplateInputs): Result | undefined {
    const shapes = this.#templates.get(file.key);
    if (shapes === undefined) return undefined;
    for (const shape of shapes) {
      const found = shape.results.get(answersTo(shape.questions, inputs));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  keep(file: TemplateFile, inputs: TemplateInputs, reads: RecordedReads, result: Result): void {
    const { questions } = reads;
    const shapes = this.#templates.get(file.key) ?? [];
    let shape = shapes.find((one) => sameQuestions(one.questions, questions));
    if (shape === undefined) {
      shape = { questions, results: new Map() };
      shapes.unshift(shape);
      if (shapes.length > keptShapes) shapes.pop();
    }
    // a template that reads something new each time is not worth remembering
    if (shape.results.size >= keptResults) shape.results.clear();
    shape.results.set(answersTo(shape.questions, inputs), result);
    const weight = shapes.reduce((sum, one) => sum + one.results.size, 0);
    this.#templates.set(file.key, shapes, weight);
  }
}

function sameQuestions(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((question, i) => question === b[i]);
}

function answersTo(questions: readonly string[], inputs: TemplateInputs): string {
  let key = '';
  // each answer says how long it is, so that no two lists of answers read the same
  for (const question of questions) {
    const answer = inputs.answer(question);
    key += `${answer.length}${answer}`;
  }
  return key.length <= longestKey ? key : hash('sha256', key, 'base64url');
}
