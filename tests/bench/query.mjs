// How fast questions are answered: by the running centre through Prometheus' API, by the
// store itself, and by other databases with the same samples where they are installed.
// Keys of the JSON line, and the queries: docs/benchmarks.md.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { System, cpuSeconds, rssMb, sleep, waitFor } from './system.mjs';
import { Prometheus, VictoriaMetrics, dropCaches, http, quantile, storeTool, storeToolAsync } from './storage_peers.mjs';
import { compareAnswers, readTable, writeTable } from './query_promql.mjs';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const bin = args[args.indexOf('--bin') + 1];
const days = quick ? 60 : 730;
const long = quick ? 'two_months' : 'two_years';
/// Of the series that are asked for; behind it, alone, those of the table of expressions.
const end = (Math.floor(Date.now() / 3_600_000) - 4) * 3600;
const tableStart = end + 7200;
const notes = [];
const result = { machine_load: loadavg()[0] }; // Above 0.5: others take of what is measured.
const thousands = (x) => Math.round(x).toLocaleString('en-US');
const spread = (ms) => ({ p50: quantile(ms, 0.5), p95: quantile(ms, 0.95), p99: quantile(ms, 0.99), count: ms.length });
const shown = (x) => (x === null || x === undefined ? '-' : x.toFixed(x < 10 ? 2 : 0));
const row = (what, x, more = '') => console.log(`  ${what.padEnd(46)} ${[x.p50, x.p95, x.p99].map((v) => shown(v).padStart(9)).join(' ')}  ${more}`);

const range = (query, hours, step) => ['query_range', { query, start: end - hours * 3600 + step, end, step }];
/// `i`: each asks for another series, so that nothing is answered from before.
const queries = {
  day: { title: '1 series, a day at 1 s, to 1,440 means', ask: (i) => range(`avg_over_time(day_level{source="m-${i % 10}"}[1m])`, 24, 60) },
  day_raw: { title: '1 series, a day at 1 s, all 86,400 samples', ask: (i) => ['query', { query: `day_level{source="m-${i % 10}"}[1d]`, time: end }] },
  hour: { title: '100 series x 1 h at 1 s, to 360 values each', ask: () => range('hour_level', 1, 10) },
  years: { title: `1,000 series x ${days} d at 1 h, topk 10 each day`, ask: () => range('topk(10, avg_over_time(year_level[1d]))', days * 24, 86_400) },
  years_now: { title: `the same, topk 10 of the whole time`, ask: () => ['query', { query: `topk(10, avg_over_time(year_level[${days}d]))`, time: end }] },
};

class Target {
  constructor(name, base, headers = {}, extra = {}) {
    Object.assign(this, { name, base, headers, extra });
  }

  async once(key, i) {
    const [path, params] = queries[key].ask(i);
    const url = `${this.base}/api/v1/${path}?${new URLSearchParams({ ...params, ...this.extra })}`;
    const begin = performance.now();
    const body = await http(url, { headers: this.headers });
    const ms = performance.now() - begin;
    if (body.includes('"result":[]')) throw new Error(`${this.name} found nothing for ${key}`);
    return ms;
  }

  async warm(key, seconds) {
    const first = await this.once(key, 0);
    if (first > 10_000) return spread([first]); // Once is long enough.
    const ms = [];
    const until = performance.now() + seconds * 1000;
    while ((performance.now() < until && ms.length < 500) || ms.length < 3) ms.push(await this.once(key, ms.length + 1));
    return spread(ms);
  }
}

const system = new System(bin);
const storeDir = join(system.dir, 'central/store');
const sets = [`made:day_level:10:86400:1`, 'made:hour_level:100:3600:1', `made:year_level:1000:${days * 24}:3600`].flatMap((x) => ['--set', x]);

function fill() {
  const made = storeTool(bin, 'load', '--directory', storeDir, ...sets, '--end', end, '--bulk', '--no-maintain', '--commit-records', 100_000);
  console.log(`  ${thousands(made.records)} samples made in ${(made.records / made.records_per_s).toFixed(1)} s, ${(made.size_bytes / 1e6).toFixed(0)} MB\n`);
}

