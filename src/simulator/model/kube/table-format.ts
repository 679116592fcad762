import { partialMetadata } from './api-request.ts';
import { type Fields, isFields, type SimObject, shownText } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { age, ageColumn, type Column, columnsByKind, nameColumn } from './table-columns.ts';
import { clusterColumnsByKind } from './table-columns-cluster.ts';

function at(object: unknown, path: string): unknown {
  let value: unknown = object;
  for (const step of path.replace(/^\./, '').split('.'))
    value = isFields(value) ? value[step.replace(/\[.*$/, '')] : undefined;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}

function columnsOf(definition: ResourceDefinition): Column[] {
  const own = definition.custom?.printerColumns ?? [];
  if (own.length > 0) {
    const columns = own.map(
      (column): Column => ({
        name: shownText(column['name']),
        type: shownText(column['type'] ?? 'string'),
        wide: Number(column['priority'] ?? 0) > 0,
        cell: (object, now) => {
          const value = at(object, shownText(column['jsonPath']));
          return column['type'] === 'date' && typeof value === 'string' ? age(value, now) : (value ?? '');
        },
      }),
    );
    return [nameColumn, ...columns];
  }
  if (definition.custom) return [nameColumn, ageColumn];
  return columnsByKind[definition.kind] ?? clusterColumnsByKind[definition.kind] ?? [nameColumn, ageColumn];
}

/** Objects as the rows of a `Table`, as `kubectl get` prints them. */
export function tableOf(
  definition: ResourceDefinition,
  items: readonly SimObject[],
  include: string,
  revision: string,
  now: number,
): Fields {
  const columns = columnsOf(definition);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: revision },
    columnDefinitions: columns.map(({ name, type, wide }) => ({
      name,
      type: type ?? 'string',
      format: name === 'Name' ? 'name' : '',
      description: name,
      priority: wide ? 1 : 0,
    })),
    rows: items.map((object) => ({
      cells: columns.map((column) => column.cell(object, now)),
      ...(include === 'None' ? {} : { object: include === 'Object' ? object : partialMetadata(object) }),
    })),
  };
}
