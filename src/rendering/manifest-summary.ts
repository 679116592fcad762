import type { KubeObject } from '../domain/kube-object.ts';
import { BoundedCache } from '../support/bounded-cache.ts';
import { digestText } from '../support/digest.ts';
import { parseManifests, type TextProblem } from './manifest-documents.ts';
import type { Noted, RepeatedKey } from './repeated-keys.ts';
import { referencedOutputs } from './stack-outputs.ts';

/** What is kept of a rendered manifest: that it is well-formed, and what tells it from others. */
export interface ManifestSummary extends Noted {
  /** Digest of the text, as `manifestHash` gives it. */
  text: string;
  /** Digest of the objects; '' when there are none. */
  objects: string;
  /** It refers to outputs of the cluster stack. */
  refers: boolean;
}

/** A summary, and what is to be said of the text. */
export interface SummarisedText extends ManifestSummary {
  repeated: readonly RepeatedKey[];
}

export type SummaryResult = { ok: true; summary: SummarisedText } | { ok: false; problems: readonly TextProblem[] };

/** By digest of the text, over all clusters and commits: text that was read once is not read again. */
const summaries = new BoundedCache<string, SummarisedText>({ maxEntries: 60_000 });

/** Objects of texts that were wanted lately. */
const objectsOf = new BoundedCache<string, readonly KubeObject[]>({ maxEntries: 4_000, maxWeight: 8 * 1024 * 1024 });

export function summariseManifest(text: string): SummaryResult {
  const digest = digestText(text);
  const known = summaries.get(digest);
  if (known !== undefined) return { ok: true, summary: known };
  const parsed = parseManifests(text);
  if (!parsed.ok) return parsed;
  const objects = parsed.objects.length === 0 ? '' : parsed.digest;
  const { repeated } = parsed;
  const summary: SummarisedText = { text: digest, objects, refers: referencedOutputs(text).length > 0, repeated };
  summaries.set(digest, summary);
  return { ok: true, summary };
}

/** The objects of a text that has been summarised. They are frozen: clusters share them. */
export function manifestObjects(text: string): readonly KubeObject[] {
  const digest = digestText(text);
  const known = objectsOf.get(digest);
  if (known !== undefined) return known;
  const parsed = parseManifests(text);
  if (!parsed.ok) throw new Error('a manifest that was well-formed is so no more');
  objectsOf.set(digest, parsed.objects, text.length);
  return parsed.objects;
}
