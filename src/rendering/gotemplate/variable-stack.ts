import type { GoValue } from './value.ts';

/** The variables of one template, innermost last; `$` is what the template was called with. */
export class VariableStack {
  readonly #variables: { name: string; value: GoValue }[];

  constructor(data: GoValue) {
    this.#variables = [{ name: '$', value: data }];
  }

  /** How many there are now; `release(depth)` forgets those declared later. */
  get depth(): number {
    return this.#variables.length;
  }

  release(depth: number): void {
    this.#variables.length = depth;
  }

  declare(name: string, value: GoValue): void {
    this.#variables.push({ name, value });
  }

  /** false when there is no such variable. */
  assign(name: string, value: GoValue): boolean {
    const variable = this.#variables.findLast((candidate) => candidate.name === name);
    if (variable === undefined) return false;
    variable.value = value;
    return true;
  }

  lookUp(name: string): GoValue | undefined {
    return this.#variables.findLast((candidate) => candidate.name === name)?.value;
  }
}
