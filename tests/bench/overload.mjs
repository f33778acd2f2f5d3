// What an edge does with ten times the events that it can take: it sheds what may be
// shed, counts each one, keeps its memory, and its alerts still go out.
import { cpus } from 'node:os';
import { freePort, System, rssMb, sleep } from './system.mjs';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const bin = args[args.indexOf('--bin') + 1];
const seconds = quick ? 8 : 60;
const ratio = 10;
const thousands = (x) => Math.round(x).toLocaleString('en-US');

// Costly on purpose: the publisher of ten times as much shares the machine.
const costly =
  Array.from({ length: 12 }, (_, i) => `[[view]]\nname = "v${i}"\nwidth_ms = ${1000 * (i + 2)}\naggregates = ["p95", "distinct(source)"]\n`).join('') +
  Array.from({ length: 24 }, (_, i) => `[[filter]]\nwhere = "not (value > ${900 + i} and value < ${901 + i} or text(value) = 'x')"\n`).join('');

const system = new System(bin);
const result = {};
const notes = [];
try {
  console.log(`overload: ${cpus().length} cores, ${cpus()[0].model}; publishers, broker, edge and centre share them`);
  console.log(`  1,000 series, 12 views with sketches, 24 filters; ${seconds} s of ${ratio} times the sustainable rate\n`);
  await system.startBrokerAndCentre();
  system.uri = `mqtt://127.0.0.1:${system.mqttPort}`;
  const shedPort = await freePort();
  await system.startEdge({
    heartbeatMs: 100,
    rules: '[[rule]]\nname = "hot"\nmetric = "temperature"\ncondition = "above"\nlimit = 400.0\n',
    extra: `[[source.zmq]]\nname = "shedding"\nrouter = "tcp://127.0.0.1:${shedPort}"\non_overload = "shed"\n${costly}`,
  });
  let peak = 0;
  let watching = true;
  const watch = (async () => {
    while (watching) {
      peak = Math.max(peak, rssMb(system.edgePid));
      await sleep(50);
    }
  })();
  const takePeak = () => {
    const x = peak;
    peak = 0;
    return x;
  };
  const batch = (port, ...more) => system.driver('zmq-batch', '--endpoint', `tcp://127.0.0.1:${port}`, ...more);
  const alerts = (time) =>
    system.driver('alert-latency', '--uri', system.uri, '--topic', 'bench/e', '--alert-topic', 'weir/edge/+/alerts/#', '--rate', 200, '--seconds', time, '--value', 500);

  await batch(system.zmqPort, '--seconds', 2);
  takePeak();
  const sustained = await batch(system.zmqPort, '--seconds', quick ? 4 : 10);
  const rssSustained = takePeak();
  const calm = await alerts(quick ? 4 : 10);

  const before = await system.edgeCounters();
  takePeak();
  const rate = Math.round(sustained.events_per_s * ratio);
  const [offered, during] = await Promise.all([batch(shedPort, '--rate', rate, '--seconds', seconds, '--window', 4000), alerts(seconds)]);
  const rssOverload = takePeak();
  const after = await alerts(quick ? 4 : 10);
  await sleep(1000);
  const end = await system.edgeCounters();
  watching = false;
  await watch;
  const shed = end.shed_total - before.shed_total;
  const taken = end.events_total - before.events_total;
  const expected = offered.events_sent + during.events_sent + after.events_sent;
  const row = (what, value) => console.log(`  ${what.padEnd(44)} ${value}`);
  row('sustainable (acknowledged, source waits)', `${thousands(sustained.events_per_s)} events/s`);
  row('offered to the source that sheds', `${thousands(offered.events_per_s)} events/s, ${(offered.events_per_s / sustained.events_per_s).toFixed(1)} times`);
  row('taken, shed', `${thousands(taken)}, ${thousands(shed)} events; ${thousands(expected - taken - shed)} unaccounted for`);
  row('peak RSS when sustained, when overloaded', `${rssSustained.toFixed(1)} MB, ${rssOverload.toFixed(1)} MB`);
  for (const [name, x] of [['before', calm], ['during', during], ['after', after]])
    row(`alerts ${name}`, `${x.alerts_received} of ${x.alerts_expected}, p50 ${x.p50_ms.toFixed(1)} ms, p99 ${x.p99_ms.toFixed(1)} ms`);
  if (offered.events_per_s < 0.95 * rate) notes.push(`this machine could offer only ${(offered.events_per_s / sustained.events_per_s).toFixed(1)} times the sustainable rate`);
  Object.assign(result, {
    sustainable_events_per_s: Math.round(sustained.events_per_s),
    offered_events_per_s: Math.round(offered.events_per_s),
    offered_ratio: Number((offered.events_per_s / sustained.events_per_s).toFixed(2)),
    shed_events: shed,
    taken_events: taken,
    unaccounted_events: expected - taken - shed,
    rss_sustained_mb: Number(rssSustained.toFixed(1)),
    rss_overload_mb: Number(rssOverload.toFixed(1)),
    rss_ratio: Number((rssOverload / rssSustained).toFixed(3)),
    alerts_expected: during.alerts_expected,
    alerts_received: during.alerts_received,
    alert_p99_calm_ms: Number(calm.p99_ms.toFixed(1)),
    alert_p99_overload_ms: Number(during.p99_ms.toFixed(1)),
    alert_p99_after_ms: Number(after.p99_ms.toFixed(1)),
    notes: notes.join('; '),
  });
} finally {
  await system.end();
}
console.log();
console.log(JSON.stringify(result));