/// Of store::query itself; a topk needs all series, so they count as one query.
async function direct(seconds) {
  const run = (...more) => storeToolAsync(bin, 'query', '--directory', storeDir, '--repeats', 500, '--seconds-max', seconds, ...more);
  const forms = {
    day: { title: '1 series, a day at 1 s', args: ['--metric', 'day_level', '--hours', 24] },
    hour: { title: '100 series x 1 h at 1 s', args: ['--metric', 'hour_level', '--series', 100, '--hours', 1] },
    years: { title: `1,000 series x ${days} d at 1 h, to at most a point a day`, args: ['--metric', 'year_level', '--series', 1000, '--hours', days * 24, '--points-max', days] },
  };
  for (const [key, form] of Object.entries(forms)) {
    const x = await run(...form.args);
    row(`  ${form.title}`, { p50: x.p50_ms, p95: x.p95_ms, p99: x.p99_ms }, `${thousands(x.rows)} rows`);
    result[`store_${key}_p95_ms`] = x.p95_ms;
  }
  for (const key of ['day', 'hour']) {
    const x = await run(...forms[key].args, '--readers', 20, '--pause-ms', 100, '--writes');
    row(`  ${key === 'day' ? '1 series, a day' : '100 series x 1 h'}: 20 readers, a writer flat out`, { p50: x.p50_ms, p95: x.p95_ms, p99: x.p99_ms }, `${thousands(x.written_per_s)} summaries/s written`);
    result[`store_${key}_under_load_p95_ms`] = x.p95_ms;
  }
}

async function cold(repeats) {
  const ms = { day: [], hour: [] };
  for (let i = 0; i < repeats; ++i)
    for (const key of ['day', 'hour']) {
      await system.stop('central');
      if (!dropCaches()) {
        notes.push('cold skipped: the page cache may not be dropped here');
        return null;
      }
      const target = await start();
      ms[key].push(await target.once(key, i));
    }
  return ms;
}

async function start(edges) {
  await system.startCentre(edges);
  return new Target('weir', `http://127.0.0.1:${system.webPort}`, { authorization: `Bearer ${system.apiKey}` }, { timeout: '120s' });
}

/// 20 readers, each with a pause between two queries, while edges write.
async function underLoad(seconds) {
  const list = join(system.dir, 'allow.toml');
  const go = join(system.dir, 'go');
  const load = system.driver('acked', '--endpoint', `tcp://127.0.0.1:${system.uplinkPort}`, '--server-key', system.centralKey, '--allow-list', list, '--go', go, '--edges', 100, '--series', 500, '--seconds', seconds + 2, '--warm-up-s', 1);
  load.catch(() => {}); // Reported below.
  await waitFor('the keys of the edges', () => existsSync(list), 60);
  const target = await start(readFileSync(list, 'utf8'));
  writeFileSync(go, '');
  await sleep(2000);
  const ms = { day: [], hour: [] };
  const until = performance.now() + seconds * 1000;
  await Promise.all(
    Array.from({ length: 20 }, async (_, reader) => {
      for (let i = reader; performance.now() < until; ++i) {
        const key = i % 2 ? 'day' : 'hour';
        ms[key].push(await target.once(key, i));
        await sleep(100);
      }
    }),
  );
  const written = await load.catch((error) => ({ error }));
  if (written.error) notes.push(`load: ${written.error.message.trim()}`);
  const text = written.error ? '' : `${thousands(written.acked_per_s)} summaries/s acked, p99 ${written.ack_p99_ms.toFixed(0)} ms`;
  row('20 readers, 100 ms between: 1 series, a day', spread(ms.day), text);
  row('  100 series x 1 h', spread(ms.hour), `RSS of the centre ${rssMb(system.centralPid).toFixed(0)} MB`);
  Object.assign(result, {
    under_load_p95_ms: quantile([...ms.day, ...ms.hour], 0.95),
    under_load_day_p95_ms: quantile(ms.day, 0.95),
    under_load_hour_p95_ms: quantile(ms.hour, 0.95),
    under_load_written_per_s: written.acked_per_s ?? null,
    under_load_ack_p99_ms: written.ack_p99_ms ?? null,
  });
}

async function measure(target, seconds, prefix = '', keys = Object.keys(queries)) {
  for (const key of keys) {
    const query = queries[key];
    try {
      const x = await target.warm(key, seconds);
      row(`  ${query.title}`, x, `${x.count} queries`);
      const name = { day: 'day_1s', day_raw: 'day_1s_all', hour: 'hour_100_series', years: `${long}_1000_series`, years_now: `${long}_1000_series_instant` }[key];
      for (const q of ['p50', 'p95', 'p99']) result[`${prefix}${name}_${q}_ms`] = x[q];
    } catch (error) {
      notes.push(`${target.name}, ${key}: ${error.message.slice(0, 200)}`);
    }
  }
}

