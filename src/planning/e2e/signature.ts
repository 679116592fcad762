import { createHash } from 'node:crypto';

/** As much of a message as history keeps: what is exported and imported again keeps its signature. */
export const longestMessage = 256;

/** What varies between two occurrences of one failure, first match first. */
const masks: [RegExp, string][] = [
  [/clm-e2e-[0-9a-f]{8}[a-z0-9-]*/g, '<ns>'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '<uuid>'],
  [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z?/g, '<time>'],
  [/\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b/g, '<ip>'],
  [/\bip-\d+-\d+-\d+-\d+(?:\.[a-z0-9.-]+)?/g, '<node>'],
  [/\b(?:i|vol|eni|sg|ami)-[0-9a-f]{8,17}\b/g, '<cloud id>'],
  // Suffixes that controllers give: deployment-<hash>-<random>, daemonset-<random>.
  [/\b([a-z][a-z0-9-]*?)-[a-f0-9]{8,10}-[a-z0-9]{5}\b/g, '$1-<pod>'],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  [/\b[0-9a-f]{12,}\b/g, '<hex>'],
  [/\d+(?:\.\d+)?/g, '<n>'],
];

/** The message with everything masked that differs from one occurrence to the next. */
export function normalisedMessage(message: string): string {
  let text = message.slice(0, longestMessage);
  for (const [pattern, mask] of masks) text = text.replace(pattern, mask);
  return text.replace(/\s+/g, ' ').trim();
}

/** Failures that say the same share it: twelve hex digits of the normalised message and the test. */
export function failureSignature(test: string, message: string): string {
  return createHash('sha256')
    .update(`${test}\n${normalisedMessage(message)}`)
    .digest('hex')
    .slice(0, 12);
}
