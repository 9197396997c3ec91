// (C) datadog-sagemaker-training authors 2026-present
// All rights reserved
// Licensed under a 3-clause BSD style license (see LICENSE)

// Numbers and times: units scaled to be read, three significant digits, as Datadog does.

const TIMES = {
  week: ['wk', 604800], day: ['day', 86400], hour: ['hr', 3600], minute: ['min', 60], second: ['s', 1],
  millisecond: ['ms', 1e-3],
};

const BYTES = {
  tebibyte: ['TiB', 2 ** 40],
  gibibyte: ['GiB', 2 ** 30], mebibyte: ['MiB', 2 ** 20], kibibyte: ['KiB', 2 ** 10], byte: ['B', 1],
};

const THOUSANDS = [['T', 1e12], ['G', 1e9], ['M', 1e6], ['k', 1e3]];

const SHORT = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export function digits(value, precision) {
  const [letter, size] = THOUSANDS.find(([, each]) => Math.abs(value) >= each) ?? ['', 1];
  if (letter || precision === undefined) return SHORT.format(value / size) + letter;
  return value.toLocaleString('en', { maximumFractionDigits: precision });
}

// The number and its unit. Where it is clear what is counted, `isBrief` leaves out the name of it.
export function parts(value, format, precision, isBrief = false) {
  const { unit_name: unit, per_unit_name: per, label } = format?.unit ?? {};
  if (unit === 'percent') return [digits(value, precision), '%'];
  const sizes = [TIMES, BYTES].find((each) => unit in each);
  const rate = per && !isBrief ? `/${TIMES[per]?.[0] ?? per}` : '';
  if (unit === 'dollar') return [(value < 0 ? '-$' : '$') + digits(Math.abs(value), precision), rate];
  const counted = label ?? (unit ? unit + (value === 1 || rate ? '' : 's') : '');
  if (!sizes) return [digits(value, precision), isBrief ? '' : counted + rate];
  const base = value * sizes[unit][1];
  const largest = Object.keys(sizes).find((each) => Math.abs(base) >= sizes[each][1]);
  const [short, size] = sizes[format.unit_scale?.unit_name ?? largest ?? unit];
  const number = digits(base / size, precision);
  return [number, short + (size > 60 && sizes === TIMES && number !== '1' ? 's' : '') + rate];
}

export function formatted(value, format, isBrief) {
  if (value === null || value === undefined) return '-';
  const [number, unit] = parts(value, format, undefined, isBrief);
  return number + (unit && unit !== '%' ? ' ' : '') + unit;
}

export const moment = (seconds) => new Date(seconds * 1000).toISOString().slice(5, 16).replace('T', ' ');

// Some even values from the bottom to the top of an axis.
export function ticks(low, top, format) {
  const least = (top - low) / 4.5;
  const even = [1, 2, 5, 10].map((digit) => digit * 10 ** Math.floor(Math.log10(least)));
  const times = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];
  const steps = format?.unit?.unit_name === 'second' && top > 20 ? times : even;
  const step = steps.find((each) => each >= least) ?? even[3];
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(top / step) - first + 1 }, (_, i) => (first + i) * step);
}
