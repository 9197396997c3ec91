// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// 1. Evaluation: rows -> frames -> formulas, as tools/datadog/query.py and frames.py do it.
//
// A frame is {by, interval, count, lines}; lines has {group, values} by the group's key: one value or null a bucket.

const NOT_AVAILABLE = 'n/a';
const sum = (values) => values.reduce((a, b) => a + b, 0);
const mean = (values) => sum(values) / values.length;
const max = (values) => values.reduce((a, b) => Math.max(a, b));
const min = (values) => values.reduce((a, b) => Math.min(a, b));
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
    const lines = [...frame.lines].sort(([, a], [, b]) => reduced(a.values, method) - reduced(b.values, method));
    return { ...frame, lines: new Map((order === 'desc' ? lines.reverse() : lines).slice(0, limit)) };
  },
};

const isPresent = (value) => value !== null;
const reduced = (values, method) => REDUCERS[method](values.filter(isPresent));
const each = (frame, change) =>
  mapped(frame, (values) => values.map((value) => (value === null ? null : change(value))));

function mapped(frame, change) {
  const lines = [...frame.lines].map(([key, { group, values }]) => [key, { group, values: change(values) }]);
  return { ...frame, lines: new Map(lines.filter(([, { values }]) => values.some(isPresent))) };
}

// `tags` are what was chosen of the template variables: [key, value] by name.
function queried(data, query, tags) {
  const { keys, rows, interval } = data.blocks[query.block];
  const [first, last] = query.window;
  const wanted = query.filters.map((name) => tags[name]).filter(Boolean);
  const conditions = wanted.map(([key, value]) => [keys.indexOf(key), value]);
  const columns = query.by.map((key) => keys.indexOf(key));
  const lines = new Map();
  for (const [indices, at, values] of rows) {
    const tag = (column) => data.tags[indices[column]];
    if (!conditions.every(([column, value]) => tag(column) === value)) continue;
    const group = columns.map((column) => tag(column) ?? NOT_AVAILABLE);
    const key = group.join('\0');
    if (!lines.has(key)) lines.set(key, { group, values: Array.from({ length: last - first }, () => []) });
    const buckets = lines.get(key).values;
    values.forEach((value, i) => value !== null && buckets[at + i - first]?.push(value));
  }
  const overSpace = (buckets) => buckets.map((values) => (values.length ? REDUCERS[query.space](values) : null));
  const frame = mapped({ by: query.by, interval, count: last - first, lines }, overSpace);
  return query.reduce ? { ...mapped(frame, (values) => [reduced(values, query.reduce)]), count: 1, interval: 1 } : frame;
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

function tagsOf(dashboard, chosen) {
  const variables = dashboard.template_variables.filter(({ name }) => chosen[name] && chosen[name] !== '*');
  return Object.fromEntries(variables.map(({ name, prefix }) => {
    const [key, ...value] = (prefix ? `${prefix}:${chosen[name]}` : chosen[name]).split(':');
    return [name, [key, value.join(':').toLowerCase()]];
  }));
}

// What each formula of a widget answers; `overTime` leaves out the reduction of scalars.
function answers(data, dashboard, widget, chosen, overTime = false) {
  const tags = tagsOf(dashboard, chosen);
  return (widget.requests ?? []).flatMap(({ queries: asked, formulas }, index) => {
    const queries = Object.fromEntries(asked.map((query) =>
      [query.name, queried(data, overTime ? { ...query, reduce: null } : query, tags)]));
    return formulas.map((formula) => ({
      formula,
      request: widget.definition.requests[index],
      frame: computed(formula.tree, queries),
      previous: formula.previous && computed(formula.previous, queries),
    }));
  });
}

// 2. Formatting: units scaled to be read, three significant digits, as Datadog does.

const TIMES = {
  week: ['wk', 604800], day: ['day', 86400], hour: ['hr', 3600], minute: ['min', 60], second: ['s', 1],
  millisecond: ['ms', 1e-3],
};
const BYTES = {
  tebibyte: ['TiB', 2 ** 40],
  gibibyte: ['GiB', 2 ** 30], mebibyte: ['MiB', 2 ** 20], kibibyte: ['KiB', 2 ** 10], byte: ['B', 1],
};
const THOUSANDS = [['T', 1e12], ['G', 1e9], ['M', 1e6], ['k', 1e3]];

function digits(value, precision) {
  const [letter, size] = THOUSANDS.find(([, each]) => Math.abs(value) >= each) ?? ['', 1];
  const isShort = letter || precision === undefined;
  const options = isShort ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: precision };
  return (value / size).toLocaleString('en', options) + letter;
}

// The number and its unit. Where it is clear what is counted, `isBrief` leaves out the name of it.
function parts(value, format, precision, isBrief = false) {
  const { unit_name: unit, per_unit_name: per, label } = format?.unit ?? {};
  if (unit === 'percent') return [digits(value, precision), '%'];
  const sizes = [TIMES, BYTES].find((each) => unit in each);
  const rate = per && !isBrief ? `/${TIMES[per]?.[0] ?? per}` : '';
  const counted = label ?? (unit ? unit + (value === 1 || rate ? '' : 's') : '');
  if (!sizes) return [digits(value, precision), isBrief ? '' : counted + rate];
  const base = value * sizes[unit][1];
  const largest = Object.keys(sizes).find((each) => Math.abs(base) >= sizes[each][1]);
  const [short, size] = sizes[format.unit_scale?.unit_name ?? largest ?? unit];
  const number = digits(base / size, precision);
  return [number, short + (size > 60 && sizes === TIMES && number !== '1' ? 's' : '') + rate];
}

