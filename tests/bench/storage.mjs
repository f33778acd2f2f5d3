// How fast the store takes windows, how many bytes they are on disk, and how fast it
// opens again; beside it what the disk and the memory can do, and other databases with
// the same samples where they are installed. Keys of the JSON line: docs/benchmarks.md.
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { System, cpuSeconds, rssMb, waitFor } from './system.mjs';
import { Influx, Prometheus, VictoriaMetrics, dataFolder, dropCaches, quantile, storeTool } from './storage_peers.mjs';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const full = args.includes('--full'); // A store of 10 GB for the reopening.
const bin = args[args.indexOf('--bin') + 1];
const seconds = quick ? 300 : 3600;
const notes = [];
const result = { machine_load: loadavg()[0] }; // Above 0.5: others take of what is measured.
const thousands = (x) => Math.round(x).toLocaleString('en-US');
const row = (what, value, more = '') => console.log(`  ${what.padEnd(50)} ${String(value).padStart(14)}  ${more}`);
const mb = (x) => (x / 1e6).toFixed(x < 1e8 ? 1 : 0);

const system = new System(bin);
const store = (name) => join(system.dir, name);
const load = (name, ...more) => storeTool(bin, 'load', '--directory', store(name), ...more);
const drop = (name) => rmSync(store(name), { recursive: true, force: true });

/// Median of some runs by their rate; the others' range goes into the table.
function repeated(times, run) {
  const all = Array.from({ length: times }, run).sort((a, b) => a.records_per_s - b.records_per_s);
  const middle = all[Math.floor((all.length - 1) / 2)];
  return { ...middle, range: times > 1 ? `min ${thousands(all[0].records_per_s)}, max ${thousands(all.at(-1).records_per_s)} of ${times}` : 'one run' };
}

function bounds() {
  const x = storeTool(bin, 'bounds', '--directory', store('bounds'), '--mb', quick ? 256 : 1024);
  row('disk, sequential write with a sync, MB/s', mb(x.disk_write_bytes_per_s));
  row('disk, synced write of 4 KiB, ms', x.sync_p50_ms.toFixed(2), `p99 ${x.sync_p99_ms.toFixed(2)}`);
  row('memcpy, MB/s', mb(x.memcpy_bytes_per_s));
  Object.assign(result, { disk_write_mb_per_s: x.disk_write_bytes_per_s / 1e6, sync_p50_ms: x.sync_p50_ms, memcpy_mb_per_s: x.memcpy_bytes_per_s / 1e6 });
  return x;
}

function shape(title, key, times, ...more) {
  const x = repeated(times, () => {
    drop('write');
    return load('write', ...more);
  });
  row(title, thousands(x.records_per_s), x.range);
  const share = (s) => `${((100 * s) / (x.commit_s + x.maintain_s + x.flush_s)).toFixed(0)} %`;
  row('  of its time in commit, moving into blocks', share(x.commit_s), `${share(x.maintain_s + x.flush_s)}; CPU ${x.cpu_us_per_record.toFixed(2)} us a summary`);
  row('  p99 of a commit, a step of maintain, ms', x.commit_p99_ms.toFixed(0), x.maintain_p99_ms.toFixed(0));
  row('  bytes a summary, synthetic', x.bytes_per_record.toFixed(2), `${mb(statSync(join(store('write'), 'data.mdb')).size)} MB of file, ${mb(x.size_bytes)} MB used`);
  const moved = x.records / (x.maintain_s + x.flush_s);
  Object.assign(result, { [`write_${key}summaries_per_s`]: x.records_per_s, [`flush_${key}rows_per_s`]: moved, [`made_${key}bytes_per_summary`]: x.bytes_per_record });
  row('  rows a second into blocks with rollups', thousands(moved));
  return x;
}

