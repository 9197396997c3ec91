// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// What there is to show, and what of it the hash asks for: `#job_detail?region=us-east-1&training_job_name=...`.

import { byId } from './elements.js';

const LISTS = 'https://app.datadoghq.com/dashboard/lists?';
export let data;

// From the whole to one job, and what tells of the check itself last.
const TABS = ['overview', 'cost_and_efficiency', 'job_detail', 'check_health'];

// Fills `data` with what is to be shown: of the page itself, else of its server.
export async function read() {
  const embedded = byId('data').textContent;
  const bytes = embedded ? Uint8Array.from(atob(embedded), (letter) => letter.charCodeAt(0))
    : await (await fetch('data')).arrayBuffer();
  data = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).json();
  data.dashboards.sort((a, b) => TABS.indexOf(a.name) - TABS.indexOf(b.name));
}

export function route() {
  const [, name, query] = location.hash.match(/^#([^?]*)\??(.*)$/) ?? [];
  const dashboard = data.dashboards.find((each) => each.name === name) ?? data.dashboards[0];
  return { chosen: Object.fromEntries(new URLSearchParams(query)), dashboard: name === 'monitors' ? null : dashboard };
}

export function hashTo(dashboard, chosen) {
  const all = dashboard.template_variables.map(({ name }) => [name, chosen[name]]);
  const kept = all.filter(([, value]) => value && value !== '*');
  return `#${dashboard.name}${kept.length ? '?' : ''}${new URLSearchParams(kept)}`;
}

// The hash for a link of the assets to a dashboard; null for other links.
export function hashOf(url) {
  if (!url.startsWith(LISTS)) return null;
  const parameters = new URL(url).searchParams;
  const dashboard = data.dashboards.find(({ title }) => title === parameters.get('q'));
  const chosen = [...parameters].map(([key, value]) => [key.replace('tpl_var_', ''), value]);
  return dashboard ? hashTo(dashboard, Object.fromEntries(chosen)) : null;
}

// That of the first custom link to a dashboard which asks for no more than these tags.
export function linkOf({ definition, chosen }, tags) {
  const value = (all, sign, key) => {
    const known = sign ? chosen[key] || '*' : tags[key];
    return known === undefined ? all : encodeURIComponent(known);
  };
  const links = (definition.custom_links ?? []).map(({ link }) =>
    link.replace(/&\w+=\{\{timestamp_\w+\}\}/g, '').replace(/\{\{(\$?)(\w+)\.value\}\}/g, value));
  return links.filter((link) => !link.includes('{{')).map(hashOf).find(Boolean) ?? null;
}
