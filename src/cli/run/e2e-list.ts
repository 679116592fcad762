/** `clm e2e list` */
import type { CheckDefinition } from '../../checks/contract.ts';
import { catalogue, profiles } from '../../checks/profiles.ts';
import { checksInNoProfile } from '../../checks/selection.ts';
import { capabilities } from '../../checks/settings.ts';
import { formatDuration } from '../../support/duration.ts';
import type { CommandContext, OutputFormat } from '../command.ts';
import { badInput } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import { renderTable } from '../view/table.ts';

export async function runE2eList(
  options: { profile?: string; capabilities?: boolean; output: OutputFormat },
  { io }: CommandContext,
): Promise<void> {
  if (options.capabilities) {
    const used = capabilities.map((name) => ({
      name,
      checks: catalogue.filter((check) => check.requires.includes(name)).map((check) => check.id),
    }));
    await printDocument(io, options.output, { capabilities: used }, (wide) =>
      renderTable(
        used,
        [
          { title: 'CAPABILITY', value: (one) => one.name },
          { title: 'CHECKS THAT NEED IT', value: (one) => one.checks.join(', '), shrinks: true },
        ],
        { columns: tableColumns(io), wide, colors: colorsOf(io) },
      ),
    );
    return;
  }
  const shown = options.profile === undefined ? catalogue : profiles[options.profile];
  if (shown === undefined) {
    throw badInput(`there is no profile '${options.profile ?? ''}'; profiles are ${Object.keys(profiles).join(', ')}`);
  }
  const checks = shown.map((check) => describe(check));
  const inNoProfile = checksInNoProfile(catalogue, profiles);
  await printDocument(io, options.output, { checks, inNoProfile }, (wide) => [
    ...renderTable(
      checks,
      [
        { title: 'CHECK', value: (check) => check.id },
        { title: 'PROFILES', value: (check) => check.profiles.join(', ') || '-' },
        { title: 'NEEDS', value: (check) => check.needs.join(', ') || '-' },
        { title: 'GATE', value: (check) => check.gate, wide: true },
        { title: 'LIMIT', value: (check) => formatDuration(check.limitSeconds * 1000), wide: true },
        { title: 'ALONE', value: (check) => (check.serial ? 'yes' : ''), wide: true },
        { title: 'DISRUPTIVE', value: (check) => (check.disruptive ? 'yes' : ''), wide: true },
        { title: 'WHAT IT PROVES', value: (check) => check.title, shrinks: true },
      ],
      { columns: tableColumns(io), wide, colors: colorsOf(io) },
    ),
    ...(inNoProfile.length === 0 ? [] : ['', `In no profile but full: ${inNoProfile.join(', ')}`]),
  ]);
}

function describe(check: CheckDefinition) {
  const needs: string[] = [...check.requires];
  if (check.minNodes > 0) needs.push(check.minNodes === 1 ? '1 node' : `${check.minNodes} nodes`);
  if (check.minZones > 0) needs.push(`${check.minZones} zones`);
  if (check.providers !== 'any') needs.push(check.providers.join('|'));
  return {
    id: check.id,
    title: check.title,
    area: check.area,
    gate: check.gate,
    serial: check.serial,
    disruptive: check.disruptive,
    cost: check.cost,
    dependsOn: check.dependsOn,
    needs,
    limitSeconds: check.timeouts.runMs / 1000,
    profiles: Object.entries(profiles)
      .filter(([, checks]) => checks.includes(check))
      .map(([name]) => name),
  };
}
