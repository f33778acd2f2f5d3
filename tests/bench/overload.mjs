// What an edge does with ten times the events that it can take, from clients that do not
// wait: it stays within its memory, sheds where it may and waits elsewhere, counts every
// event, and its alerts still go out.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { freePort, System, sleep } from './system.mjs';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const valueOf = (name, otherwise) => (args.includes(name) ? args[args.indexOf(name) + 1] : otherwise);
const bin = valueOf('--bin');
const seconds = Number(valueOf('--seconds', quick ? 8 : 20));
const boundMb = Number(valueOf('--memory-mb', 96));
const ratio = 10;
const thousands = (x) => Math.round(x).toLocaleString('en-US');

// Costly on purpose: who publishes ten times as much shares the machine. `filters` costs
// time, so that ten times can be offered at all; `views` costs memory. Some views are
// grouped, so that events also wait between shards.
const loads = {
  filters: { views: 3, grouped: 2, filters: 250 },
  views: { views: 8, grouped: 4, filters: 24 },
};
const costly = (load) =>
  Array.from({ length: load.views }, (_, i) => `[[view]]\nname = "v${i}"\nwidth_ms = ${1000 * (i + 2)}\naggregates = ["p95", "distinct(source)"]\n`).join('') +
  Array.from({ length: load.grouped }, (_, i) => `[[view]]\nname = "g${i}"\nwidth_ms = ${1000 * (i + 1)}\ngroup_by = ["metric"]\naggregates = ["p95", "distinct(source)"]\n`).join('') +
  Array.from({ length: load.filters }, (_, i) => `[[filter]]\nwhere = "not (value > ${900 + i} and value < ${901 + i}) and not (value * 1.5 > ${9000 + i} and value / 3 < ${1 + i})"\n`).join('');

/// Resident memory of the edge since the last call: the kernel's own peak.
function startPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)[1]) / 1024;
  return { peak: mb('VmHWM'), now: mb('VmRSS'), heap: mb('RssAnon'), files: mb('RssFile') + mb('RssShmem') };
}

const fates = ['taken', 'late', 'duplicate', 'quarantined', 'filtered', 'shed', 'held', 'in_flight'];

console.log(`overload: ${cpus().length} cores, ${cpus()[0].model}; publishers, broker, edge and centre share them`);