function formatted(value, format, isBrief) {
  if (value === null || value === undefined) return '-';
  const [number, unit] = parts(value, format, undefined, isBrief);
  return number + (unit && unit !== '%' ? ' ' : '') + unit;
}

const moment = (seconds) => new Date(seconds * 1000).toISOString().slice(5, 16).replace('T', ' ');

// Some even values from the bottom to the top of an axis.
function ticks(low, top, format) {
  const least = (top - low) / 4.5;
  const even = [1, 2, 5, 10].map((digit) => digit * 10 ** Math.floor(Math.log10(least)));
  const times = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];
  const steps = format?.unit?.unit_name === 'second' && top > 20 ? times : even;
  const step = steps.find((each) => each >= least) ?? even[3];
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(top / step) - first + 1 }, (_, i) => (first + i) * step);
}

// 3. Drawing: a function for each type of widget, of the card's body and of the context:
// {data, dashboard, widget, definition, chosen, answers, overTime()}. What is text stays text.

const PALETTES = {
  classic: ['#3d8fe0', '#7a4fd0', '#2fb3a6', '#e8833a', '#d64f8c', '#84b03c', '#c9a516', '#5b6ee1', '#b0564a'],
  datadog16: [
    '#5a7de0', '#3fb5a3', '#e0a63c', '#d0598c', '#8a63d2', '#6cb04a', '#e0704a', '#4aa9d8', '#b98ae0', '#9aa34a',
  ],
  warm: ['#e8833a', '#d8344a', '#efb200', '#b5446e', '#f0a37a', '#a3522a', '#f2c94c', '#c0392b'],
  blue: ['#b5d6f5', '#8cc0ee', '#63a8e6', '#3d8fe0', '#2573c4', '#185799'],
  gray: ['#d5d9de', '#c0c6cd', '#a9b2bc', '#8b95a1', '#6f7a87', '#55606c'],
  green: ['#68bf7f', '#45a862', '#93d3a3', '#5cb576', '#2f9150', '#1f6f3a'],
  orange: ['#f2a266', '#e8833a', '#f7c093', '#ec9350', '#d06a1f', '#a65214'],
  purple: ['#a983de', '#8e5fd1', '#c3a9ea', '#9b70d8', '#7642bd', '#5c2f99'],
  red: ['#ea6c7c', '#e04a5d', '#f19aa5', '#e55b6c', '#d02f45', '#a31f33'],
};
const COMPARISONS = { '>': (a, b) => a > b, '>=': (a, b) => a >= b, '<': (a, b) => a < b, '<=': (a, b) => a <= b };
// From the worst to the best; their colours are classes of the style: state-a.
const STATES = { a: 'Alert', w: 'Warn', o: 'OK', n: 'No Data' };
const STATUSES = { critical: 'a', error: 'a', warning: 'w', ok: 'o', success: 'o', unknown: 'n' };
const SHOWN_LINES = 60;
const SHOWN_ITEMS = 100;
// More take a browser minutes, and nobody could see them.
const SHOWN_SLICES = 200;

// 'div.class', then attributes: custom properties of CSS with --, listeners with on.
function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split('.');
  const isDrawing = ['svg', 'rect', 'polygon', 'title'].includes(tag);
  const node = isDrawing ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  node.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('--')) node.style.setProperty(key, value);
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child || child === 0));
  return node;
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const nothing = () => el('div.message.no-data', {}, 'No data');
const paletteOf = (...styles) => PALETTES[styles.find((style) => style?.palette)?.palette] ?? PALETTES.classic;
const paletteFor = (value, formats) =>
  formats?.find(({ comparator, value: bound }) => value !== null && COMPARISONS[comparator]?.(value, bound))?.palette;

// Palettes of conditional formats are classes of the style: black_on_light_green.
function painted(node, palette) {
  if (palette) node.classList.add('painted', palette);
  return node;
}

// What has no value comes last.
function sorted(rows, valueOf, order = 'desc') {
  const compared = (a, b) => (typeof a === 'string' ? a.localeCompare(b) : a - b);
  return [...rows].sort((a, b) => {
    const [one, other] = [valueOf(a), valueOf(b)];
    if (one === null || other === null) return (one === null) - (other === null);
    return order === 'asc' ? compared(one, other) : compared(other, one);
  });
}

