// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// One number.

import { el, nothing, painted, paletteFor } from './elements.js';
import { max } from './evaluate.js';
import { digits, parts } from './format.js';

// The values behind a query value, without axes.
function spark(frame, type) {
  const values = ([...frame.lines.values()][0]?.values ?? [0]).map((value) => Math.max(value ?? 0, 0));
  const most = max(values) || 1;
  const y = values.map((value) => 100 - (100 * value) / most);
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

export const VALUES = {
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
};
