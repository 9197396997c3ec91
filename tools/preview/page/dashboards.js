// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// A dashboard: its selectors, and a card for each widget, drawn when it is scrolled to.

import { all, byId, el, folded, nothing } from './elements.js';
import { answers, tagsOf } from './evaluate.js';
import { HIERARCHIES } from './hierarchies.js';
import { marked } from './keep.js';
import { LISTED } from './lists.js';
import { PLOTS } from './plots.js';
import { data, hashTo } from './route.js';
import { CHECKED, toLookAt } from './states.js';
import { TEXTS } from './texts.js';
import { VALUES } from './values.js';

const LISTED_OPTIONS = 60;
const SHOWN_PICKS = 6;

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
  marked(body);
}

function cardOf(dashboard, widget, chosen) {
  const { id, type, title, x, y, width, height, definition } = widget;
  const span = definition.time?.live_span;
  const names = { 'data-dashboard': dashboard.name, 'data-widget': id, 'data-type': type };
  const without = ignored(widget, Object.keys(tagsOf(dashboard, chosen))).join(', ');
  const marks = [
    span && !/past|now|to date/i.test(title) && el('small', {}, `past ${span}`),
    without && el('small.ignored', { title: `What is picked of ${without} makes no difference here` }, `not by ${without}`),
  ];
  const heading = (title || without) && el('h3', {}, title, marks);
  const card = el('section.widget', { ...names, title: definition.description }, heading, el('div.body'));
  card.style.gridArea = `${y + 1} / ${x + 1} / span ${height} / span ${width}`;
  contexts.set(card, { dashboard, widget, definition, chosen });
  return card;
}

// The chosen template variables that a widget, or one of its queries, does not filter by.
function ignored({ requests = [], filters }, names) {
  const asked = filters ? [{ filters }] : requests.flatMap(({ queries }) => queries);
  return names.filter((name) => !asked.every((each) => each.filters.includes(name)));
}

// With new data, the cards that there are.
export function redrawDashboard(dashboard, chosen) {
  const widgets = new Map(dashboard.groups.flatMap((group) => group.widgets).map((each) => [String(each.id), each]));
  for (const card of all(document, '.widget')) {
    const widget = widgets.get(card.dataset.widget);
    contexts.set(card, { dashboard, widget, definition: widget.definition, chosen });
    if (!card.dataset.drawn) continue;
    card.querySelector('.body').replaceChildren();
    draw(card);
  }
  document.querySelector('.pick')?.replaceWith(picks(dashboard));
  if (!byId('selection').contains(document.activeElement)) showSelection(dashboard, chosen);
}

// Of notes alone: it is folded, as there is nothing to see in it a second time.
const isAbout = ({ widgets }) => widgets.every(({ type }) => type === 'note');

function aboutOf(dashboard, { title, widgets }, chosen) {
  const cards = widgets.map((widget) => cardOf(dashboard, widget, chosen));
  const about = folded(`about ${title}`, title, cards);
  about.classList.add('about');
  return about;
}

export function showDashboard(dashboard, chosen) {
  const abouts = dashboard.groups.filter(isAbout).map((group) => aboutOf(dashboard, group, chosen));
  const shown = dashboard.groups.filter((group) => !isAbout(group));
  const rows = [...new Set(shown.map(({ y }) => y))].sort((a, b) => a - b);
  const groups = shown.map(({ title, color, x, y, width, widgets }) => {
    const cards = widgets.map((widget) => cardOf(dashboard, widget, chosen));
    const heading = title && el('h2', {}, title);
    const group = el(`section.group.${color || 'plain'}`, { '--columns': width }, heading, el('div.grid', {}, cards));
    const isAlone = shown.filter((each) => each.y === y).length === 1;
    group.style.gridArea = `${rows.indexOf(y) + 1} / ${isAlone ? '1 / auto / -1' : `${x + 1} / auto / span ${width}`}`;
    return group;
  });
  const description = dashboard.description.replace(/\s*\[[\w:-]+\]$/, '');
  const heading = [el('h1', {}, dashboard.title), el('p.description', {}, description)];
  const isOpen = dashboard.name === 'job_detail' && !tagsOf(dashboard, chosen).training_job_name;
  const before = [...abouts, isOpen && picks(dashboard)].filter(Boolean);
  byId('main').replaceChildren(...heading, ...before, el('div.dashboard', {}, groups));
  showSelection(dashboard, chosen);
}

// Which jobs are worth a look, where none is picked.
function picks(dashboard) {
  const links = toLookAt(data).slice(0, SHOWN_PICKS).map(({ tags, why }) =>
    el('li', {}, el('a', { href: hashTo(dashboard, tags) }, tags.training_job_name), ` ${why}`));
  return el('div.pick', {}, el('b', {}, 'Pick a job'), ': above by its name, or a row of a table. With none picked, ',
    'all jobs are shown together.', links.length > 0 && [' Worth a look:', el('ul', {}, links)]);
}

function showSelection(dashboard, chosen) {
  byId('selection').replaceChildren(
    ...dashboard.template_variables.map((variable) => selector(dashboard, variable, chosen)),
    ...dashboard.presets.map((preset) => presetButton(dashboard, preset, chosen)),
  );
}

function selector(dashboard, { name, type, defaults }, chosen) {
  // To choose nothing is to choose what it is by default.
  const isAlways = type === 'group' || defaults[0] !== '*';
  const [always, value] = isAlways ? [[], chosen[name] ?? defaults[0]] : [[''], chosen[name] ?? ''];
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
