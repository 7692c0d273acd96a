import type { AttributeList } from '../../otlp/attribute-list.ts';
import { VERSION } from '../../core/version.ts';
import type { LabelFilter } from './label-filter.ts';
import { isLabelText, labelBytes, putLabel, renameLabel } from './label-text.ts';
import type { Operation } from './operation-config.ts';
import type { ValueChange } from './value-change.ts';

/** A data point on its way through the operations. Used again for the next. */
export interface PointDraft {
  readonly labels: AttributeList;
  /** What becomes of its values, one after another. */
  readonly values: ValueChange[];
}

/** Changes a data point; false lets it go. */
export type PointEdit = (point: PointDraft) => boolean;

/** What an operation does with each point by itself: with aggregate_label_values, before points are put together. */
export function pointEdit(operation: Operation, filter: LabelFilter | undefined): PointEdit | undefined {
  switch (operation.action) {
    case 'add_label':
      return addLabel(operation);
    case 'update_label':
      return whereMatched(updateLabel(operation), filter);
    case 'delete_label_value':
      return deleteLabelValue(operation);
    case 'toggle_scalar_data_type':
      return whereMatched(changeValue('toggle'), filter);
    case 'experimental_scale_value':
      return whereMatched(changeValue(operation.experimental_scale ?? 1), filter);
    case 'aggregate_label_values': {
      const { label = '', aggregated_values: values = [], new_value: to = '' } = operation;
      return renameValues(label, new Map(values.map((value) => [value, withVersion(to)])));
    }
    case 'aggregate_labels':
      return undefined;
  }
}

/** Keeps only the points that the filter means. */
export function keepMatched(filter: LabelFilter): PointEdit {
  return ({ labels }) => filter(labels);
}

export function dropMatched(filter: LabelFilter): PointEdit {
  return ({ labels }) => !filter(labels);
}

/** Sets labels, whether or not they are there. */
export function putLabels(pairs: readonly (readonly [label: string, value: string])[]): PointEdit {
  const entries = pairs.map(([label, value]) => [Buffer.from(label), labelBytes(label, value)] as const);
  return ({ labels }) => {
    for (const [key, entry] of entries) putLabel(labels, key, entry);
    return true;
  };
}

function whereMatched(edit: PointEdit, filter: LabelFilter | undefined): PointEdit {
  return filter === undefined ? edit : (point) => !filter(point.labels) || edit(point);
}

function addLabel({ new_label: label = '', new_value: value = '' }: Operation): PointEdit {
  const key = Buffer.from(label);
  const entry = labelBytes(label, withVersion(value));
  return ({ labels }) => {
    if (labels.find(key) < 0) labels.append(entry);
    return true;
  };
}

function updateLabel({ label = '', new_label: newLabel = '', value_actions: actions }: Operation): PointEdit {
  const values = new Map(actions.map(({ value, new_value: to }) => [value, withVersion(to)]));
  if (newLabel === '') return renameValues(label, values);
  const [key, newKey] = [Buffer.from(label), Buffer.from(newLabel)];
  const changeValues = renameValues(newLabel, values);
  return (point) => {
    const { labels } = point;
    const at = labels.find(key);
    if (at < 0) return true;
    for (let taken = labels.find(newKey); taken >= 0; taken = labels.find(newKey)) labels.remove(taken);
    renameLabel(labels, at, newLabel);
    return changeValues(point);
  };
}

function renameValues(label: string, values: ReadonlyMap<string, string>): PointEdit {
  const key = Buffer.from(label);
  const entries = Array.from(values, ([from, to]) => ({ from: Buffer.from(from), entry: labelBytes(label, to) }));
  return ({ labels }) => {
    const at = labels.find(key);
    const found = at < 0 ? undefined : entries.find(({ from }) => isLabelText(labels, at, from));
    if (found !== undefined) labels.set(at, found.entry);
    return true;
  };
}

function deleteLabelValue({ label = '', label_value: value = '' }: Operation): PointEdit {
  const key = Buffer.from(label);
  const expected = Buffer.from(value);
  return ({ labels }) => {
    const at = labels.find(key);
    return at < 0 || !isLabelText(labels, at, expected);
  };
}

function changeValue(change: ValueChange): PointEdit {
  return ({ values }) => {
    values.push(change);
    return true;
  };
}

/** The placeholder of the Collector. */
function withVersion(text: string): string {
  return text.replaceAll('{{version}}', VERSION);
}
