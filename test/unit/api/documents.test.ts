import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { apiDocuments } from '../../../scripts/generate-api-documents.ts';

const root = path.resolve(import.meta.dirname, '../../..');

describe('generated documents', () => {
  for (const [file, text] of apiDocuments()) {
    it(`${file} is as the source says (npx tsx scripts/generate-api-documents.ts writes it)`, () => {
      expect(JSON.parse(readFileSync(path.join(root, file), 'utf8'))).toEqual(JSON.parse(text));
    });
  }

  it('name every field of the status document that a script may rely on', () => {
    const schema = JSON.parse(apiDocuments().get('registry/schemas/status.schema.json') ?? '{}') as {
      properties: object;
      required: string[];
    };
    expect(schema.required).toEqual(
      expect.arrayContaining(['apiVersion', 'at', 'asOfSeq', 'fleet', 'channels', 'clusters', 'problems']),
    );
  });
});
