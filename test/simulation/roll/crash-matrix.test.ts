import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mutations, reads } from '../../support/crashing-ports.ts';
import { type CrashScenario, type Killed, killAll } from '../../support/roll-crash-matrix.ts';
import {
  aborted,
  badCanary,
  byDesired,
  canary,
  forced,
  interrupted,
  plain,
  planes,
  rolledBack,
  rolledBackLate,
  volumes,
} from './crash-scenarios.ts';

/** Every change that the sources of the steps make, by name. */
function changesOfSteps(): string[] {
  const folder = new URL('../../../src/steps/roll/', import.meta.url);
  const called = new Set<string>();
  for (const file of readdirSync(folder)) {
    const source = readFileSync(new URL(file, folder), 'utf8');
    for (const [, name = ''] of source.matchAll(/\b(?:cloud|kube)\s*\.(\w+)\(/g)) called.add(name);
  }
  expect([...called].filter((name) => !mutations.has(name) && !reads.has(name))).toEqual([]);
  return [...called].filter((name) => mutations.has(name)).sort();
}

describe('the crash matrix of a roll', () => {
  /** Of all scenarios: `before evict`, … */
  const places = new Set<string>();

  async function kills(scenario: CrashScenario): Promise<Killed> {
    const killed = await killAll(scenario);
    for (const place of killed.places) places.add(place);
    return killed;
  }

  it('ends like the crash-free roll when it is killed before or after any commit or change of the world', async () => {
    expect((await kills(plain)).kills).toBeGreaterThan(60);
  });

  it('does so with launches by desired and load balancers, before and after every change', async () => {
    expect((await kills(byDesired)).kills).toBeGreaterThan(10);
  });

  it('does so with a pod that an operator lets be deleted, and the word about it', async () => {
    expect((await kills(forced)).kills).toBeGreaterThanOrEqual(4);
  });

  it('does so when it is rolled back half-way', async () => {
    expect((await kills(rolledBack)).kills).toBeGreaterThan(10);
  });

  it('does so when it is rolled back after the first old node has gone', async () => {
    expect((await kills(rolledBackLate)).kills).toBeGreaterThan(10);
  });

  it('does so when it is aborted in the middle of a drain', async () => {
    expect((await kills(aborted)).kills).toBeGreaterThan(10);
  });

  it('does so with a canary: one new node comes first, and no node twice', async () => {
    const { kills: killed, end } = await kills(canary);
    expect(killed).toBeGreaterThan(10);
    expect(end).toMatchObject({ also: { launched: 2, unproven: 1 } });
  });

  it('does so with a canary that never boots: as many are tried as may be, and no old node is touched', async () => {
    const { kills: killed, end } = await kills(badCanary);
    expect(killed).toBeGreaterThan(10);
    expect(end).toMatchObject({ also: { launched: 2, touched: 0 } });
  });

  it('does so when spot nodes, an old one and a new one, are taken away in the middle of a drain', async () => {
    const { kills: killed, end } = await kills(interrupted);
    expect(killed).toBeGreaterThan(10);
    expect(end).toMatchObject({ also: 2 });
  });

  it('does so with volumes, whose zones have a new node at the end as they had an old one', async () => {
    const { kills: killed, end } = await kills(volumes);
    expect(killed).toBeGreaterThan(10);
    expect(end).toMatchObject({ also: ['eu-central-1a', 'eu-central-1b'] });
  });

  it('does so with a control plane, whose nodes leave both of their load balancers before they are drained', async () => {
    const { kills: killed, places: where } = await kills(planes);
    expect(killed).toBeGreaterThan(10);
    expect([...where]).toContain('after deregister');
  });

  it('kills before and after every change that the sources of the steps can make', () => {
    const changes = changesOfSteps();
    for (const name of ['launchInstances', 'terminateInstance', 'evict', 'patch']) expect(changes).toContain(name);
    const killed = new Set([...places].map((place) => place.split(' ')[1] ?? '').filter((name) => mutations.has(name)));
    expect([...killed].sort()).toEqual(changes);
    for (const name of [...changes, 'commit']) {
      expect([...places]).toContain(`before ${name}`);
      expect([...places]).toContain(`after ${name}`);
    }
  });
});
