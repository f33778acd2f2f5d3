// The real programs under load: starts a broker, a centre and an edge in a folder of
// their own, reads their CPU and memory, and ends them.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export async function waitFor(what, condition, seconds = 20) {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > until) throw new Error(`${what} did not happen within ${seconds} s`);
    await sleep(20);
  }
}

/// CPU seconds that a process has used, to the nanosecond, over all its threads.
export function cpuSeconds(pid) {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // A thread that has just ended.
    }
  }
  return ns / 1e9;
}

export function rssMb(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

export class System {
  constructor(bin) {
    this.bin = bin;
    this.dir = mkdtempSync(join(tmpdir(), 'weir-bench-'));
    this.processes = new Map();
  }

  program(name) {
    return join(this.bin, name);
  }

  run(...args) {
    return execFileSync(this.program('weir'), args, { encoding: 'utf8', cwd: this.dir }).trim();
  }

  launch(name, command, args) {
    const log = openSync(join(this.dir, `${name}.log`), 'a');
    const child = spawn(command, args, { cwd: this.dir, stdio: ['ignore', log, log] });
    this.processes.set(name, child);
    return child;
  }

  log(name) {
    return readFileSync(join(this.dir, `${name}.log`), 'utf8');
  }

  async prepare() {
    [this.mqttPort, this.uplinkPort, this.webPort] = [await freePort(), await freePort(), await freePort()];
    for (const name of ['central', 'edge', 'publisher']) this.run('keys', 'new', '--out', `${name}.key`);
    const key = (name) => this.run('keys', 'show', `${name}.key`);
    this.centralKey = key('central');
    this.edgeKey = key('edge');
    this.publisherKey = key('publisher');
  }

  async startBrokerAndCentre() {
    await this.prepare();
    writeFileSync(
      join(this.dir, 'mosquitto.conf'),
      `listener ${this.mqttPort} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nset_tcp_nodelay true\n`,
    );
    this.launch('mosquitto', '/usr/sbin/mosquitto', ['-c', 'mosquitto.conf']);
    await this.startCentre();
  }

  /// `edges`: the allow-list as TOML; the edge of startEdge() if there is none.
  async startCentre(edges = `[[uplink.edge]]\nname = "bench"\npublic_key = '${this.edgeKey}'\n`) {
    writeFileSync(
      join(this.dir, 'central.toml'),
      `[node]\ndata_dir = "central"\n[web]\nport = ${this.webPort}\n[store]\nsize_mb_max = 65536\n[uplink]\n` +
        `endpoint = "tcp://127.0.0.1:${this.uplinkPort}"\nsecret_key_file = "central.key"\n${edges}`,
    );
    this.launch('central', this.program('weir-central'), ['--config', 'central.toml']);
    await waitFor('the centre', async () => (await fetch(`http://127.0.0.1:${this.webPort}/health`).catch(() => null))?.ok);
    this.apiKey = readFileSync(join(this.dir, 'central/api.key'), 'utf8').trim();
  }

  get centralPid() {
    return this.processes.get('central').pid;
  }

  async ledger() {
    const answer = await fetch(`http://127.0.0.1:${this.webPort}/api/v1/ledger`, {
      headers: { authorization: `Bearer ${this.apiKey}` },
    });
    return answer.json();
  }

  /// What the centre's ledger says, one entry for each edge and epoch.
  async positions() {
    return (await this.ledger()).positions;
  }

  /// What the edge says became of its events, as fresh as its last heartbeat.
  async edgeLedger() {
    return (await this.ledger()).events.bench;
  }

  /// Whether this edge knows the tables and keys of some TOML.
  accepts(extra) {
    writeFileSync(join(this.dir, 'try.toml'), extra);
    try {
      execFileSync(this.program('weir-edge'), ['--config', 'try.toml', '--check-config'], { cwd: this.dir, stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }

  /// Starts a fresh edge and returns how long it took until its first line of life.
  async startEdge({ detector = true, rules = '', extra = '', node = '', mqtt = true, heartbeatMs = 1000 } = {}) {
    this.edgeNumber = (this.edgeNumber ?? 0) + 1;
    [this.zmqPort, this.curvePort] = [await freePort(), await freePort()];
    writeFileSync(
      join(this.dir, 'edge.toml'),
      `[node]\nname = "bench"\ndata_dir = "edge-${this.edgeNumber}"\n${node}` +
        (mqtt
          ? `[[source.mqtt]]\nname = "mqtt"\nuri = "mqtt://127.0.0.1:${this.mqttPort}"\ntopics = ["bench/#"]\n` +
            `client_id = "bench-${this.edgeNumber}"\nsession_expiry_s = 0\n`
          : '') +
        `[[source.zmq]]\nname = "zmq"\nrouter = "tcp://127.0.0.1:${this.zmqPort}"\n` +
        `[[source.zmq]]\nname = "zmq-curve"\nrouter = "tcp://127.0.0.1:${this.curvePort}"\nsecret_key_file = "edge.key"\n` +
        `[[source.zmq.allowed]]\nname = "publisher"\npublic_key = '${this.publisherKey}'\n` +
        `[detector]\nenabled = ${detector}\n${rules}\n[alerts]\nenabled = true\nuri = "mqtt://127.0.0.1:${this.mqttPort}"\n` +
        `[uplink]\nendpoint = "tcp://127.0.0.1:${this.uplinkPort}"\nserver_public_key = '${this.centralKey}'\n` +
        `secret_key_file = "edge.key"\nheartbeat_interval_ms = ${heartbeatMs}\n${extra}`,
    );
    const begin = performance.now();
    const edge = this.launch('edge', this.program('weir-edge'), ['--config', 'edge.toml']);
    const before = (this.log('edge').match(/runs as/g) ?? []).length;
    await waitFor('the edge', () => {
      if (edge.exitCode !== null) throw new Error(`the edge has ended: ${this.log('edge')}`);
      return (this.log('edge').match(/runs as/g) ?? []).length > before;
    });
    const milliseconds = performance.now() - begin;
    if (mqtt) await waitFor('the subscription', () => (this.log('edge').match(/source mqtt is connected/g) ?? []).length >= this.subscriptions() + 1);
    this.subscribed = (this.log('edge').match(/source mqtt is connected/g) ?? []).length;
    await waitFor('the uplink', async () => (await this.overview())?.edges[0]?.state === 'up');
    return milliseconds;
  }

  subscriptions() {
    return this.subscribed ?? 0;
  }

  get edgePid() {
    return this.processes.get('edge').pid;
  }

  async overview() {
    const answer = await fetch(`http://127.0.0.1:${this.webPort}/api/v1/overview`, {
      headers: { authorization: `Bearer ${this.apiKey}` },
    });
    return answer.ok ? answer.json() : null;
  }

  /// The edge's own counters, as fresh as its last heartbeat.
  async edgeCounters() {
    return (await this.overview()).edges[0];
  }

  async stop(name) {
    const child = this.processes.get(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await waitFor(`the end of ${name}`, () => child.exitCode !== null || child.signalCode !== null, 10).catch(() => child.kill('SIGKILL'));
  }

  async end() {
    for (const name of [...this.processes.keys()].reverse()) await this.stop(name);
    rmSync(this.dir, { recursive: true, force: true });
  }

  /// As driver(), also where not everything was acknowledged or seen: its line says so.
  lenientDriver(...args) {
    return this.runDriver(args, (code, line) => line?.startsWith('{'));
  }

  /// Runs a load driver to its end and returns its JSON line.
  driver(...args) {
    return this.runDriver(args, (code) => code === 0);
  }

  runDriver(args, isGood) {
    return new Promise((resolve, reject) => {
      const child = spawn(this.program('weir-bench'), args.map(String), { cwd: this.dir });
      let out = '';
      let err = '';
      child.stdout.on('data', (x) => (out += x));
      child.stderr.on('data', (x) => (err += x));
      child.on('error', reject);
      child.on('close', (code) => {
        const line = out.trim().split('\n').at(-1);
        return isGood(code, line) ? resolve(JSON.parse(line)) : reject(new Error(`weir-bench ${args.join(' ')}: ${err || out}`));
      });
    });
  }
}
