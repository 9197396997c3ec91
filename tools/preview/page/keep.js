// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// What a viewer has done to a part of the page, kept while it is drawn anew; and signs of what is out of sight.

import { all } from './elements.js';

const BOXES = '.fill, .legend';
const MOST_HIDDEN = 4;

// What is unfolded has a key of its own, under which it is found again in its widget: two may show the same event.
const widgetOf = (node) => node.closest('[data-widget]')?.dataset.widget;
const keyOf = (node) =>
  JSON.stringify([widgetOf(node), node.localName, node.closest('[data-key]')?.dataset.key, node.href]);
const placeOf = (box) => `${widgetOf(box)} ${box.className}`;

export function purge(part) {
  for (const chart of all(part, '.js-plotly-plot')) Plotly.purge(chart);
}

export function keeping(part, drawAnew) {
  const [x, y] = [scrollX, scrollY];
  const scrolled = new Map(all(part, BOXES).map((box) => [placeOf(box), [box.scrollLeft, box.scrollTop]]));
  const unfolded = new Set(all(part, 'details[data-key][open]').map(keyOf));
  const focused = part.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  purge(part);
  drawAnew();
  for (const details of all(part, 'details[data-key]')) details.open = unfolded.has(keyOf(details));
  for (const box of all(part, BOXES)) box.scrollTo(...(scrolled.get(placeOf(box)) ?? [0, 0]));
  if (focused) all(part, 'a, summary').find((node) => keyOf(node) === focused)?.focus({ preventScroll: true });
  scrollTo(x, y);
}

// A sign at the edge, as long as a box has more below, or to the right, than is seen. The observer sees each box once
// at the next frame, when all are laid out: asking for sizes before that lays the page out again for each.
export function marked(part) {
  for (const box of all(part, BOXES)) {
    const mark = () => {
      if (!box.isConnected) return observer.disconnect();
      const [below, right] = [
        box.scrollHeight - box.scrollTop - box.clientHeight, box.scrollWidth - box.scrollLeft - box.clientWidth,
      ];
      box.parentElement.classList.toggle('cut', below > MOST_HIDDEN);
      box.parentElement.classList.toggle('cut-right', right > MOST_HIDDEN);
    };
    const observer = new ResizeObserver(mark);
    for (const each of [box, ...box.children]) observer.observe(each);
    box.addEventListener('scroll', mark);
  }
}
