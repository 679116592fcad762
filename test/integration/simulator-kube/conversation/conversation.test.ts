import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { machinery } from './machinery.ts';
import { objects } from './objects.ts';
import { scheduling } from './scheduling.ts';
import { Speaker } from './speaker.ts';
import type { Area } from './step.ts';
import { storageAndServices } from './storage-and-services.ts';
import { workloads } from './workloads.ts';

const areas: readonly Area[] = [...machinery, ...objects, ...workloads, ...scheduling, ...storageAndServices];

describe.each(areas)('a conversation about $name', ({ steps }) => {
  let speaker: Speaker;

  beforeAll(async () => {
    speaker = await Speaker.start();
  });

  afterAll(() => speaker.stop());

  it.each(steps.map((step) => [step.id, step] as const))('%s', async (_, step) => {
    await speaker.play(step);
  });
});

it('has a hundred steps and more, each with a name and a source of its own', () => {
  const steps = areas.flatMap((area) => area.steps);
  expect(steps.length).toBeGreaterThanOrEqual(100);
  expect(new Set(steps.map((step) => step.id)).size).toBe(steps.length);
  expect(steps.filter((step) => step.source === '')).toEqual([]);
  // A step that asks for nothing but its status asks for a refusal or for a write that a later step sees.
  expect(steps.filter((step) => (step.method ?? 'GET') === 'GET' && !step.status && !step.expect && !step.at)).toEqual(
    [],
  );
});
