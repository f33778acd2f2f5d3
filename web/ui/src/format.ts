// Numbers, ages and times as people read them. One language (English), ISO-like 24 h times.

const group = (digits: number): Intl.NumberFormat =>
  new Intl.NumberFormat('en-US', { maximumFractionDigits: digits });
const grouped = [group(0), group(1), group(2), group(3), group(4)];

/** About four significant digits: 0.01234, 1.234, 123.4, 12,345, 1.235 M. */
export function formatValue(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return '–';
  const size = Math.abs(x);
  if (size === 0) return '0';
  if (size < 1e-3) return x.toExponential(2);
  if (size >= 1e12) return x.toExponential(2);
  if (size >= 1e9) return `${grouped[2]!.format(x / 1e9)} G`;
  if (size >= 1e6) return `${grouped[2]!.format(x / 1e6)} M`;
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
  return trimMinus(grouped[digits]!.format(x));
}

/** Like formatValue, but with its zeros at the end: for columns and numbers that change. */
export function formatSteady(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return '–';
  const size = Math.abs(x);
  if (Number.isInteger(x) || size < 1e-3 || size >= 1000) return formatValue(x);
  return x.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
}

/** A whole count: 1,234 or 1.24 M. */
export function formatCount(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return '–';
  return Math.abs(x) >= 1e6 ? formatValue(x) : grouped[0]!.format(x);
}

/** A total that people watch grow: all its digits as long as they fit. */
export function formatTotal(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return '–';
  return Math.abs(x) >= 1e9 ? formatValue(x) : grouped[0]!.format(x);
}

/** Events per second: one decimal below 10, else whole. */
export function formatRate(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return '–';
  if (Math.abs(x) >= 1e6) return formatValue(x);
  return grouped[x !== 0 && Math.abs(x) < 10 ? 1 : 0]!.format(x);
}

/** A short span: 84 ms, 1.2 s, 3 min 12 s. */
export function formatLag(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  const size = Math.max(0, ms);
  return size < 1000 ? `${Math.round(size)} ms` : formatAge(size);
}

/** An age or a duration, in the two greatest units: 0.4 s, 12 s, 3 min 12 s, 2 h 5 min, 3 d 4 h. */
export function formatAge(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86_400) return pair(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min');
  return pair(Math.floor(whole / 86_400), 'd', Math.floor((whole % 86_400) / 3600), 'h');
}

/** The same in its greatest unit only, for narrow places: 2 min. */
export function formatShortAge(ms: number | null | undefined): string {
  return formatAge(ms).split(' ').slice(0, 2).join(' ');
}

function pair(a: number, unitA: string, b: number, unitB: string): string {
  return b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`;
}

/** 512 B, 1.5 KiB, 34 MiB. */
export function formatBytes(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = x;
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${grouped[unit > 0 && size < 10 ? 1 : 0]!.format(size)} ${units[unit]}`;
}

const two = (x: number): string => String(x).padStart(2, '0');

/** 14:02:11, in UTC or in the browser's zone. */
export function formatTime(ms: number, utc: boolean): string {
  const d = new Date(ms);
  return utc
    ? `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`
    : `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** 2026-03-01 14:02:11. */
export function formatDateTime(ms: number, utc: boolean): string {
  const d = new Date(ms);
  const day = utc
    ? `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`
    : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  return `${day} ${formatTime(ms, utc)}`;
}

/** A tick of the time axis: seconds only where the ticks are that close. */
export function formatAxisTime(ms: number, utc: boolean, stepMs: number): string {
  const time = formatTime(ms, utc);
  return stepMs < 60_000 ? time : time.slice(0, 5);
}

export interface SeriesName {
  metric: string;
  /** source first, the rest as it comes. */
  labels: [name: string, value: string][];
}

/** The parts of a canonical series text, metric{source="...",k="v"}. */
export function splitSeriesText(text: string): SeriesName {
  const brace = text.indexOf('{');
  if (brace < 0) return { metric: text, labels: [] };
  const labels: [string, string][] = [];
  const pattern = /([^\s=,{}"]+)="((?:[^"\\]|\\.)*)"/g;
  for (const match of text.slice(brace).matchAll(pattern))
    labels.push([match[1]!, match[2]!.replace(/\\(.)/g, '$1')]);
  labels.sort((a, b) => Number(b[0] === 'source') - Number(a[0] === 'source'));
  return { metric: text.slice(0, brace), labels };
}

/** metric source k=v: short enough for a row, and still unmistakable. */
export function shortSeries(text: string): { metric: string; rest: string } {
  const { metric, labels } = splitSeriesText(text);
  const rest = labels.map(([k, v]) => (k === 'source' ? v : `${k}=${v}`)).join(' · ');
  return { metric, rest };
}

function trimMinus(text: string): string {
  return text === '-0' ? '0' : text;
}

/** A tick of a value axis: as many digits as the distance of the ticks asks for. */
export function formatAxisValue(x: number, step: number): string {
  if (Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(step) < 1e-4)) return formatValue(x);
  const digits = Math.min(4, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return trimMinus(grouped[digits]!.format(x));
}
