// How fast events go from a publisher through broker, edge and uplink into the store of
// the centre, all on this machine. Keys of the JSON line: see docs/benchmarks.md.
import { cpus } from 'node:os';
import { System, cpuSeconds, rssMb, sleep, waitFor } from './system.mjs';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const bin = args[args.indexOf('--bin') + 1];
const repetitions = quick ? 1 : 5;
const seconds = quick ? 2 : 4;

const sorted = (xs) => [...xs].sort((a, b) => a - b);
const median = (xs) => sorted(xs)[Math.floor(xs.length / 2)];
const thousands = (x) => Math.round(x).toLocaleString('en-US');
const notes = [];

function row(what, values, unit, bound = '') {
  const s = sorted(values);
  console.log(
    `  ${what.padEnd(44)} ${thousands(median(values)).padStart(12)} ${unit.padEnd(9)} min ${thousands(s[0])}, max ${thousands(s.at(-1))}${bound ? `   ${bound}` : ''}`,
  );
}

/// One load on the running edge. The rate counts an event when the edge has put it
/// into a window, from the first to the last; the centre stores meanwhile.
async function measure(system, driverArgs) {
  const before = await system.edgeCounters();
  const cpuBefore = cpuSeconds(system.edgePid);
  const begin = performance.now();
  const sent = await system.driver(...driverArgs);
  const want = before.events_total + sent.events_sent;
  let edge;
  await waitFor('the edge to take everything', async () => {
    edge = await system.edgeCounters();
    return edge.events_total >= want;
  }, 60);
  const elapsed = (performance.now() - begin) / 1000; // To within a heartbeat of 0.1 s.
  const cpu = cpuSeconds(system.edgePid) - cpuBefore;
  if (edge.rejected_total !== before.rejected_total) notes.push(`${edge.rejected_total - before.rejected_total} events were rejected in ${driverArgs[0]}`);
  if (edge.events_total !== want) notes.push(`${edge.events_total - want} events more than were sent in ${driverArgs[0]}`);
  if (edge.late_total !== before.late_total) notes.push(`${edge.late_total - before.late_total} events were late in ${driverArgs[0]}`);
  return { rate: sent.events_sent / elapsed, cpuUs: (cpu * 1e6) / sent.events_sent };
}

async function repeat(system, driverArgs) {
  await measure(system, [...driverArgs, '--seconds', 1]); // Warm-up.
  const runs = [];
  for (let i = 0; i < repetitions; ++i) runs.push(await measure(system, [...driverArgs, '--seconds', seconds]));
  return runs;
}

/// Messages a second of `events` events each, one a message, to a bare subscriber that
/// only counts: what the broker and the client library allow on this machine.
async function bareCeiling(system) {
  const topic = 'ceiling/events';
  const rates = [];
  for (let i = 0; i < repetitions; ++i) {
    const counting = system.driver('mqtt-count', '--uri', system.uri, '--topic', 'ceiling/#', '--qos', 1, '--seconds', seconds + 2);
    await sleep(700);
    await system.driver('mqtt-single', '--uri', system.uri, '--topic', topic, '--qos', 1, '--publishers', 4, '--seconds', seconds);
    rates.push((await counting).msgs_per_s);
  }
  return rates;
}

