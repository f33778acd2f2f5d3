// How long a day of backlog takes: 86,400 windows of one second of 100 series wait in
// the outbox of one real edge, which starts beside a real centre.
import { cpus } from 'node:os';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { System, cpuSeconds, rssMb, sleep } from './system.mjs';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const bin = args[args.indexOf('--bin') + 1];
const windows = quick ? 21_600 : 86_400;
const series = 100;
const thousands = (x) => Math.round(x).toLocaleString('en-US');

const system = new System(bin);
const result = {};
try {
  console.log(`backlog: ${cpus().length} cores, ${cpus()[0].model}; edge and centre share them`);
  console.log(`  ${thousands(windows)} windows of 1 s of ${series} series${quick ? ' (a quarter of a day)' : ''}, one run\n`);
  await system.prepare();
  const made = await system.driver('make-backlog', '--directory', join(system.dir, 'edge', 'outbox'), '--seconds', windows, '--series', series);
  console.log(`  made ${thousands(made.summaries)} summaries in ${thousands(made.blocks)} blocks, ${(made.bytes / 1e6).toFixed(0)} MB`);
  await system.startCentre();
  writeFileSync(
    join(system.dir, 'edge.toml'),
    `[node]\nname = "bench"\ndata_dir = "edge"\n[outbox]\nsize_mb_max = 4096\n[uplink]\nendpoint = "tcp://127.0.0.1:${system.uplinkPort}"\n` +
      `server_public_key = '${system.centralKey}'\nsecret_key_file = "edge.key"\n`,
  );
  const edge = system.launch('edge', system.program('weir-edge'), ['--config', 'edge.toml']);
  const begin = performance.now();
  const elapsed = () => (performance.now() - begin) / 1000;
  const rss = { edge: 0, centre: 0 };
  let through = 0;
  for (let printed = 0; through < made.summaries; ) {
    await sleep(100);
    if (edge.exitCode !== null) throw new Error(`the edge has ended: ${system.log('edge')}`);
    through = Math.max(0, ...(await system.positions()).map((x) => x.through_seq));
    rss.edge = Math.max(rss.edge, rssMb(edge.pid));
    rss.centre = Math.max(rss.centre, rssMb(system.centralPid));
    if (elapsed() - printed > 10) console.log(`  ${elapsed().toFixed(0)} s: ${thousands(through)} stored`), (printed = elapsed());
    if (elapsed() > 900) throw new Error(`only ${through} were stored in 15 minutes`);
  }
  const seconds = elapsed();
  const cpu = { edge: cpuSeconds(edge.pid), centre: cpuSeconds(system.centralPid) };
  const row = (what, value) => console.log(`  ${what.padEnd(34)} ${value}`);
  row('drained in', `${seconds.toFixed(1)} s`);
  row('summaries/s', thousands(made.summaries / seconds));
  row('times faster than real time', thousands(windows / seconds));
  row('CPU of edge, centre', `${cpu.edge.toFixed(1)} s, ${cpu.centre.toFixed(1)} s`);
  row('peak RSS of edge, centre', `${rss.edge.toFixed(0)} MB, ${rss.centre.toFixed(0)} MB`);
  Object.assign(result, {
    summaries: made.summaries,
    seconds: Number(seconds.toFixed(2)),
    day_seconds: Number(((seconds * 86_400) / windows).toFixed(2)),
    summaries_per_s: Math.round(made.summaries / seconds),
    real_time_ratio: Math.round(windows / seconds),
    cpu_s_edge: Number(cpu.edge.toFixed(2)),
    cpu_s_centre: Number(cpu.centre.toFixed(2)),
    rss_edge_mb: Math.round(rss.edge),
    rss_centre_mb: Math.round(rss.centre),
    bytes_per_summary: Number((made.bytes / made.summaries).toFixed(1)),
    notes: quick ? 'a quarter of a day' : '',
  });
} finally {
  await system.end();
}
console.log();
console.log(JSON.stringify(result));
