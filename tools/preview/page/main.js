// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// The page: what it shows follows from the hash.

import { contexts, draw, redrawDashboard, showDashboard } from './dashboards.js';
import { byId, el } from './elements.js';
import { answers } from './evaluate.js';
import { keeping, purge } from './keep.js';
import { showMonitors } from './monitors.js';
import { data, hashTo, read, route } from './route.js';

let observer;

function show() {
  const { dashboard, chosen } = route();
  const name = dashboard?.name ?? 'monitors';
  const isOther = document.body.dataset.shown !== name;
  document.body.dataset.shown = name;
  purge(document);
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

// The same with new data, as it was left.
function update() {
  const { dashboard, chosen } = route();
  keeping(byId('main'), () => (dashboard ? redrawDashboard(dashboard, chosen) : showMonitors(chosen)));
}

// Of a page whose server goes on.
async function goOn() {
  const isThere = await read().then(() => true, () => false);
  byId('notice').textContent = isThere ? data.notice : `${data.notice} It is no longer updated.`;
  if (isThere) update();
  if (data.live) setTimeout(goOn, data.live * 1000);
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
  await read();
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
  const other = () => (dataset.theme === 'dark' ? 'light' : 'dark');
  byId('theme').addEventListener('click', () => turn(sessionStorage.theme = other()));
  show();
  if (data.live) setTimeout(goOn, data.live * 1000);
}

start();