async function victoria(seconds) {
  const peer = new VictoriaMetrics(system.dir);
  result.vm_day_1s_p95_ms = null;
  if (!peer.isInstalled) return void notes.push('victoria-metrics skipped: not installed');
  const lines = join(system.dir, 'query.lines');
  try {
    storeTool(bin, 'export', ...sets, '--end', end, '--out', lines);
    await peer.start();
    await peer.load(lines);
    await peer.settle();
    console.log('\n  victoria-metrics over HTTP, warm, its cache of answers left out');
    await measure(new Target('victoria-metrics', peer.base, {}, { nocache: 1 }), seconds, 'vm_');
  } catch (error) {
    notes.push(`victoria-metrics: ${error.message.slice(0, 300)}`);
  } finally {
    await peer.stop();
    rmSync(lines, { force: true });
  }
}

async function prometheus(target, seconds) {
  Object.assign(result, { promql_equal: null, promql_total: null });
  const peer = new Prometheus(system.dir);
  if (!peer.isInstalled) return void notes.push('prometheus skipped: not installed');
  try {
    const text = join(system.dir, 'table-peer.om');
    storeTool(bin, 'export', '--set', `open:${join(system.dir, 'table.om')}`, '--format', 'openmetrics', '--out', text);
    peer.loadBlocks(text);
    if (!quick) {
      storeTool(bin, 'export', ...sets.slice(0, 4), '--end', end, '--format', 'openmetrics', '--out', text);
      peer.loadBlocks(text);
    }
    await peer.start();
    const { questions } = readTable();
    const asked = quick ? questions.filter((_, i) => i % 3 === 0) : questions;
    const x = await compareAnswers(target, peer, asked, tableStart);
    console.log(`\n  expressions whose answers are those of prometheus    ${x.equal} of ${x.total}`);
    for (const text of x.different.slice(0, 20)) console.log(`    not equal: ${text}`);
    Object.assign(result, { promql_equal: x.equal, promql_total: x.total });
    if (!quick) {
      console.log('\n  prometheus over HTTP, warm');
      await measure(new Target('prometheus', peer.base), seconds, 'prometheus_', ['day', 'day_raw', 'hour']);
    }
  } catch (error) {
    notes.push(`prometheus: ${error.message.slice(0, 300)}`);
  } finally {
    await peer.stop();
  }
}

try {
  console.log(`query: ${cpus().length} cores, ${cpus()[0].model}; load of others ${loadavg()[0].toFixed(1)}; clients and servers share them${quick ? '; quick: 60 days of hours, not two years' : ''}`);
  await system.prepare();
  fill();
  writeTable(readTable(), join(system.dir, 'table.om'), tableStart);
  storeTool(bin, 'load', '--directory', storeDir, '--set', `open:${join(system.dir, 'table.om')}`, '--bulk');
  const seconds = quick ? 1 : 6;
  console.log(`  ${'ms'.padEnd(46)} ${['p50', 'p95', 'p99'].map((x) => x.padStart(9)).join(' ')}`);
  const target = await start();
  console.log('  weir-central over HTTP, warm');
  await measure(target, seconds);
  result.two_years_1000_series_p95_ms ??= null;
  row('  CPU of the centre so far, s', { p50: cpuSeconds(system.centralPid) });
  await prometheus(target, seconds);
  console.log();
  const coldMs = await cold(quick ? 2 : 10);
  if (coldMs) {
    row('centre started, page cache dropped: a day', spread(coldMs.day));
    row('  100 series x 1 h', spread(coldMs.hour));
  }
  result.cold_p95_ms = coldMs ? quantile([...coldMs.day, ...coldMs.hour], 0.95) : null;
  await system.stop('central');
  await underLoad(quick ? 5 : 15);
  await system.stop('central');
  console.log('\n  store::query in its own process');
  await direct(quick ? 1.5 : 5);
  await victoria(seconds);
  if (quick) notes.push('two_months_* instead of two_years_*; a third of the expressions');
  result.notes = notes.join('; ');
} finally {
  await system.end();
}
for (const [key, value] of Object.entries(result)) if (typeof value === 'number') result[key] = Number(value.toPrecision(4));
console.log();
console.log(JSON.stringify(result));