async function acked() {
  const seconds = quick ? 8 : 30;
  const list = join(system.dir, 'allow.toml');
  const go = join(system.dir, 'go');
  await system.prepare();
  const driver = system.driver('acked', '--endpoint', `tcp://127.0.0.1:${system.uplinkPort}`, '--server-key', system.centralKey, '--allow-list', list, '--go', go, '--seconds', seconds, '--backlog', quick ? 10 : 40);
  driver.catch(() => {}); // Reported below.
  await waitFor('the keys of the edges', () => existsSync(list), 60);
  await system.startCentre(readFileSync(list, 'utf8'));
  const before = cpuSeconds(system.centralPid);
  writeFileSync(go, '');
  const x = await driver.catch((error) => ({ error }));
  if (x.error) {
    notes.push(`acked: ${x.error.message.trim()}`);
    Object.assign(result, { write_acked_1000_edges_per_s: null, ack_p99_ms: null });
  } else {
    const stored = (await system.positions()).reduce((sum, p) => sum + p.through_seq, 0);
    if (stored !== x.summaries) throw new Error(`the centre's ledger has ${stored} of ${x.summaries} summaries`);
    row('1,000 edges x 50 series x 1 s: acked/s', thousands(x.acked_per_s), `offered ${thousands(x.offered_per_s)} for ${seconds} s; edges on the same cores`);
    row('  ack p50, p95, p99, ms', x.ack_p50_ms.toFixed(0), `${x.ack_p95_ms.toFixed(0)}, ${x.ack_p99_ms.toFixed(0)}`);
    row('  then a backlog of all at once, acked/s', thousands(x.backlog_per_s));
    row('  CPU of the centre, of the edges, s', (cpuSeconds(system.centralPid) - before).toFixed(1), `${x.cpu_s.toFixed(1)}; RSS of the centre ${rssMb(system.centralPid).toFixed(0)} MB`);
    Object.assign(result, { write_acked_1000_edges_per_s: x.acked_per_s, ack_p50_ms: x.ack_p50_ms, ack_p99_ms: x.ack_p99_ms, acked_backlog_per_s: x.backlog_per_s });
  }
  await system.stop('central');
}

/// What a set of samples is on disk, in the store and elsewhere.
async function sizes(title, set, key) {
  const plain = load(`${key}-plain`, ...set);
  const bytes = { weir: plain.bytes_per_record, vm: null, influx: null, prometheus: null };
  const rate = { weir: plain.records_per_s };
  const lines = join(system.dir, `${key}.lines`);
  storeTool(bin, 'export', ...set, '--out', lines);
  for (const [name, Kind] of [['vm', VictoriaMetrics], ['influx', Influx]]) {
    const peer = new Kind(join(system.dir, key));
    if (!peer.isInstalled) {
      notes.push(`${peer.name} skipped: not installed`);
      continue;
    }
    try {
      await peer.start();
      const begin = performance.now();
      await peer.load(lines);
      rate[name] = plain.records / ((performance.now() - begin) / 1e3);
      await peer.settle();
      bytes[name] = (await peer.bytes()) / plain.records;
    } catch (error) {
      notes.push(`${peer.name}: ${error.message}`);
    } finally {
      await peer.stop();
    }
  }
  rmSync(lines);
  const blocks = new Prometheus(join(system.dir, key));
  if (blocks.isInstalled && key === 'made') {
    const text = join(system.dir, `${key}.om`);
    storeTool(bin, 'export', ...set, '--format', 'openmetrics', '--out', text);
    const begin = performance.now();
    blocks.loadBlocks(text);
    rate.prometheus = plain.records / ((performance.now() - begin) / 1e3);
    bytes.prometheus = blocks.bytes() / plain.records;
    rmSync(text);
  }
  console.log(`\n  ${title}: ${thousands(plain.records)} plain samples of ${plain.series} series`);
  const line = (name, x) => row(`  ${name}`, bytes[x]?.toFixed(2) ?? '-', `B a sample; ${rate[x] ? thousands(rate[x]) : '-'} samples/s`);
  line('Weir, rollups included, flushed', 'weir');
  line('victoria-metrics, merged; line protocol over HTTP', 'vm');
  line('influxdb, compacted; line protocol over HTTP', 'influx');
  line('prometheus, blocks by promtool', 'prometheus');
  return { bytes, rate };
}

function keepSizes({ bytes, rate }, prefix) {
  Object.assign(result, {
    [`${prefix}bytes_per_sample`]: bytes.weir,
    [`${prefix}vm_bytes_per_sample`]: bytes.vm,
    [`${prefix}influx_bytes_per_sample`]: bytes.influx,
    [`${prefix}prometheus_bytes_per_sample`]: bytes.prometheus,
    [`${prefix}vm_ratio`]: bytes.vm ? bytes.weir / bytes.vm : null,
    [`${prefix}samples_per_s`]: rate.weir,
    [`${prefix}vm_samples_per_s`]: rate.vm ?? null,
    [`${prefix}influx_samples_per_s`]: rate.influx ?? null,
    [`${prefix}prometheus_samples_per_s`]: rate.prometheus ?? null,
  });
}