const system = new System(bin);
const result = {};
try {
  console.log(`ingest: ${cpus().length} cores, ${cpus()[0].model}; publisher, broker, edge and centre share them`);
  console.log(`  1,000 series, windows of 10 s, detector on; ${repetitions} x ${seconds} s after 1 s of warm-up; median\n`);
  await system.startBrokerAndCentre();
  system.uri = `mqtt://127.0.0.1:${system.mqttPort}`;
  const zmq = ['zmq-batch', '--endpoint'];
  const startMs = await system.startEdge();

  const idleFrom = cpuSeconds(system.edgePid);
  const idleSeconds = quick ? 4 : 10;
  await sleep(idleSeconds * 1000);
  result.edge_idle_cpu_percent = ((cpuSeconds(system.edgePid) - idleFrom) / idleSeconds) * 100;
  console.log(`  idle CPU of the edge ${result.edge_idle_cpu_percent.toFixed(2)} % of a core`);

  // Memory with 1,000 series that each send ten events a second.
  await system.driver('mqtt-batch', '--uri', system.uri, '--topic', 'bench/e', '--qos', 1, '--publishers', 1, '--series', 1000, '--events-per-message', 100, '--rate', 100, '--seconds', quick ? 3 : 12);
  result.edge_rss_mb = rssMb(system.edgePid);
  console.log(`  edge RSS with 1,000 series at 10,000 events/s ${result.edge_rss_mb.toFixed(1)} MB\n`);
  await system.stop('edge');

  await system.startEdge({ heartbeatMs: 100 });

  const plain = await repeat(system, [...zmq, `tcp://127.0.0.1:${system.zmqPort}`]);
  row('ZeroMQ msgpack, batches of 100', plain.map((x) => x.rate), 'events/s');
  const curve = await repeat(system, [...zmq, `tcp://127.0.0.1:${system.curvePort}`, '--curve-key', 'publisher.key', '--curve-server', system.edgeKey]);
  row('the same with CURVE', curve.map((x) => x.rate), 'events/s', `ratio to plain ${(median(curve.map((x) => x.rate)) / median(plain.map((x) => x.rate))).toFixed(2)}`);
  const batch = await repeat(system, ['mqtt-batch', '--uri', system.uri, '--topic', 'bench/e', '--qos', 1, '--publishers', 4, '--events-per-message', 100]);
  row('MQTT QoS 1 JSON, 100 events a message', batch.map((x) => x.rate), 'events/s');
  const ceiling = await bareCeiling(system);
  row('MQTT QoS 1, a bare subscriber that counts', ceiling, 'msgs/s');
  const single = await repeat(system, ['mqtt-single', '--uri', system.uri, '--topic', 'bench/e', '--qos', 1, '--publishers', 4]);
  const ratio = median(single.map((x) => x.rate)) / median(ceiling);
  row('MQTT QoS 1 JSON, one event a message', single.map((x) => x.rate), 'events/s', `ratio to the bare subscriber ${ratio.toFixed(2)}`);
  result.edge_rss_after_load_mb = rssMb(system.edgePid);
  await system.stop('edge');

  await system.startEdge({ detector: false, heartbeatMs: 100 });
  const undetected = await repeat(system, [...zmq, `tcp://127.0.0.1:${system.zmqPort}`]);
  row('ZeroMQ, detector off', undetected.map((x) => x.rate), 'events/s');
  await system.stop('edge');

  // The journal's cost: by turns with it and without, the same load.
  const journaled = [];
  const unjournaled = [];
  const withoutJournal = '[journal]\nenabled = false\n[checkpoint]\nenabled = false\n';
  if (system.accepts(withoutJournal)) {
    for (let i = 0; i < (quick ? 1 : 3); ++i)
      for (const [into, extra] of [[journaled, ''], [unjournaled, withoutJournal]]) {
        await system.startEdge({ extra, heartbeatMs: 100 });
        into.push(...(await repeat(system, [...zmq, `tcp://127.0.0.1:${system.zmqPort}`])));
        await system.stop('edge');
      }
    row('ZeroMQ, with journal and checkpoints', journaled.map((x) => x.rate), 'events/s');
    row('the same without', unjournaled.map((x) => x.rate), 'events/s');
  }

  await system.startEdge({ rules: '[[rule]]\nname = "hot"\nmetric = "temperature"\ncondition = "above"\nlimit = 400.0\n' });
  const alerts = await system.driver('alert-latency', '--uri', system.uri, '--topic', 'bench/e', '--alert-topic', 'weir/edge/+/alerts/#', '--rate', 10000, '--seconds', quick ? 4 : 15, '--value', 500);
  if (alerts.alerts_received !== alerts.alerts_expected) notes.push(`${alerts.alerts_received} of ${alerts.alerts_expected} alerts came`);
  console.log(`  event to MQTT alert at ${thousands(alerts.events_per_s)} events/s: p50 ${alerts.p50_ms.toFixed(1)} ms, p99 ${alerts.p99_ms.toFixed(1)} ms, max ${alerts.max_ms.toFixed(1)} ms (${alerts.alerts_received} alerts)`);
  await system.stop('edge');

  const plainCpu = median(plain.map((x) => x.cpuUs));
  Object.assign(result, {
    zmq_batch_events_per_s: Math.round(median(plain.map((x) => x.rate))),
    zmq_batch_curve_events_per_s: Math.round(median(curve.map((x) => x.rate))),
    mqtt_batch_events_per_s: Math.round(median(batch.map((x) => x.rate))),
    mqtt_single_events_per_s: Math.round(median(single.map((x) => x.rate))),
    mqtt_single_ceiling_msgs_per_s: Math.round(median(ceiling)),
    mqtt_single_ratio: Number(ratio.toFixed(3)),
    cpu_us_per_event_zmq: Number(plainCpu.toFixed(3)),
    cpu_us_per_event_mqtt_single: Number(median(single.map((x) => x.cpuUs)).toFixed(2)),
    edge_start_ms: Math.round(startMs),
    alert_p50_ms: Number(alerts.p50_ms.toFixed(2)),
    alert_p99_ms: Number(alerts.p99_ms.toFixed(2)),
    journal_events_per_s: journaled.length ? Math.round(median(journaled.map((x) => x.rate))) : null,
    no_journal_events_per_s: unjournaled.length ? Math.round(median(unjournaled.map((x) => x.rate))) : null,
    journal_cost_percent: journaled.length
      ? Number(((1 - median(journaled.map((x) => x.rate)) / median(unjournaled.map((x) => x.rate))) * 100).toFixed(1))
      : null,
    detect_cost_percent: Number(((1 - median(undetected.map((x) => x.cpuUs)) / plainCpu) * 100).toFixed(1)),
  });
  result.edge_rss_mb = Number(result.edge_rss_mb.toFixed(1));
  result.edge_rss_after_load_mb = Number(result.edge_rss_after_load_mb.toFixed(1));
  result.edge_idle_cpu_percent = Number(result.edge_idle_cpu_percent.toFixed(3));
  if (!journaled.length) notes.push('journal_cost_percent: this edge has no journal to switch off');
  result.notes = notes.join('; ');
} finally {
  await system.end();
}
console.log();
console.log(JSON.stringify(result));
