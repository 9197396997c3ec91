// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// Rows -> frames -> formulas, as tools/datadog/query.py and frames.py do it, and the rows that widgets show.
//
// A frame is {by, interval, count, lines}; lines has {group, values} by the group's key: one value or null a bucket.

export const NOT_AVAILABLE = 'n/a';
export const sum = (values) => values.reduce((a, b) => a + b, 0);
const mean = (values) => sum(values) / values.length;
export const max = (values) => values.reduce((a, b) => Math.max(a, b));
export const min = (values) => values.reduce((a, b) => Math.min(a, b));
const REDUCERS = { avg: mean, count: (values) => values.length, last: (values) => values.at(-1), max, mean, min, sum };

const OPERATORS = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0 ? null : a / b),
};

const FUNCTIONS = {
  default_zero(frame) {
    const nothing = new Map([['', { group: [], values: Array(frame.count).fill(null) }]]);
    const lines = frame.by.length || frame.lines.size ? frame.lines : nothing;
    return mapped({ ...frame, lines }, (values) => values.map((value) => value ?? 0));
  },
  top(frame, limit, method = 'mean', order = 'desc') {
    // Of equals, the one that is named later counts as more, as in frames.py.
    const sizes = new Map([...frame.lines].map(([key, { values }]) => [key, reduced(values, method)]));
    const lines = [...frame.lines].sort(([a], [b]) => sizes.get(a) - sizes.get(b) || (a < b ? -1 : 1));
    return { ...frame, lines: new Map((order === 'desc' ? lines.reverse() : lines).slice(0, limit)) };
  },
};

export const isPresent = (value) => value !== null;
export const reduced = (values, method) => REDUCERS[method](values.filter(isPresent));
const each = (frame, change) =>
  mapped(frame, (values) => values.map((value) => (value === null ? null : change(value))));

function mapped(frame, change) {
  const lines = [...frame.lines].map(([key, { group, values }]) => [key, { group, values: change(values) }]);
  return { ...frame, lines: new Map(lines.filter(([, { values }]) => values.some(isPresent))) };
}

// `tags` are what was chosen of the template variables: [key, value] by name; `groups` the tags of those to group by.
function queried(data, query, tags, groups) {
  const { keys, rows, interval } = data.blocks[query.block];
  const [first, last] = query.window;
  const wanted = query.filters.map((name) => tags[name]).filter(Boolean);
  const conditions = wanted.map(([key, value]) => [keys.indexOf(key), value]);
  const by = query.by.map((key) => (key.startsWith('$') ? groups[key.slice(1)] : key));
  const columns = by.map((key) => keys.indexOf(key));
  const lines = new Map();
  for (const [indices, at, values] of rows) {
    const tag = (column) => data.tags[indices[column]];
    if (!conditions.every(([column, value]) => tag(column) === value)) continue;
    const group = columns.map((column) => tag(column) ?? NOT_AVAILABLE);
    const key = group.join('\0');
    if (!lines.has(key)) lines.set(key, { group, values: Array(last - first).fill(null) });
    const buckets = lines.get(key).values;
    values.forEach((value, i) => {
      const bucket = at + i - first;
      if (value !== null && bucket in buckets) (buckets[bucket] ??= []).push(value);
    });
  }
  const overSpace = (buckets) => buckets.map((values) => values && REDUCERS[query.space](values));
  const frame = mapped({ by, interval, count: last - first, lines }, overSpace);
  if (!query.reduce) return frame;
  return { ...mapped(frame, (values) => [reduced(values, query.reduce)]), count: 1, interval: 1 };
}

// Pointwise, where both have a value; a frame without groups goes with each group of the other.
function combined(combine, left, right) {
  const [isLeft, isRight] = [left, right].map((side) => typeof side === 'number');
  if (isLeft) return isRight ? combine(left, right) : each(right, (value) => combine(left, value));
  if (isRight) return each(left, (value) => combine(value, right));
  if (left.interval !== right.interval) throw new Error(`intervals of ${left.interval} and ${right.interval} s`);
  const { by, lines: groups } = left.by.length ? left : right;
  const lines = new Map();
  for (const [key, { group }] of groups) {
    const [one, other] = [left, right].map((side) => side.lines.get(side.by.length ? key : '')?.values);
    if (!one || !other) continue;
    const isBoth = (i) => one[i] !== null && other[i] !== null;
    lines.set(key, { group, values: one.map((value, i) => (isBoth(i) ? combine(value, other[i]) : null)) });
  }
  return mapped({ ...left, by, lines }, (values) => values);
}

