// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// Values over time, and how they are spread.

import { css, el, escaped, grid, more, paletteOf, PALETTES } from './elements.js';
import { isPresent, max, min, reduced, sorted, sum } from './evaluate.js';
import { formatted, ticks } from './format.js';

const SHOWN_LINES = 60;

export function plotted(chart, traces, layout) {
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
function legend(chart, lines, columns, isShown, card) {
  const rows = lines.map(({ name, colour, values, formula }) => {
    const isolate = () => {
      if (card.dataset.only === name) delete card.dataset.only;
      else card.dataset.only = name;
      rows.forEach((row, j) => row.classList.toggle('off', !isShown(lines[j])));
      Plotly.restyle(chart, { visible: lines.map(isShown) });
    };
    const numbers = columns.map((column) => reduced(values, { value: 'last' }[column] ?? column));
    const label = el('td.name', {}, el('i.swatch', { '--colour': colour }), name || formula.formula);
    return el(isShown({ name }) ? 'tr' : 'tr.off', { onclick: isolate }, label, numbers.map((value) =>
      el('td.number', {}, formatted(value, formula.number_format, true))));
  });
  return el('div.legend', {}, grid([el('th'), ...columns.map((column) => el('th.number', {}, column))], rows));
}

export const PLOTS = {
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
    // The line that a viewer has picked, also of an earlier drawing.
    const card = body.closest('.widget');
    const isShown = ({ name }) => !shown.some((line) => line.name === card.dataset.only) || card.dataset.only === name;
    const below = definition.show_legend && legend(chart, shown, definition.legend_columns ?? [], isShown, card);
    const rest = lines.length > shown.length && more(lines.length - shown.length, 'lines');
    body.append(el('div.timeseries', {}, chart, below, rest));
    plotted(chart, shown.map((line) => ({ ...traceOf(line), visible: isShown(line) })), {
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
};