async function overload(load) {
  const system = new System(bin);
  const result = {};
  const notes = [];
  try {
    console.log(`\n  1,400 series, ${load.views + load.grouped} views with sketches, ${load.filters} filters, memory_mb_max ${boundMb}; ${seconds} s of ${ratio} times the sustainable rate\n`);
    await system.startBrokerAndCentre();
    system.uri = `mqtt://127.0.0.1:${system.mqttPort}`;
    const [shedPort, pullPort] = [await freePort(), await freePort()];
    const bound = `[node]\nmemory_mb_max = ${boundMb}\n`;
    const known = system.accepts(bound);
    if (!known) notes.push('this edge has no memory_mb_max');
    await system.startEdge({
      heartbeatMs: 100,
      node: known ? `memory_mb_max = ${boundMb}\n` : '',
      rules: '[[rule]]\nname = "hot"\nmetric = "hot-*"\ncondition = "above"\nlimit = 400.0\n',
      extra: `[[source.zmq]]\nname = "shedding"\nrouter = "tcp://127.0.0.1:${shedPort}"\npull = "tcp://127.0.0.1:${pullPort}"\non_overload = "shed"\n${costly(load)}`,
    });
    const pid = system.edgePid;
    const row = (what, value) => console.log(`  ${what.padEnd(44)} ${value}`);
    // Each client is some machines of its own, as in life: event time is told by machine.
    let clients = 0;
    const own = () => ['--first-series', 200 * clients++, '--series', 200];
    const zmq = (port, ...more) => system.lenientDriver('zmq-batch', '--endpoint', `tcp://127.0.0.1:${port}`, '--drain', 60, ...more);
    const mqtt = (...more) => system.lenientDriver('mqtt-batch', '--uri', system.uri, '--topic', 'bench/e', '--qos', 1, ...more);
    const alerts = (time, wait) =>
      system.lenientDriver('alert-latency', '--uri', system.uri, '--topic', 'bench/e', '--alert-topic', 'weir/edge/+/alerts/#', '--metric', `hot-${++alertRuns}`, '--rate', 200, '--seconds', time, '--value', 500, '--wait', wait);
    let alertRuns = 0;

    await zmq(system.zmqPort, '--seconds', 2);
    startPeak(pid);
    const sustained = await zmq(system.zmqPort, '--seconds', quick ? 4 : 8);
    const calmMemory = memory(pid);
    const calm = await alerts(quick ? 3 : 6, 10);
    row('sustainable (acknowledged, one client)', `${thousands(sustained.events_per_s)} events/s, peak RSS ${calmMemory.peak.toFixed(1)} MB`);

    // -- overload ------------------------------------------------------------------
    const before = await system.edgeLedger();
    startPeak(pid);
    // Small messages do not come to much on two cores: three of the four must suffice.
    const rate = Math.round((sustained.events_per_s * ratio) / 3);
    let heap = 0;
    let state = 0;
    let files = 0;
    let watching = true;
    let looks = 0;
    const watch = (async () => {
      for (; watching; await sleep(50)) {
        const x = memory(pid);
        [heap, files] = [Math.max(heap, x.heap), Math.max(files, x.files)];
        if (++looks % 20 === 0) state = Math.max(state, (await system.edgeCounters().catch(() => ({}))).state_bytes ?? 0);
      }
    })();
    const flood = ['--seconds', seconds, '--rate', rate];
    const offering = [
      zmq(shedPort, ...own(), ...flood, '--window', 20000),
      zmq(shedPort, ...own(), ...flood, '--window', 20000, '--events-per-message', 10),
      zmq(shedPort, ...own(), ...flood, '--window', 20000),
      zmq(shedPort, ...own(), ...flood, '--window', 20000, '--events-per-message', 200),
      zmq(system.zmqPort, ...own(), '--seconds', seconds),
      zmq(system.zmqPort, ...own(), '--seconds', seconds, '--events-per-message', 200),
      mqtt(...own(), '--seconds', seconds, '--publishers', 4, '--rate', 2000),
    ];
    const during = alerts(seconds, 60);
    const offered = await Promise.all(offering);
    const overSince = performance.now();
    for (const x of offered)
      console.error(`    ${x.bench.padEnd(10)} sent ${x.events_sent}, acknowledged ${x.events_acked}, ${x.seconds.toFixed(1)} s`);
    const alerted = await during;

    // -- and after -----------------------------------------------------------------
    const limit = Math.max(2 * calm.p99_ms, calm.p99_ms + 50);
    let recovered = null;
    let probes = 0;
    let probed = 0;
    for (; recovered === null && performance.now() - overSince < 60_000; ++probes) {
      const begin = performance.now();
      const x = await alerts(1, 10);
      probed += x.events;
      if (x.p99_ms <= limit) recovered = begin - overSince;
    }
    await sleep(1500);
    watching = false;
    await watch;
    const overMemory = memory(pid);
    const after = await system.edgeLedger();

    const grown = (key) => Number(after[key]) - Number(before[key]);
    const uncounted = Number(after.received) - fates.reduce((total, key) => total + Number(after[key]), 0);
    // A PUSH client hears nothing: what it has sent counts. For the others it is what was
    // acknowledged; what was not may have come all the same, and only lowers the figure.
    const promised = (x) => (x.events_acked > 0 ? x.events_acked : x.events_sent);
    const sent = offered.reduce((total, x) => total + promised(x), 0) + alerted.events + probed;
    const missing = sent - grown('received');
    const offeredPerS = offered.reduce((total, x) => total + (x.offered_per_s ?? x.events_sent / seconds), 0);
    const over = (overMemory.peak / boundMb - 1) * 100;
    if (offeredPerS < 0.95 * ratio * sustained.events_per_s)
      notes.push(`offered only ${(offeredPerS / sustained.events_per_s).toFixed(1)} times the sustainable rate: sources that wait and this machine's cores set the limit`);
    row('offered by 4 that are shed, 2 that wait, MQTT', `${thousands(offeredPerS)} events/s, ${(offeredPerS / sustained.events_per_s).toFixed(1)} times`);
    row('promised, received, missing', `${thousands(sent)}, ${thousands(grown('received'))}, ${thousands(missing)}`);
    row('of these', fates.map((key) => `${key} ${thousands(grown(key))}`).join(', '));
    row('received and not accounted for', thousands(uncounted));
    row('peak RSS (heap, files)', `${overMemory.peak.toFixed(1)} MB (${heap.toFixed(1)}, ${files.toFixed(1)}), bound ${boundMb} MB: ${over.toFixed(1)} %`);
    row('of these, windows and sketches', `${(state / 2 ** 20).toFixed(1)} MB, and again encoded in a checkpoint`);
    for (const [name, x] of [['before', calm], ['during', alerted]])
      row(`alerts ${name}`, `${x.alerts_received} of ${x.alerts_expected}, p50 ${x.p50_ms.toFixed(1)} ms, p99 ${x.p99_ms.toFixed(1)} ms`);
    row('normal latency of alerts is back after', recovered === null ? 'more than 60 s' : `${Math.round(recovered)} ms`);
    Object.assign(result, {
      sustainable_events_per_s: Math.round(sustained.events_per_s),
      offered_events_per_s: Math.round(offeredPerS),
      offered_ratio: Number((offeredPerS / sustained.events_per_s).toFixed(2)),
      rss_calm_mb: Number(calmMemory.peak.toFixed(1)),
      rss_peak_mb: Number(overMemory.peak.toFixed(1)),
      rss_heap_mb: Number(heap.toFixed(1)),
      state_mb: Number((state / 2 ** 20).toFixed(1)),
      rss_after_mb: Number(overMemory.now.toFixed(1)),
      bound_mb: boundMb,
      rss_over_bound_percent: Number(over.toFixed(1)),
      received_events: grown('received'),
      taken_events: grown('taken'),
      shed_events: grown('shed'),
      lost_uncounted: Math.abs(uncounted) + Math.max(missing, 0),
      alerts_sent: alerted.alerts_expected,
      alerts_seen: alerted.alerts_received,
      alert_p99_calm_ms: Number(calm.p99_ms.toFixed(1)),
      alert_p99_overload_ms: Number(alerted.p99_ms.toFixed(1)),
      recovered_ms: recovered === null ? null : Math.round(recovered),
      notes: notes.join('; '),
    });
  } finally {
    await system.end();
  }
  return result;
}

const result = await overload(loads.filters);
const views = await overload(loads.views);
for (const key of ['sustainable_events_per_s', 'offered_ratio', 'rss_peak_mb', 'state_mb', 'rss_over_bound_percent', 'lost_uncounted', 'alerts_sent', 'alerts_seen', 'notes'])
  result[`views_${key}`] = views[key];
console.log();
console.log(JSON.stringify(result));