function reopening() {
  drop('write');
  const made = full
    ? load('large', '--set', 'made:temperature:2000:160000:1', '--full', '--fat', '--bulk', '--no-maintain', '--commit-records', 100000)
    : load('large', '--set', `made:temperature:1000:${quick ? 1500 : 20000}:1`, '--full', '--fat', '--bulk', '--no-maintain', '--seconds-max', quick ? 6 : 60);
  const open = () => storeTool(bin, 'reopen', '--directory', store('large'));
  const warm = Array.from({ length: 5 }, () => open().ms);
  const cold = [];
  while (cold.length < 5 && dropCaches()) cold.push(open().ms);
  const size = statSync(join(store('large'), 'data.mdb')).size;
  row(`reopen ${mb(size)} MB (${mb(made.size_bytes)} MB used), warm, ms`, quantile(warm, 0.5).toFixed(1), `max ${Math.max(...warm).toFixed(1)} of 5`);
  row('  from a cold page cache, ms', cold.length ? quantile(cold, 0.5).toFixed(1) : '-', cold.length ? `max ${Math.max(...cold).toFixed(1)} of 5` : 'not allowed here');
  if (!full) notes.push(`reopen of ${mb(size)} MB; 10 GB with --full`);
  Object.assign(result, { reopen_ms: cold.length ? quantile(cold, 0.5) : quantile(warm, 0.5), reopen_warm_ms: quantile(warm, 0.5), reopen_size_mb: size / 1e6, reopen_used_mb: made.size_bytes / 1e6 });
  drop('large');
}

try {
  console.log(`storage: ${cpus().length} cores, ${cpus()[0].model}; load of others ${loadavg()[0].toFixed(1)}; LMDB with its default sync${quick ? '; quick' : ''}\n`);
  const bound = bounds();
  console.log('\n  summaries a second on one thread until all are in blocks (commits of 20,000 and maintain by turns, then flush)');
  const times = quick ? 1 : 5;
  const wide = shape('1 edge, 1,000 series, 1 s windows', '', times, '--set', `made:temperature:1000:${seconds / (quick ? 1 : 3)}:1`, '--full');
  const written = wide.records_per_s * wide.bytes_per_record;
  row('  of what the disk can write', `${((100 * written) / bound.disk_write_bytes_per_s).toFixed(2)} %`, 'bytes that stay; pages are written more than once');
  shape('1,000 edges x 10 series, blocks of 10', 'small_', quick ? 1 : 3, '--set', `made:temperature:10:${quick ? 30 : 180}:1`, '--full', '--edges', 1000, '--block-records', 10);
  drop('write');
  console.log();
  await acked();

  const data = dataFolder();
  if (data) {
    const set = ['--set', `csv:${join(data, 'streams')}`, '--set', `csv:${join(data, 'nab')}`, '--bulk'];
    keepSizes(await sizes('real', set.slice(0, 4), 'real'), '');
    const windows = load('real-full', ...set, '--full');
    result.bytes_per_summary = windows.bytes_per_record;
    row('  Weir, each a window of ten values around it', windows.bytes_per_record.toFixed(2), 'B a summary');
  } else {
    notes.push('real data skipped: no data');
  }
  const made = await sizes('made, 1 s, steps of 0.01', ['--set', `made:temperature:200:${quick ? 1800 : 7200}:1`], 'made');
  keepSizes(made, 'made_');
  if (!data) {
    Object.assign(result, { bytes_per_sample: result.made_bytes_per_sample, vm_bytes_per_sample: result.made_vm_bytes_per_sample, influx_bytes_per_sample: result.made_influx_bytes_per_sample, bytes_per_summary: result.made_bytes_per_summary });
    notes.push('bytes_per_* are of made samples');
  }
  console.log();
  reopening();
  result.encryption_cost_percent = null;
  notes.push('encryption_cost_percent: the store does not seal its values yet');
  result.notes = [...new Set(notes)].join('; ');
} finally {
  await system.end();
}
for (const [key, value] of Object.entries(result)) if (typeof value === 'number') result[key] = Number(value.toPrecision(4));
console.log();
console.log(JSON.stringify(result));
