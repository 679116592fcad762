/** Templates are input: what one execution may use. */
export interface TemplateLimits {
  /** Characters of output, and of any one value that a function makes. */
  maxOutput: number;
  /** Statements and operands evaluated. */
  maxSteps: number;
  /** Templates that call templates. */
  maxDepth: number;
}

export const defaultTemplateLimits: TemplateLimits = { maxOutput: 4 * 1024 * 1024, maxSteps: 1_000_000, maxDepth: 100 };

/** Called for every piece of output with the source offset that it comes from; `literal` when it is text of the template. */
export type OutputTrace = (outputOffset: number, sourceOffset: number, literal: boolean) => void;
