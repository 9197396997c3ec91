// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// A line for each group.

import { el, grid, more, painted, paletteFor, paletteOf } from './elements.js';
import { max, rowsOf, sorted, sum } from './evaluate.js';
import { formatted } from './format.js';
import { linkOf } from './route.js';

// Cells are {text, isNumber, palette, share}; a click on a row follows its link.
function table(context, names, rows, hidden = 0) {
  const cell = ({ text, isNumber, palette, share }, link, name) => {
    const inner = el(link ? 'a.cell' : 'span.cell', { href: link, title: text }, text);
    const label = { 'data-label': name };
    if (share !== undefined) return painted(el('td.number.bar', { '--share': `${share}%`, ...label }, inner), palette);
    return el(isNumber ? 'td.number' : 'td.name', label, painted(inner, palette));
  };
  const lines = rows.map(({ tags, cells }) => {
    const link = linkOf(context, tags);
    const follow = link && { 'data-link': link, onclick: () => (location.hash = link) };
    return el('tr', follow || {}, cells.map((each, i) => cell(each, i ? null : link, names[i])));
  });
  const head = names.map((name, i) => el(rows[0].cells[i].isNumber ? 'th.number' : 'th', {}, name));
  return el('div.fill.rows', {}, grid(head, lines), hidden > 0 && more(hidden, 'rows'));
}

export const LISTED = {
  toplist(body, context) {
    const { definition, answers } = context;
    const [{ formula, request, frame }] = answers;
    const isStacked = definition.style?.display?.type === 'stacked' && frame.by.length > 1;
    const palette = paletteOf(definition.style, request.style);
    const all = rowsOf(answers, { order_by: request.sort?.order_by });
    const rest = ({ group }) => group.slice(1).join(', ');
    const pieces = isStacked ? [...new Set(all.map(rest))].sort() : [];
    const stacks = [...new Set(all.map(({ group }) => group[0]))].map((name) => {
      const own = all.filter(({ group }) => group[0] === name);
      return { name, tags: { [frame.by[0]]: name }, values: [sum(own.map(({ values }) => values[0]))], own };
    });
    const rows = isStacked ? sorted(stacks, ({ values }) => values[0], request.sort?.order_by?.[0]?.order) : all;
    const most = max([0, ...rows.map(({ values }) => values[0] ?? 0)]) || 1;
    const hidden = rows.length - rows.slice(0, request.sort?.count).length;
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
    }), hidden > 0 && more(hidden, 'rows'), el('div.keys', {}, pieces.map((name, i) =>
      el('span', {}, el('i.swatch', { '--colour': palette[i % palette.length] }), name)))));
  },

  query_table(body, context) {
    const { answers } = context;
    const { sort, text_formats: formats } = answers[0].request;
    const by = answers.find(({ frame }) => frame.by.length)?.frame.by ?? [];
    const all = rowsOf(answers, { ...sort, count: undefined });
    const rows = all.slice(0, sort?.count);
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
    body.append(table(context, names, rows.map((row) => ({ ...row, cells: cellsOf(row) })), all.length - rows.length));
  },

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
};
