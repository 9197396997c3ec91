// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// States of checks and monitors, from the worst to the best.

import { el, nothing } from './elements.js';
import { filtered, max, NOT_AVAILABLE, tagsOf } from './evaluate.js';
import { moment } from './format.js';

// From the worst to the best; their colours are classes of the style: state-a.
export const STATES = { a: 'Alert', w: 'Warn', o: 'OK', n: 'No Data' };
export const STATUSES = { critical: 'a', error: 'a', warning: 'w', ok: 'o', success: 'o', unknown: 'n' };
const rank = (state) => Object.keys(STATES).indexOf(state);
export const worst = (states) => states.reduce((a, b) => (rank(b) < rank(a) ? b : a), 'n');
export const byState = (items, name) =>
  [...items].sort((a, b) => rank(a.state) - rank(b.state) || a[name].localeCompare(b[name]));
// At the end of the time shown. A group that is gone is no longer watched.
export const endState = ({ groups }) =>
  worst(groups.map(({ states }) => states.at(-1)).concat(groups.length ? 'o' : 'n'));

// Jobs, the worst first: those that monitors now alert or warn of, then those of the last events that tell of errors.
export function toLookAt({ monitors, streams }) {
  const found = monitors.flatMap(({ title, groups }) => groups.map(({ group, states }) =>
    ({ tags: group, state: states.at(-1), why: title })));
  const events = streams.flat().filter(({ status }) => STATUSES[status] === 'a')
    .map(({ tags, title, status }) => ({ tags, state: 'o', why: title }));
  const worth = [...byState(found.filter(({ state }) => 'aw'.includes(state)), 'why'), ...events];
  const byJob = new Map(worth.filter(({ tags }) => tags.training_job_name).reverse()
    .map((each) => [each.tags.training_job_name, each]));
  return [...byJob.values()].reverse();
}

export const counts = (items, when) => el('div.counts', {}, el('small', {}, when), Object.entries(STATES).map(([state, name]) => {
  const count = items.filter((item) => item.state === state).length;
  return count > 0 && el(`div.state-${state}`, {}, el('b', {}, String(count)), name);
}));

export const CHECKED = {
  check_status(body, { widget, definition, dashboard, chosen }) {
    const byName = Object.groupBy(filtered(widget.checks, tagsOf(dashboard, chosen), widget.filters), ({ tags }) =>
      (definition.group_by ?? []).map((key) => tags[key] ?? NOT_AVAILABLE).join(', ') || definition.check);
    const found = Object.entries(byName).map(([name, checks]) => {
      const state = worst(checks.map(({ status }) => STATUSES[status]));
      return { name, state, message: checks.find(({ status }) => STATUSES[status] === state).message };
    });
    if (!found.length) return body.append(nothing());
    body.append(el('div.fill', {}, counts(found, 'now'), byState(found, 'name').map(({ name, state, message }) =>
      el(`div.state.state-${state}`, {}, el('b', {}, name), message && el('small', {}, message)))));
  },

  manage_status(body, { data }) {
    const all = data.monitors.map((monitor) => {
      const beyond = monitor.groups.flatMap(({ states }) => [states.lastIndexOf('a'), states.lastIndexOf('w')]);
      const at = monitor.evaluated[max([-1, ...beyond])];
      return { ...monitor, state: endState(monitor), last: at ? `last triggered ${moment(at)} UTC` : 'not triggered' };
    });
    body.append(el('div.fill', {}, counts(all, 'now'), byState(all, 'title').map(({ name, title, state, last }) =>
      el(`div.state.state-${state}`, {},
        el('a', { href: `#monitors?monitor=${name}` }, title), el('small', {}, last)))));
  },
};
