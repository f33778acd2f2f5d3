// The expressions of tests/analytics/fixtures/promql/answers.txt, asked of a running
// centre and of a running Prometheus that hold the same samples.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { http } from './storage_peers.mjs';

const table = join(new URL('.', import.meta.url).pathname, '../analytics/fixtures/promql/answers.txt');

/// `1+2x3`, `_x4`, `7`: what promtool takes as values of a series; null: none.
function valuesOf(text) {
  return text.split(/\s+/).flatMap((part) => {
    const steps = /^(-?[\d.e]+)([+-][\d.e]+)x(\d+)$/.exec(part);
    if (steps) return Array.from({ length: Number(steps[3]) + 1 }, (_, i) => Number(steps[1]) + i * Number(steps[2]));
    const [, value, times] = /^(.*?)(?:x(\d+))?$/.exec(part);
    const number = { _: null, stale: null, NaN: null, Inf: Infinity, '-Inf': -Infinity }[value];
    const once = number === undefined ? Number(value) : number;
    return Array(value === '_' ? Number(times ?? 1) : Number(times ?? 0) + 1).fill(once);
  });
}

/// Series and expressions with the time of each in seconds after the first sample.
export function readTable() {
  const result = { series: [], questions: [] };
  for (const line of readFileSync(table, 'utf8').split('\n')) {
    const series = /^series (\w+)\{(.*)\} (.*)$/.exec(line);
    if (series) result.series.push({ name: series[1], labels: series[2].match(/\w+="[^"]*"/g).sort(), values: valuesOf(series[3]) });
    const question = /^at (?:(\d+)m)?(?:(\d+)s)? (.*)$/.exec(line);
    if (question) result.questions.push({ seconds: Number(question[1] ?? 0) * 60 + Number(question[2] ?? 0), text: question[3] });
  }
  return result;
}

/// As OpenMetrics, for the store; windows have no NaN, so neither have these.
export function writeTable({ series }, file, start) {
  const number = (x) => (Number.isFinite(x) ? String(x) : x > 0 ? '+Inf' : '-Inf');
  const lines = series.flatMap((x) => x.values.flatMap((value, i) => (value === null ? [] : [`${x.name}{${x.labels.join(',')}} ${number(value)} ${start + i * 30}`])));
  writeFileSync(file, `${lines.join('\n')}\n# EOF\n`);
}

function sameNumber(a, b) {
  const [x, y] = [a, b].map((v) => (v === '+Inf' ? Infinity : v === '-Inf' ? -Infinity : Number(v)));
  return Object.is(x, y) || x === y || Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y));
}

const keyOf = (x) => JSON.stringify(Object.entries(x.metric ?? {}).sort());

function sameAnswer(a, b, isSorted) {
  if (a.resultType !== b.resultType) return false;
  if (a.resultType === 'scalar') return sameNumber(a.result[1], b.result[1]);
  if (a.resultType === 'string') return a.result[1] === b.result[1];
  if (a.result.length !== b.result.length) return false;
  const order = (x) => (isSorted ? x : [...x].sort((p, q) => (keyOf(p) < keyOf(q) ? -1 : 1)));
  const [xs, ys] = [order(a.result), order(b.result)];
  return xs.every((x, i) => {
    const [p, q] = [x.values ?? [x.value], ys[i].values ?? [ys[i].value]];
    return (isSorted || keyOf(x) === keyOf(ys[i])) && p.length === q.length && p.every((v, j) => v[0] === q[j][0] && sameNumber(v[1], q[j][1]));
  });
}

async function ask(base, headers, path, params) {
  try {
    return JSON.parse(await http(`${base}/api/v1/${path}?${new URLSearchParams(params)}`, { headers })).data;
  } catch (error) {
    if (/: (400|422) /.test(error.message)) return { resultType: 'error', result: [] };
    throw error;
  }
}

/// How many answers are equal, each expression once at its time and once as a range of
/// 10 minutes before it, and the expressions that are not.
export async function compareAnswers(weir, prometheus, questions, start) {
  const result = { equal: 0, total: 0, different: [] };
  for (const { seconds, text } of questions) {
    const time = start + seconds;
    const forms = [
      ['query', { query: text, time }],
      ['query_range', { query: text, start: time - 600, end: time, step: 60 }],
    ];
    for (const [path, params] of forms) {
      const [a, b] = await Promise.all([ask(weir.base, weir.headers, path, params), ask(prometheus.base, {}, path, params)]);
      ++result.total;
      if (sameAnswer(a, b, path === 'query' && /^(sort|sort_desc)\(/.test(text))) ++result.equal;
      else result.different.push(`${path}: ${text}`);
    }
  }
  return result;
}
