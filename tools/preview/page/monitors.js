// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// The monitors over the recorded time.

import { byId, el, folded } from './elements.js';
import { moment } from './format.js';
import { data } from './route.js';
import { byState, counts, endState, STATES, worst } from './states.js';
import { rendered } from './texts.js';

const SHOWN_GROUPS = 6;
const WORST = 'worst of the time shown';

export function showMonitors(chosen) {
  const worstOf = ({ groups }) => worst(groups.flatMap(({ states }) => [...states]));
  const all = data.monitors.map((monitor) => ({ ...monitor, state: worstOf(monitor) }));
  const now = data.monitors.map((monitor) => ({ state: endState(monitor) }));
  const text = 'The shipped monitors over the recorded time, the worst first, with the messages as they would be sent.';
  byId('selection').replaceChildren();
  const heading = [el('h1', {}, 'Monitors'), el('p.description', {}, text)];
  byId('main').replaceChildren(...heading, counts(now, 'now'), counts(all, WORST), ...byState(all, 'title').map(monitorCard));
  byId(`monitor-${chosen.monitor}`)?.scrollIntoView({ block: 'center' });
}

function monitorCard({ name, title, query, state, groups, evaluated, thresholds }) {
  const named = groups.map((group) => ({
    ...group,
    name: Object.entries(group.group).map((tag) => tag.join(':')).join(', ') || '*',
    state: worst([...group.states]),
  }));
  const strips = byState(named, 'name').map((group) => strip(group, evaluated, name));
  const limits = Object.entries(thresholds).map(([key, value]) => `, ${key} ${value}`).join('');
  const summary = `Now: ${STATES[endState({ groups })]}; ${WORST}: ${STATES[state]}; ${groups.length} groups${limits}`;
  const more = strips.splice(SHOWN_GROUPS);
  return el(`section.monitor.state-${state}`, { id: `monitor-${name}`, 'data-monitor': name, 'data-state': state },
    el('h2', {}, el(`span.badge.state-${state}`, {}, STATES[state]), title),
    el('code.query', {}, query), el('p.description', {}, summary), strips,
    groups.length > 0 && el('div.scale', {}, [evaluated[0], evaluated.at(-1)].map((at) => el('span', {}, moment(at)))),
    more.length > 0 && folded(`${name} more`, `${more.length} more groups`, more));
}

// The states of a group over the day: a rectangle for each run of the same.
function strip({ name, state: worstState, states, message }, evaluated, monitor) {
  const [start, end] = [evaluated[0], 2 * evaluated.at(-1) - (evaluated.at(-2) ?? evaluated.at(-1) - 60)];
  const runs = [...states].map((state, i) => ({ state, i })).filter(({ state, i }) => state !== states[i - 1]);
  const rects = runs.map(({ state, i }, number) => {
    const [at, until] = [evaluated[i], evaluated[runs[number + 1]?.i] ?? end];
    const place = { x: at - start, y: 0, width: until - at, height: 1 };
    return el(`rect.state-${state}`, place, el('title', {}, `${STATES[state]} from ${moment(at)} UTC`));
  });
  const box = { viewBox: `0 0 ${end - start} 1`, preserveAspectRatio: 'none', role: 'img' };
  return el('div.strip', {}, el('span.name', {}, name), el('svg', { ...box, 'aria-label': STATES[worstState] }, rects),
    message && folded(`${monitor} ${name}`, `${STATES[worstState]}: the message`, rendered(message, 'div.note', {})));
}
