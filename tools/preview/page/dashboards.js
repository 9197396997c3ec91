// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// A dashboard: its selectors, and a card for each widget, drawn when it is scrolled to.

import { byId, el, nothing } from './elements.js';
import { answers } from './evaluate.js';
import { HIERARCHIES } from './hierarchies.js';
import { LISTED } from './lists.js';
import { PLOTS } from './plots.js';
import { data, hashTo } from './route.js';
import { CHECKED } from './states.js';
import { TEXTS } from './texts.js';
import { VALUES } from './values.js';

const LISTED_OPTIONS = 60;

// What draws a type of widget: a function of the card's body and of the context, which is
// {data, dashboard, widget, definition, chosen, answers, overTime()}. What is text stays text.
const DRAW = { ...CHECKED, ...HIERARCHIES, ...LISTED, ...PLOTS, ...TEXTS, ...VALUES };

export const contexts = new Map();

export function draw(card) {
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

export function showDashboard(dashboard, chosen) {
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

function selector(dashboard, { name, type, defaults }, chosen) {
  const [always, value] = type === 'group' ? [[], chosen[name] ?? defaults[0]] : [[''], chosen[name] ?? ''];
  const options = [...new Set([value, ...(data.variables[name] ?? [])])].filter(Boolean).sort();
  const onchange = ({ target }) => (location.hash = hashTo(dashboard, { ...chosen, [name]: target.value }));
  const option = (each) => el('option', { value: each, selected: each === value && '' }, each || '*');
  const listed = () => [
    el('input', { name, list: `all-${name}`, value, placeholder: '*', type: 'search', onchange }),
    el('datalist', { id: `all-${name}` }, options.map(option)),
  ];
  const isLong = options.length > LISTED_OPTIONS;
  const control = isLong ? listed() : el('select', { name, onchange }, [...always, ...options].map(option));
  return el(chosen[name] ? 'label.chosen' : 'label', {}, el('span', {}, name), control);
}

function presetButton(dashboard, { name, template_variables: variables }, chosen) {
  const isOn = variables.every((variable) => variable.values.includes(chosen[variable.name]));
  const set = Object.fromEntries(variables.map((variable) => [variable.name, isOn ? '*' : variable.values[0]]));
  const onclick = () => (location.hash = hashTo(dashboard, { ...chosen, ...set }));
  return el('button.preset', { type: 'button', 'aria-pressed': String(isOn), onclick }, name);
}