function computed(tree, queries) {
  if (typeof tree === 'number') return tree;
  if (typeof tree === 'string') return queries[tree];
  const [name, first, ...rest] = tree;
  if (name in OPERATORS) return combined(OPERATORS[name], computed(first, queries), computed(rest[0], queries));
  return FUNCTIONS[name](computed(first, queries), ...rest);
}

export function tagsOf(dashboard, chosen) {
  const isChosen = ({ name, type }) => type !== 'group' && chosen[name] && chosen[name] !== '*';
  const variables = dashboard.template_variables.filter(isChosen);
  return Object.fromEntries(variables.map(({ name, prefix }) => {
    const [key, ...value] = (prefix ? `${prefix}:${chosen[name]}` : chosen[name]).split(':');
    return [name, [key, value.join(':').toLowerCase()]];
  }));
}

// The tags to group by, chosen or not, by the names of their template variables.
const groupsOf = (dashboard, chosen) => Object.fromEntries(dashboard.template_variables
  .filter(({ type }) => type === 'group')
  .map(({ name, available_values: tags, defaults: [tag] }) => [name, tags.includes(chosen[name]) ? chosen[name] : tag]));

// What is chosen of the template variables, and the default of each other one.
const orDefault = ({ template_variables: variables }, chosen) =>
  ({ ...Object.fromEntries(variables.map(({ name, defaults: [value] }) => [name, value])), ...chosen });

// What each formula of a widget answers; `overTime` leaves out the reduction of scalars.
export function answers(data, dashboard, widget, chosen, overTime = false) {
  const [tags, groups] = [tagsOf(dashboard, orDefault(dashboard, chosen)), groupsOf(dashboard, chosen)];
  return (widget.requests ?? []).flatMap(({ queries: asked, formulas }, index) => {
    const queries = Object.fromEntries(asked.map((query) =>
      [query.name, queried(data, overTime ? { ...query, reduce: null } : query, tags, groups)]));
    return formulas.map((formula) => ({
      formula,
      request: widget.definition.requests[index],
      frame: computed(formula.tree, queries),
      previous: formula.previous && computed(formula.previous, queries),
    }));
  });
}

// The items that match what was chosen of the variables of these names.
export const filtered = (items, tags, names) => items.filter((item) => names.every((name) =>
  !tags[name] || String(item.tags[tags[name][0]] ?? '').toLowerCase() === tags[name][1]));

// What has no value comes last.
export function sorted(rows, valueOf, order = 'desc') {
  const compared = (a, b) => (typeof a === 'string' ? a.localeCompare(b) : a - b);
  return [...rows].sort((a, b) => {
    const [one, other] = [valueOf(a), valueOf(b)];
    if (one === null || other === null) return (one === null) - (other === null);
    return order === 'asc' ? compared(one, other) : compared(other, one);
  });
}

// One row for each group, with a value of each formula.
export function rowsOf(answers, { count = Infinity, order_by: orders = [] } = {}) {
  const rows = new Map();
  answers.forEach(({ frame }, i) => frame.lines.forEach(({ group, values }, key) => {
    const tags = Object.fromEntries(frame.by.map((name, j) => [name, group[j]]));
    if (!rows.has(key)) rows.set(key, { group, tags, name: group.join(', '), values: answers.map(() => null) });
    rows.get(key).values[i] = values[0];
  }));
  const valueOf = (index = 0) => ({ values }) => values[index];
  // By the last key first, as sorting keeps the order of equals.
  const inOrder = (orders.length ? orders : [{}]).reduceRight((all, { index, order }) =>
    sorted(all, valueOf(index), order), [...rows.values()]);
  return inOrder.slice(0, count);
}