// One row for each group, with a value of each formula.
function rowsOf(answers, { count = Infinity, order_by: orders = [] } = {}) {
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

// Cells are {text, isNumber, palette, share}; a click on a row follows its link.
function table(context, names, rows) {
  const cell = ({ text, isNumber, palette, share }, link) => {
    const inner = el(link ? 'a.cell' : 'span.cell', { href: link, title: text }, text);
    if (share !== undefined) return painted(el('td.number.bar', { '--share': `${share}%` }, inner), palette);
    return el(isNumber ? 'td.number' : 'td.name', {}, painted(inner, palette));
  };
  const lines = rows.map(({ tags, cells }) => {
    const link = linkOf(context, tags);
    const follow = link && { 'data-link': link, onclick: () => (location.hash = link) };
    return el('tr', follow || {}, cells.map((each, i) => cell(each, i ? null : link)));
  });
  const head = names.map((name, i) => el(rows[0].cells[i].isNumber ? 'th.number' : 'th', {}, name));
  return el('div.fill', {}, grid(head, lines));
}

const grid = (head, rows) => el('table', {}, el('thead', {}, el('tr', {}, head)), el('tbody', {}, rows));

function plotted(chart, traces, layout) {
  const [card, line, text] = ['--card', '--line', '--text'].map(css);
  return Plotly.newPlot(chart, traces, {
    paper_bgcolor: 'transparent',
    plot_bgcolor: 'transparent',
    font: { family: getComputedStyle(document.body).fontFamily, size: 11, color: css('--soft') },
    hoverlabel: { bgcolor: card, bordercolor: line, font: { color: text, size: 11 } },
    margin: { l: 4, r: 4, t: 4, b: 4 },
    showlegend: false,
    ...layout,
  }, { displaylogo: false, displayModeBar: false, responsive: true, showTips: false });
}

function timeAxis({ data, widget: { window: [first, last] } }, interval) {
  const [start, end] = [first, last].map((at) => (data.start + at * data.interval - interval / 2) * 1000);
  const tickformat = end - start > 90000000 ? '%b %d' : '%H:%M';
  const format = { tickformat, hoverformat: '%b %d, %H:%M UTC', nticks: 7, showgrid: false, linecolor: css('--line') };
  return { type: 'date', range: [start, end], ...format };
}

// All lines of a widget over time: {name, values, x, formula, interval, display, colour, total}.
function linesOf({ data, widget, answers }) {
  return answers.flatMap(({ frame, formula, request }) => {
    const names = [...frame.lines.keys()].sort();
    const palette = paletteOf(formula.style, request.style);
    return [...frame.lines].map(([key, { group, values }]) => ({
      name: [...group, ...(formula.alias && (answers.length > 1 || !group.length) ? [formula.alias] : [])].join(', '),
      values,
      x: values.map((_, i) => (data.start + widget.window[0] * data.interval + i * frame.interval) * 1000),
      formula,
      interval: frame.interval,
      display: request.display_type ?? 'line',
      colour: palette[((formula.style?.palette_index ?? 0) + names.indexOf(key)) % palette.length],
      total: reduced(values, 'sum'),
    }));
  });
}

function traceOf({ name, values, x, formula, display, colour }) {
  const isAlone = (value, i) => value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null;
  const styles = {
    line: { line: { color: colour, width: 1.6 }, mode: values.some(isAlone) ? 'lines+markers' : 'lines' },
    area: {
      line: { color: colour, width: 1 }, mode: 'lines', stackgroup: 'all', fillcolor: `${colour}99`,
      y: values.map((value) => value ?? 0),
    },
    bars: { type: 'bar', textposition: 'none', y: values.map((value) => value || null) },
  };
  return {
    name: escaped(name), x, y: values, text: values.map((value) => formatted(value, formula.number_format)),
    hovertemplate: '%{fullData.name} %{text}<extra></extra>', marker: { color: colour, size: 4 }, ...styles[display],
  };
}

// Markers are in the picture unless they would press the lines to the ground.
function bounds(lines, markers, { min: bottom = 'auto', max: top = 'auto' } = {}) {
  const stack = (display) => (i) => sum(lines.map((line) => (line.display === display ? line.values[i] ?? 0 : 0)));
  const buckets = [...lines[0].values.keys()];
  const alone = lines.filter(({ display }) => display === 'line').flatMap(({ values }) => values.filter(isPresent));
  const most = max([0, ...alone, ...buckets.map(stack('bars')), ...buckets.map(stack('area'))]);
  const near = markers.filter(({ y }) => !most || y <= 3 * most).map(({ y }) => 1.15 * y);
  const upper = max([1.08 * most, ...near]) || 1;
  return [bottom === 'auto' ? min([0, ...alone]) : Number(bottom), top === 'auto' ? upper : Number(top)];
}

// A row for each line; a click shows that line alone, and all again.
function legend(chart, lines, columns) {
  let only = null;
  const rows = lines.map(({ name, colour, values, formula }, i) => {
    const isolate = () => {
      only = only === i ? null : i;
      rows.forEach((row, j) => row.classList.toggle('off', only !== null && only !== j));
      Plotly.restyle(chart, { visible: lines.map((_, j) => only === null || only === j) });
    };
    const numbers = columns.map((column) => reduced(values, { value: 'last' }[column] ?? column));
    const label = el('td.name', {}, el('i.swatch', { '--colour': colour }), name || formula.formula);
    return el('tr', { onclick: isolate }, label, numbers.map((value) =>
      el('td.number', {}, formatted(value, formula.number_format, true))));
  });
  return el('div.legend', {}, grid([el('th'), ...columns.map((column) => el('th.number', {}, column))], rows));
}

// The values behind a query value, without axes.
function spark(frame, type) {
  const values = ([...frame.lines.values()][0]?.values ?? [0]).map((value) => Math.max(value ?? 0, 0));
  const y = values.map((value) => 100 - (100 * value) / (max(values) || 1));
  const box = { viewBox: `0 0 ${y.length} 100`, preserveAspectRatio: 'none', 'aria-hidden': 'true' };
  const bars = () => y.map((top, i) => el('rect', { x: i + 0.1, y: top, width: 0.8, height: 100 - top }));
  const steps = y.map((top, i) => `${i},${top} ${i + 1},${top}`).join(' ');
  return el('svg', box, type === 'bars' ? bars() : el('polygon', { points: `0,100 ${steps} ${y.length},100` }));
}

function versus(now, { previous, request }) {
  const before = previous && [...previous.lines.values()][0]?.values[0];
  if (!before) return null;
  const change = (100 * (now - before)) / Math.abs(before);
  const good = { increase_better: 1, decrease_better: -1 }[request.comparison.directionality] ?? 0;
  const tone = change * good > 0 ? '.better' : change * good < 0 ? '.worse' : '';
  const text = `${change < 0 ? '\u2193' : '\u2191'} ${digits(Math.abs(change))}%`;
  return el(`span.versus${tone}`, { title: 'against the same time before' }, text);
}

// A node for each first part of the groups: treemap and sunburst.
function drawHierarchy(type, style) {
  return (body, context) => {
    const [{ frame, formula, request }] = context.answers;
    const palette = paletteOf(request.style);
    const nodes = new Map();
    const tops = [];
    const rows = rowsOf([{ frame }]).filter(({ values }) => values[0] > 0);
    const others = rows.splice(SHOWN_SLICES);
    const rest = { group: [`${others.length} others`], tags: {}, values: [sum(others.map(({ values }) => values[0]))] };
    for (const { group, tags, values: [value] } of others.length ? [...rows, rest] : rows) {
      if (!tops.includes(group[0])) tops.push(group[0]);
      for (let depth = 0; depth <= group.length; depth++) {
        const [id, parent] = [group.slice(0, depth), group.slice(0, depth - 1)].map((part) => `/${part.join('\0')}`);
        const colour = depth ? palette[tops.indexOf(group[0]) % palette.length] : css('--faint');
        const added = { id, parent: depth ? parent : '', label: group[depth - 1], colour, value: 0, leaves: [] };
        const node = nodes.get(id) ?? added;
        nodes.set(id, { ...node, value: node.value + value, leaves: [...node.leaves, tags] });
      }
    }
    if (!nodes.size) return body.append(nothing());
    const all = [...nodes.values()];
    const texts = all.map(({ value }) => formatted(value, formula.number_format));
    const chart = body.appendChild(el('div.plot'));
    plotted(chart, [{
      type,
      ids: all.map(({ id }) => id),
      parents: all.map(({ parent }) => parent),
      labels: all.map(({ label }, i) => (label === undefined ? texts[i] : escaped(label))),
      values: all.map(({ value }) => value),
      text: texts,
      branchvalues: 'total',
      hovertemplate: '%{label}<br>%{text}<extra></extra>',
      marker: { colors: all.map(({ colour }) => colour), line: { color: css('--card'), width: 1 } },
      ...style,
    }], {});
    chart.on(`plotly_${type}click`, ({ points: [{ pointNumber }] }) => {
      const { leaves } = all[pointNumber];
      const link = leaves.length === 1 && linkOf(context, leaves[0]);
      if (link) location.hash = link;
      return !link;
    });
  };
}

const DRAW = {
  query_value(body, { definition, answers: [answer], overTime }) {
    const { frame, formula, request } = answer;
    const [line] = frame.lines.values();
    if (!line) return body.append(nothing());
    const [value] = line.values;
    const [number, unit] = parts(value, formula.number_format, definition.precision);
    const { timeseries_background: background } = definition;
    const behind = background && spark(overTime()[0].frame, background.type);
    const text = el('div', {}, number, unit && el('small', {}, unit));
    const shown = el('div.value', {}, behind, text, versus(value, answer));
    body.append(painted(shown, paletteFor(value, request.conditional_formats)));
  },

  timeseries(body, context) {
    const { definition, answers } = context;
    const lines = linesOf(context);
    const isGrouped = answers.some(({ frame }) => frame.by.length);
    const shown = isGrouped ? sorted(lines, ({ total }) => total).slice(0, SHOWN_LINES) : lines;
    const markers = (definition.markers ?? []).map((marker) => ({ ...marker, y: Number(marker.value.split('=')[1]) }));
    const [low, top] = bounds(shown, markers, definition.yaxis);
    const format = shown[0].formula.number_format;
    const tickvals = ticks(low, top, format);
    const colour = (type = '') => css(type.startsWith('error') ? '--alert' : '--warn');
    const near = markers.filter(({ y }) => y <= top);
    const chart = el('div.chart');
    const below = definition.show_legend && legend(chart, shown, definition.legend_columns ?? []);
    body.append(el('div.timeseries', {}, chart, below));
    plotted(chart, shown.map(traceOf), {
      barmode: 'relative',
      bargap: 0.12,
      hovermode: shown.length > 8 ? 'closest' : 'x unified',
      margin: { l: 48, r: 10, t: 8, b: 20 },
      xaxis: timeAxis(context, shown[0].interval),
      yaxis: {
        range: [low, top], fixedrange: true, gridcolor: css('--faint'), zerolinecolor: css('--line'),
        tickvals, ticktext: tickvals.map((value) => formatted(value, format, true)),
      },
      shapes: near.map(({ y, display_type: type }) => {
        const line = { color: colour(type), width: 1.5, dash: 'dash' };
        return { type: 'line', xref: 'paper', x0: 0, x1: 1, y0: y, y1: y, line };
      }),
      annotations: near.map(({ y, label = '' }) =>
        ({ xref: 'paper', x: 1, y, xanchor: 'right', yanchor: 'bottom', showarrow: false, text: escaped(label) })),
    });
  },

  toplist(body, context) {
    const { definition, answers } = context;
    const [{ formula, request, frame }] = answers;
    const isStacked = definition.style?.display?.type === 'stacked' && frame.by.length > 1;
    const palette = paletteOf(definition.style, request.style);
    const all = rowsOf(answers, isStacked ? { order_by: request.sort?.order_by } : request.sort);
    const rest = ({ group }) => group.slice(1).join(', ');
    const pieces = isStacked ? [...new Set(all.map(rest))].sort() : [];
    const stacks = [...new Set(all.map(({ group }) => group[0]))].map((name) => {
      const own = all.filter(({ group }) => group[0] === name);
      return { name, tags: { [frame.by[0]]: name }, values: [sum(own.map(({ values }) => values[0]))], own };
    });
    const rows = isStacked ? sorted(stacks, ({ values }) => values[0], request.sort?.order_by?.[0]?.order) : all;
    const most = max([0, ...rows.map(({ values }) => values[0] ?? 0)]) || 1;
    body.append(el('div.fill', {}, rows.slice(0, request.sort?.count).map(({ name, tags, values, own }) => {
      const link = linkOf(context, tags);
      const bars = (own ?? [{ values, name, group: [] }]).map((piece) => el('i', {
        '--colour': palette[Math.max(pieces.indexOf(rest(piece)), 0) % palette.length],
        '--share': `${(100 * Math.max(piece.values[0] ?? 0, 0)) / most}%`,
        title: piece.name,
      }));
      const value = el('span', {}, formatted(values[0], formula.number_format));
      return el(link ? 'a.rank' : 'div.rank', { href: link, 'data-link': link }, el('span.bars', {}, bars),
        el('span.name', { title: name }, name || formula.alias),
        painted(value, paletteFor(values[0], request.conditional_formats)));
    }), el('div.keys', {}, pieces.map((name, i) =>
      el('span', {}, el('i.swatch', { '--colour': palette[i % palette.length] }), name)))));
  },

  query_table(body, context) {
    const { answers } = context;
    const { sort, text_formats: formats } = answers[0].request;
    const by = answers.find(({ frame }) => frame.by.length)?.frame.by ?? [];
    const rows = rowsOf(answers, sort);
    const most = answers.map((_, i) => max([0, ...rows.map(({ values }) => values[i] ?? 0)]) || 1);
    const isBar = ({ cell_display_mode: mode }, value) => mode === 'bar' && value !== null;
    const cellsOf = ({ group, values }) => [
      ...group.map((text, i) => ({ text, palette: formats?.[i]?.find(({ match }) => match.value === text)?.palette })),
      ...answers.map(({ formula }, i) => ({
        isNumber: true,
        text: formatted(values[i], formula.number_format, true),
        palette: paletteFor(values[i], formula.conditional_formats),
        share: isBar(formula, values[i]) ? (100 * Math.max(values[i], 0)) / most[i] : undefined,
      })),
    ];
    const names = [...by, ...answers.map(({ formula }) => formula.alias ?? formula.formula)];
    body.append(table(context, names, rows.map((row) => ({ ...row, cells: cellsOf(row) }))));
  },

  treemap: drawHierarchy('treemap', { pathbar: { visible: false }, textinfo: 'label+text', tiling: { pad: 2 } }),
  sunburst: drawHierarchy('sunburst', { maxdepth: 4, textinfo: 'label', insidetextorientation: 'radial' }),

  change(body, context) {
    const [{ formula: { number_format: format }, request }] = context.answers;
    const rows = rowsOf(context.answers).map(({ tags, name, values: [before, now] }) => {
      const change = before === null || now === null ? null : now - before;
      const size = (change > 0 ? '+' : '') + formatted(change, format);
      const text = change === null ? (before === null ? 'new' : 'gone') : size;
      const palette = change ? `black_on_light_${change > 0 === Boolean(request.increase_good) ? 'green' : 'red'}` : '';
      const present = { text: formatted(now, format), isNumber: true };
      return { tags, cells: [{ text: name }, { text, palette, isNumber: true }, present], present: now, change, name };
    });
    const ordered = sorted(rows, (row) => row[request.order_by] ?? row.change, request.order_dir);
    body.append(table(context, ['', 'change', 'present'], ordered));
  },

  distribution(body, { answers }) {
    const lines = answers.flatMap(({ frame }) => [...frame.lines.values()]);
    const x = lines.flatMap(({ values }) => values.filter(isPresent));
    const trace = { type: 'histogram', x, nbinsx: 30, marker: { color: PALETTES.classic[0] } };
    plotted(body.appendChild(el('div.plot')), [trace], { margin: { l: 40, r: 10, t: 8, b: 24 }, bargap: 0.05 });
  },

  heatmap(body, context) {
    const lines = linesOf(context);
    const y = lines.map(({ name }, i) => escaped(name || `${i}`));
    const [{ x, interval }] = lines;
    const z = lines.map(({ values }) => values);
    const trace = { type: 'heatmap', x, y, z, colorscale: [[0, '#efe9fa'], [1, '#5c2f99']] };
    const axes = { xaxis: { ...timeAxis(context, interval), automargin: true }, yaxis: { automargin: true } };
    plotted(body.appendChild(el('div.plot')), [trace], axes);
  },

  check_status(body, { widget, definition, dashboard, chosen }) {
    const names = [...(definition.tags ?? []).join().matchAll(/\$(\w+)/g)].map(([, name]) => name);
    const byName = Object.groupBy(filtered(widget.checks, tagsOf(dashboard, chosen), names), ({ tags }) =>
      (definition.group_by ?? []).map((key) => tags[key] ?? NOT_AVAILABLE).join(', ') || definition.check);
    const found = Object.entries(byName).map(([name, checks]) => {
      const state = worst(checks.map(({ status }) => STATUSES[status]));
      return { name, state, message: checks.find(({ status }) => STATUSES[status] === state).message };
    });
    if (!found.length) return body.append(nothing());
    body.append(el('div.fill', {}, counts(found), byState(found, 'name').map(({ name, state, message }) =>
      el(`div.state.state-${state}`, {}, el('b', {}, name), message && el('small', {}, message)))));
  },

  list_stream(body, { data, widget, definition, dashboard, chosen }) {
    const tags = tagsOf(dashboard, chosen);
    const found = filtered(data.streams[widget.stream], tags, Object.keys(tags));
    if (!found.length) return body.append(nothing());
    const columns = definition.requests[0].columns.map(({ field }) => field).filter((field) => field.startsWith('@'));
    const fieldOf = (fields, name) => (name.includes('duration') && name in fields
      ? formatted(Number(fields[name]), { unit: { unit_name: 'second' } }) : String(fields[name] ?? ''));
    const rows = found.slice(0, SHOWN_ITEMS).map(({ time, title, html, status, fields = {} }) => el('tr', {},
      el('td.status', { title: status }, el(`i.state-${STATUSES[status] ?? 'info'}`)),
      el('td.time', {}, moment(time)),
      columns.map((field) => el('td', {}, fieldOf(fields, field.slice(1)))),
      el('td.content', {}, html ? folded(title, rendered(html, 'div.note', chosen)) : title)));
    const head = ['', 'time (UTC)', ...columns.map((field) => field.slice(1)), columns.length ? 'content' : 'event'];
    body.append(el('div.fill.stream', {}, grid(head.map((name) => el('th', {}, name)), rows),
      found.length > rows.length && el('div.more', {}, `${found.length - rows.length} older ones are not shown`)));
  },

  manage_status(body, { data }) {
    const all = data.monitors.map((monitor) => {
      const beyond = monitor.groups.flatMap(({ states }) => [states.lastIndexOf('a'), states.lastIndexOf('w')]);
      const at = monitor.evaluated[max([-1, ...beyond])];
      return { ...monitor, state: endState(monitor), last: at ? `last triggered ${moment(at)} UTC` : 'not triggered' };
    });
    body.append(el('div.fill', {}, counts(all), byState(all, 'title').map(({ name, title, state, last }) =>
      el(`div.state.state-${state}`, {},
        el('a', { href: `#monitors?monitor=${name}` }, title), el('small', {}, last)))));
  },

  note(body, { widget, definition, chosen }) {
    body.append(rendered(widget.html, definition.background_color === 'gray' ? 'div.note.gray' : 'div.note', chosen));
  },
};

// The items that match what was chosen of the variables of these names.
const filtered = (items, tags, names) => items.filter((item) => names.every((name) =>
  !tags[name] || String(item.tags[tags[name][0]] ?? '').toLowerCase() === tags[name][1]));

const rank = (state) => Object.keys(STATES).indexOf(state);
const worst = (states) => states.reduce((a, b) => (rank(b) < rank(a) ? b : a), 'n');
const byState = (items, name) =>
  [...items].sort((a, b) => rank(a.state) - rank(b.state) || a[name].localeCompare(b[name]));
const folded = (title, ...content) => el('details', {}, el('summary', {}, title), content);
// At the end of the day. A group that is gone is no longer watched.
const endState = ({ groups }) => worst(groups.map(({ states }) => states.at(-1)).concat(groups.length ? 'o' : 'n'));

const counts = (items) => el('div.counts', {}, Object.entries(STATES).map(([state, name]) => {
  const count = items.filter((item) => item.state === state).length;
  return count > 0 && el(`div.state-${state}`, {}, el('b', {}, String(count)), name);
}));

// The only markup that is not made here: Python has rendered and escaped it.
function rendered(html, name, chosen) {
  const node = el(name);
  node.innerHTML = html;
  for (const span of node.querySelectorAll('[data-var]')) span.textContent = chosen[span.dataset.var] || '*';
  for (const link of node.querySelectorAll('a[href]')) {
    const value = (_, variable) => encodeURIComponent(chosen[variable] || '*');
    const href = link.getAttribute('href').replace(/\$(\w+)\.value/g, value);
    const hash = hashOf(href);
    link.setAttribute('href', hash ?? href);
    if (hash) link.removeAttribute('target');
    else Object.assign(link, { target: '_blank', rel: 'noopener' });
  }
  return node;
}

// 4. The page: what it shows follows from the hash, `#job_detail?region=us-east-1&training_job_name=...`.

// From the whole to one job, and what tells of the check itself last.
const TABS = ['overview', 'cost_and_efficiency', 'job_detail', 'check_health'];
const LISTS = 'https://app.datadoghq.com/dashboard/lists?';
const LISTED_OPTIONS = 60;
const SHOWN_GROUPS = 6;

let data;
let observer;
const contexts = new Map();
const byId = (id) => document.getElementById(id);

async function read() {
  const bytes = Uint8Array.from(atob(byId('data').textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).json();
}

function route() {
  const [, name, query] = location.hash.match(/^#([^?]*)\??(.*)$/) ?? [];
  const dashboard = data.dashboards.find((each) => each.name === name) ?? data.dashboards[0];
  return { chosen: Object.fromEntries(new URLSearchParams(query)), dashboard: name === 'monitors' ? null : dashboard };
}

function hashTo(dashboard, chosen) {
  const all = dashboard.template_variables.map(({ name }) => [name, chosen[name]]);
  const kept = all.filter(([, value]) => value && value !== '*');
  return `#${dashboard.name}${kept.length ? '?' : ''}${new URLSearchParams(kept)}`;
}

// The hash for a link of the assets to a dashboard; null for other links.
function hashOf(url) {
  if (!url.startsWith(LISTS)) return null;
  const parameters = new URL(url).searchParams;
  const dashboard = data.dashboards.find(({ title }) => title === parameters.get('q'));
  const chosen = [...parameters].map(([key, value]) => [key.replace('tpl_var_', ''), value]);
  return dashboard ? hashTo(dashboard, Object.fromEntries(chosen)) : null;
}

// That of the first custom link to a dashboard which asks for no more than these tags.
function linkOf({ definition, chosen }, tags) {
  const value = (all, sign, key) => {
    const known = sign ? chosen[key] || '*' : tags[key];
    return known === undefined ? all : encodeURIComponent(known);
  };
  const links = (definition.custom_links ?? []).map(({ link }) =>
    link.replace(/&\w+=\{\{timestamp_\w+\}\}/g, '').replace(/\{\{(\$?)(\w+)\.value\}\}/g, value));
  return links.filter((link) => !link.includes('{{')).map(hashOf).find(Boolean) ?? null;
}

function draw(card) {
  const context = contexts.get(card);
  if (!contexts.delete(card)) return;
  const { widget, dashboard, chosen } = context;
  const body = card.querySelector('.body');
  const ask = (overTime) => answers(data, dashboard, widget, chosen, overTime);
  try {
    if (widget.undrawn) throw new Error(widget.undrawn);
    if (!(widget.type in DRAW)) throw new Error(`the preview does not draw widgets of the type ${widget.type}`);
    const found = ask();
    const isEmpty = found.length > 0 && found.every(({ frame }) => !frame.lines.size);
    if (isEmpty) body.append(nothing());
    else DRAW[widget.type](body, { ...context, data, answers: found, overTime: () => ask(true) });
  } catch (error) {
    body.replaceChildren(el('div.message.undrawn', {}, error.message));
  }
  card.dataset.drawn = '1';
}

function cardOf(dashboard, widget, chosen) {
  const { id, type, title, x, y, width, height, definition } = widget;
  const span = definition.time?.live_span;
  const names = { 'data-dashboard': dashboard.name, 'data-widget': id, 'data-type': type };
  const heading = title && el('h3', {}, title, span && !/past|now/i.test(title) && el('small', {}, `past ${span}`));
  const card = el('section.widget', { ...names, title: definition.description }, heading, el('div.body'));
  card.style.gridArea = `${y + 1} / ${x + 1} / span ${height} / span ${width}`;
  contexts.set(card, { dashboard, widget, definition, chosen });
  return card;
}

function showDashboard(dashboard, chosen) {
  const rows = [...new Set(dashboard.groups.map(({ y }) => y))].sort((a, b) => a - b);
  const groups = dashboard.groups.map(({ title, color, x, y, width, widgets }) => {
    const cards = widgets.map((widget) => cardOf(dashboard, widget, chosen));
    const heading = title && el('h2', {}, title);
    const group = el(`section.group.${color || 'plain'}`, { '--columns': width }, heading, el('div.grid', {}, cards));
    group.style.gridArea = `${rows.indexOf(y) + 1} / ${x + 1} / auto / span ${width}`;
    return group;
  });
  const description = dashboard.description.replace(/\s*\[[\w:-]+\]$/, '');
  const heading = [el('h1', {}, dashboard.title), el('p.description', {}, description)];
  byId('main').replaceChildren(...heading, el('div.dashboard', {}, groups));
  byId('selection').replaceChildren(
    ...dashboard.template_variables.map((variable) => selector(dashboard, variable, chosen)),
    ...dashboard.presets.map((preset) => presetButton(dashboard, preset, chosen)),
  );
}

function selector(dashboard, { name }, chosen) {
  const value = chosen[name] ?? '';
  const options = [...new Set([value, ...(data.variables[name] ?? [])])].filter(Boolean).sort();
  const onchange = ({ target }) => (location.hash = hashTo(dashboard, { ...chosen, [name]: target.value }));
  const option = (each) => el('option', { value: each, selected: each === value && '' }, each || '*');
  const listed = () => [
    el('input', { name, list: `all-${name}`, value, placeholder: '*', type: 'search', onchange }),
    el('datalist', { id: `all-${name}` }, options.map(option)),
  ];
  const isLong = options.length > LISTED_OPTIONS;
  const control = isLong ? listed() : el('select', { name, onchange }, ['', ...options].map(option));
  return el(value ? 'label.chosen' : 'label', {}, el('span', {}, name), control);
}

function presetButton(dashboard, { name, template_variables: variables }, chosen) {
  const isOn = variables.every((variable) => variable.values.includes(chosen[variable.name]));
  const set = Object.fromEntries(variables.map((variable) => [variable.name, isOn ? '*' : variable.values[0]]));
  const onclick = () => (location.hash = hashTo(dashboard, { ...chosen, ...set }));
  return el('button.preset', { type: 'button', 'aria-pressed': String(isOn), onclick }, name);
}

function showMonitors(chosen) {
  const worstOf = ({ groups }) => worst(groups.flatMap(({ states }) => [...states]));
  const all = data.monitors.map((monitor) => ({ ...monitor, state: worstOf(monitor) }));
  const text = 'The shipped monitors over the recorded time, the worst first, with the messages as they would be sent.';
  byId('selection').replaceChildren();
  const heading = [el('h1', {}, 'Monitors'), el('p.description', {}, text)];
  byId('main').replaceChildren(...heading, counts(all), ...byState(all, 'title').map(monitorCard));
  byId(`monitor-${chosen.monitor}`)?.scrollIntoView({ block: 'center' });
}

function monitorCard({ name, title, query, state, groups, evaluated, thresholds }) {
  const named = groups.map((group) => ({
    ...group,
    name: Object.entries(group.group).map((tag) => tag.join(':')).join(', ') || '*',
    state: worst([...group.states]),
  }));
  const strips = byState(named, 'name').map((group) => strip(group, evaluated));
  const limits = Object.entries(thresholds).map(([key, value]) => `, ${key} ${value}`).join('');
  const summary = `At the end of the day: ${STATES[endState({ groups })]}; ${groups.length} groups${limits}`;
  const more = strips.splice(SHOWN_GROUPS);
  return el(`section.monitor.state-${state}`, { id: `monitor-${name}`, 'data-monitor': name, 'data-state': state },
    el('h2', {}, el(`span.badge.state-${state}`, {}, STATES[state]), title),
    el('code.query', {}, query), el('p.description', {}, summary), strips,
    groups.length > 0 && el('div.scale', {}, [evaluated[0], evaluated.at(-1)].map((at) => el('span', {}, moment(at)))),
    more.length > 0 && folded(`${more.length} more groups`, more));
}

// The states of a group over the day: a rectangle for each run of the same.
function strip({ name, state: worstState, states, message }, evaluated) {
  const [start, end] = [evaluated[0], 2 * evaluated.at(-1) - (evaluated.at(-2) ?? evaluated.at(-1) - 60)];
  const runs = [...states].map((state, i) => ({ state, i })).filter(({ state, i }) => state !== states[i - 1]);
  const rects = runs.map(({ state, i }, number) => {
    const [at, until] = [evaluated[i], evaluated[runs[number + 1]?.i] ?? end];
    const place = { x: at - start, y: 0, width: until - at, height: 1 };
    return el(`rect.state-${state}`, place, el('title', {}, `${STATES[state]} from ${moment(at)} UTC`));
  });
  const box = { viewBox: `0 0 ${end - start} 1`, preserveAspectRatio: 'none', role: 'img' };
  return el('div.strip', {}, el('span.name', {}, name), el('svg', { ...box, 'aria-label': STATES[worstState] }, rects),
    message && folded(`${STATES[worstState]}: the message`, rendered(message, 'div.note', {})));
}

function show() {
  const { dashboard, chosen } = route();
  const name = dashboard?.name ?? 'monitors';
  const isOther = document.body.dataset.shown !== name;
  document.body.dataset.shown = name;
  for (const chart of document.querySelectorAll('.js-plotly-plot')) Plotly.purge(chart);
  observer.disconnect();
  contexts.clear();
  // One job is chosen for its own dashboard, and left behind for others, as the links of the assets do.
  const kept = ({ name: tab }) => (tab === 'job_detail' ? chosen : { ...chosen, training_job_name: '*' });
  const tabs = data.dashboards.map((each) => [each.name, each.title.split(' - ').at(-1), hashTo(each, kept(each))]);
  byId('tabs').replaceChildren(...[...tabs, ['monitors', 'Monitors', '#monitors']].map(([tab, title, href]) =>
    el('a', { href, 'data-tab': tab, 'aria-current': tab === name && 'page' }, title)));
  if (isOther) scrollTo(0, 0);
  if (dashboard) showDashboard(dashboard, chosen);
  else showMonitors(chosen);
  for (const card of contexts.keys()) observer.observe(card);
}

function turn(theme) {
  document.documentElement.dataset.theme = theme;
  byId('theme').textContent = theme === 'dark' ? 'Light' : 'Dark';
  if (data) show();
}

async function start() {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const follow = () => turn(sessionStorage.theme ?? (dark.matches ? 'dark' : 'light'));
  follow();
  data = await read();
  if (data.live) setTimeout(() => location.reload(), data.live * 1000);
  data.dashboards.sort((a, b) => TABS.indexOf(a.name) - TABS.indexOf(b.name));
  document.title = `${data.title} (preview)`;
  byId('title').textContent = data.title;
  byId('notice').textContent = data.notice;
  const drawNear = (entries) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => draw(target));
  observer = new IntersectionObserver(drawNear, { rootMargin: '300px' });
  const drawAll = () => [...contexts.keys()].forEach(draw);
  // For tests: what each formula of a widget answers, and all cards of a tab drawn at once.
  const evaluate = (dashboardName, widgetId, chosen = {}) => {
    const dashboard = data.dashboards.find(({ name }) => name === dashboardName);
    const widget = dashboard.groups.flatMap(({ widgets }) => widgets).find(({ id }) => String(id) === String(widgetId));
    return answers(data, dashboard, widget, chosen).map(({ frame }) => [...frame.lines.values()]);
  };
  window.preview = { evaluate, drawAll };
  addEventListener('hashchange', show);
  addEventListener('beforeprint', drawAll);
  dark.addEventListener('change', follow);
  const { dataset } = document.documentElement;
  byId('theme').addEventListener('click', () => turn(sessionStorage.theme = dataset.theme === 'dark' ? 'light' : 'dark'));
  show();
}

start();
