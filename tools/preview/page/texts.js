// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// Notes, events and logs.

import { el, folded, grid, nothing } from './elements.js';
import { filtered, tagsOf } from './evaluate.js';
import { formatted, moment } from './format.js';
import { hashOf } from './route.js';
import { STATUSES } from './states.js';

const SHOWN_ITEMS = 100;

// The only markup that is not made here: Python has rendered and escaped it.
export function rendered(html, name, chosen) {
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

export const TEXTS = {
  list_stream(body, { data, widget, definition, dashboard, chosen }) {
    const found = filtered(data.streams[widget.stream], tagsOf(dashboard, chosen), widget.filters);
    if (!found.length) return body.append(nothing());
    const columns = definition.requests[0].columns.map(({ field }) => field).filter((field) => field.startsWith('@'));
    const fieldOf = (fields, name) => (name.includes('duration') && name in fields
      ? formatted(Number(fields[name]), { unit: { unit_name: 'second' } }) : String(fields[name] ?? ''));
    const rows = found.slice(0, SHOWN_ITEMS).map(({ time, title, html, status, fields = {} }) => el('tr', {},
      el('td.status', { title: status }, el(`i.state-${STATUSES[status] ?? 'info'}`)),
      el('td.time', {}, moment(time)),
      columns.map((field) => el('td', {}, fieldOf(fields, field.slice(1)))),
      el('td.content', {}, html ? folded(`${time} ${title}`, title, rendered(html, 'div.note', chosen)) : title)));
    const head = ['', 'time (UTC)', ...columns.map((field) => field.slice(1)), columns.length ? 'content' : 'event'];
    body.append(el('div.fill.stream', {}, grid(head.map((name) => el('th', {}, name)), rows),
      found.length > rows.length && el('div.more', {}, `${found.length - rows.length} older ones are not shown`)));
  },

  note(body, { widget, definition, chosen }) {
    body.append(rendered(widget.html, definition.background_color === 'gray' ? 'div.note.gray' : 'div.note', chosen));
  },
};
