/** What is wrong with waves, and with the dimensions by which clusters are told apart. */
import { nearMatches } from '../../domain/near-matches.ts';
import { plainDimensions } from '../../domain/pipeline.ts';
import type { Problem } from '../../domain/problem.ts';
import { problemAt, type YamlPlaces } from '../yaml-document.ts';
import type { PipelineDocument } from './pipeline-schema.ts';

/** Waves that leave clusters out would make a version proven that not every cluster runs. */
export function waveProblems(document: PipelineDocument, places: YamlPlaces): Problem[] {
  const problems: Problem[] = [];
  document.channels.forEach((channel, i) => {
    const waves = channel.waves ?? [];
    const names = new Set<string>();
    waves.forEach((wave, j) => {
      const path = ['channels', i, 'waves', j];
      if (names.has(wave.name))
        problems.push(
          problemAt(places, [...path, 'name'], `wave ${wave.name} is listed twice`, 'give each wave its own name'),
        );
      names.add(wave.name);
      const chooses = wave.clusters !== undefined || wave.match !== undefined || wave.coverage !== undefined;
      if (wave.size === undefined && !chooses) {
        const message = `wave ${wave.name} does not say which clusters it takes`;
        problems.push(problemAt(places, path, message, 'write size, clusters, match or coverage'));
        return;
      }
      for (const gate of wave.gatesBefore ?? []) {
        const gates = (channel.gates ?? []).map((one) => one.name);
        if (gates.includes(gate)) continue;
        const near = nearMatches(gate, gates)[0];
        const remedy =
          near === undefined
            ? `add it to the channel's gates: ${gates.join(', ') || 'there is none'}`
            : `write ${near}`;
        problems.push(
          problemAt(places, [...path, 'gatesBefore'], `channel ${channel.name} has no gate ${gate}`, remedy),
        );
      }
      if (wave.size === '100%' && !chooses && j < waves.length - 1) {
        const message = `wave ${wave.name} takes all clusters, so that the waves behind it have none`;
        problems.push(problemAt(places, [...path, 'size'], message, 'make it smaller, or make it the last'));
      }
      if ((wave.size !== '100%' || chooses) && j === waves.length - 1) {
        const message = `the last wave of channel ${channel.name} leaves clusters out`;
        problems.push(
          problemAt(
            places,
            [...path, wave.size === undefined ? 'name' : 'size'],
            message,
            'write 100%, or add a wave of 100% behind it',
          ),
        );
      }
    });
  });
  return problems;
}

/** Every dimension that the file names must be one that clusters have. */
export function dimensionProblems(document: PipelineDocument, places: YamlPlaces): Problem[] {
  const problems: Problem[] = [];
  const check = (dimension: string, path: PropertyKey[]): void => {
    for (const factor of dimension.split(' x ').map((one) => one.trim())) {
      if (/^configItems\..+$/.test(factor) || (plainDimensions as readonly string[]).includes(factor)) continue;
      const near = nearMatches(factor, plainDimensions)[0];
      const remedy =
        near === undefined ? `write one of: ${plainDimensions.join(', ')}, configItems.<name>` : `write ${near}`;
      problems.push(problemAt(places, path, `${JSON.stringify(factor)} is nothing that clusters differ in`, remedy));
    }
  };
  document.channels.forEach((channel, i) => {
    (channel.siblings ?? []).forEach((dimension, j) => {
      check(dimension, ['channels', i, 'siblings', j]);
    });
    (channel.waves ?? []).forEach((wave, j) => {
      const path = ['channels', i, 'waves', j];
      (wave.coverage ?? []).forEach((dimension, k) => {
        check(dimension, [...path, 'coverage', k]);
      });
      for (const dimension of Object.keys(wave.match ?? {})) check(dimension, [...path, 'match', dimension]);
    });
  });
  return problems;
}
