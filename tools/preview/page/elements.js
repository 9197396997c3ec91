// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// Nodes of the document, and their colours.

export const PALETTES = {
  classic: ['#3d8fe0', '#7a4fd0', '#2fb3a6', '#e8833a', '#d64f8c', '#84b03c', '#c9a516', '#5b6ee1', '#b0564a'],
  datadog16: [
    '#5a7de0', '#3fb5a3', '#e0a63c', '#d0598c', '#8a63d2', '#6cb04a', '#e0704a', '#4aa9d8', '#b98ae0', '#9aa34a',
  ],
  warm: ['#e8833a', '#d8344a', '#efb200', '#b5446e', '#f0a37a', '#a3522a', '#f2c94c', '#c0392b'],
  blue: ['#b5d6f5', '#8cc0ee', '#63a8e6', '#3d8fe0', '#2573c4', '#185799'],
  gray: ['#d5d9de', '#c0c6cd', '#a9b2bc', '#8b95a1', '#6f7a87', '#55606c'],
  green: ['#68bf7f', '#45a862', '#93d3a3', '#5cb576', '#2f9150', '#1f6f3a'],
  orange: ['#f2a266', '#e8833a', '#f7c093', '#ec9350', '#d06a1f', '#a65214'],
  purple: ['#a983de', '#8e5fd1', '#c3a9ea', '#9b70d8', '#7642bd', '#5c2f99'],
  red: ['#ea6c7c', '#e04a5d', '#f19aa5', '#e55b6c', '#d02f45', '#a31f33'],
};

const COMPARISONS = { '>': (a, b) => a > b, '>=': (a, b) => a >= b, '<': (a, b) => a < b, '<=': (a, b) => a <= b };
export const byId = (id) => document.getElementById(id);

// 'div.class', then attributes: custom properties of CSS with --, listeners with on.
export function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split('.');
  const isDrawing = ['svg', 'rect', 'polygon', 'title'].includes(tag);
  const node = isDrawing ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  node.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('--')) node.style.setProperty(key, value);
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child || child === 0));
  return node;
}

export const all = (part, selector) => [...part.querySelectorAll(selector)];
export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
export const nothing = () => el('div.message.no-data', {}, 'No data');
export const paletteOf = (...styles) => PALETTES[styles.find((style) => style?.palette)?.palette] ?? PALETTES.classic;
export const paletteFor = (value, formats) =>
  formats?.find(({ comparator, value: bound }) => value !== null && COMPARISONS[comparator]?.(value, bound))?.palette;

// Palettes of conditional formats are classes of the style: black_on_light_green.
export function painted(node, palette) {
  if (palette) node.classList.add('painted', palette);
  return node;
}

export const grid = (head, rows) => el('table', {}, el('thead', {}, el('tr', {}, head)), el('tbody', {}, rows));
export const more = (count, what) => el('div.more', {}, `${count} more ${what} are not shown`);

// The key tells it from all others, also when it is drawn anew.
export const folded = (key, title, ...content) =>
  el('details', { 'data-key': key }, el('summary', {}, title), ...content);
