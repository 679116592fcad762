import type { GoValue } from './value.ts';

/**
 * Is told what an execution takes from its data. A template is a pure function of that: with the same answers to the same
 * questions it gives the same text.
 */
export interface ReadObserver {
  /** A field of a struct or an entry of a map was asked for; `value` is undefined when there is none. */
  field: (receiver: GoValue, name: string, value: GoValue | undefined) => void;
  /** Everything in the value may have been looked at. */
  whole: (value: GoValue) => void;
  /** A secret has been among what was read: messages of this execution must not repeat values. */
  readonly sawSecret: boolean;
}
