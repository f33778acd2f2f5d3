// A thousand edges come back at once after an outage of ten minutes: how long until a
// real centre has stored and acknowledged everything. The edges' sessions run in one
// process, with CURVE, the default back-off, and 60 windows of 20 series each.
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { System, cpuSeconds, rssMb, sleep, waitFor } from './system.mjs';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const bin = args[args.indexOf('--bin') + 1];
const edges = 1000;
// Until all edges wait their longest between two attempts, as after ten minutes.
const awaySeconds = quick ? 12 : 25;
const thousands = (x) => Math.round(x).toLocaleString('en-US');

const system = new System(bin);
const result = {};
try {
  console.log(`storm: ${cpus().length} cores, ${cpus()[0].model}; the edges and the centre share them`);
  console.log(`  ${thousands(edges)} edges, 60 windows of 10 s of 20 series each, CURVE, back-off up to 10 s; one run\n`);
  await system.prepare();
  const list = join(system.dir, 'allow.toml');
  const storm = system.driver('storm', '--endpoint', `tcp://127.0.0.1:${system.uplinkPort}`, '--server-key', system.centralKey, '--allow-list', list, '--edges', edges);
  storm.catch(() => {}); // Reported below.
  await waitFor('the keys of the edges', () => existsSync(list), 60);
  console.log(`  the edges try in vain for ${awaySeconds} s`);
  await sleep(awaySeconds * 1000);
  const begin = Date.now();
  await system.startCentre(readFileSync(list, 'utf8'));
  const ready = Date.now() - begin;
  const rss = { peak: 0 };
  let over = false;
  storm.finally(() => (over = true)).catch(() => {});
  while (!over) {
    rss.peak = Math.max(rss.peak, rssMb(system.centralPid));
    await sleep(50);
  }
  const done = await storm;
  const positions = await system.positions();
  const stored = positions.reduce((sum, x) => sum + x.through_seq, 0);
  if (stored !== done.summaries) throw new Error(`the centre's ledger has ${stored} of ${done.summaries} summaries`);
  const seconds = (ms) => (ms - begin) / 1000;
  const row = (what, value) => console.log(`  ${what.padEnd(44)} ${value}`);
  row('the centre answers after', `${ready} ms`);
  row('first edge caught up after', `${seconds(done.first_done_unix_ms).toFixed(2)} s`);
  row('half of them', `${seconds(done.half_done_unix_ms).toFixed(2)} s`);
  row('all of them', `${seconds(done.all_done_unix_ms).toFixed(2)} s`);
  row('summaries stored', thousands(stored));
  row('CPU of the centre', `${cpuSeconds(system.centralPid).toFixed(1)} s`);
  row('peak RSS of the centre', `${rss.peak.toFixed(0)} MB`);
  Object.assign(result, {
    edges,
    summaries: stored,
    seconds: Number(seconds(done.all_done_unix_ms).toFixed(2)),
    half_seconds: Number(seconds(done.half_done_unix_ms).toFixed(2)),
    cpu_s_centre: Number(cpuSeconds(system.centralPid).toFixed(2)),
    rss_centre_mb: Math.round(rss.peak),
    notes: '',
  });
} finally {
  await system.end();
}
console.log();
console.log(JSON.stringify(result));
