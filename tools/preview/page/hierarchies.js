// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// Parts of a whole.

import { css, el, escaped, nothing, paletteOf } from './elements.js';
import { rowsOf, sum } from './evaluate.js';
import { formatted } from './format.js';
import { plotted } from './plots.js';
import { linkOf } from './route.js';

// More take a browser minutes, and nobody could see them.
const SHOWN_SLICES = 200;

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

export const HIERARCHIES = {
  treemap: drawHierarchy('treemap', { pathbar: { visible: false }, textinfo: 'label+text', tiling: { pad: 2 } }),
  sunburst: drawHierarchy('sunburst', { maxdepth: 4, textinfo: 'label', insidetextorientation: 'radial' }),
};
