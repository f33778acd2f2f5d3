// Other databases beside the store, where they are installed: the same samples in, their
// bytes on disk after their own merging, and the same queries. Each runs in a folder and
// on ports of its own.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { freePort, sleep, waitFor } from './system.mjs';

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/// Sends one request over a connection that stays open; the answer's body as a text.
export function http(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: body ? { ...headers, 'content-length': Buffer.byteLength(body) } : headers, agent }, (answer) => {
      const parts = [];
      answer.on('data', (x) => parts.push(x));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString();
        if (answer.statusCode < 300) resolve(text);
        else reject(new Error(`${url.toString().slice(0, 200)}: ${answer.statusCode} ${text.slice(0, 300)}`));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/// Of all files in a folder.
export function folderBytes(dir, except = []) {
  if (!existsSync(dir)) return 0;
  return readdirSync(dir, { withFileTypes: true }).reduce((sum, x) => {
    const path = join(dir, x.name);
    if (except.includes(x.name)) return sum;
    if (x.isDirectory()) return sum + folderBytes(path);
    const { size, blocks } = statSync(path); // Some are made large in advance, with nothing in them.
    return sum + (x.isFile() ? Math.min(size, blocks * 512) : 0);
  }, 0);
}

/// Pieces of a file that end at the end of a line.
function* linePieces(file, bytes = 4 << 20) {
  const handle = openSync(file, 'r');
  let rest = Buffer.alloc(0);
  for (;;) {
    const piece = Buffer.alloc(bytes);
    const count = readSync(handle, piece, 0, bytes, null);
    if (count === 0) break;
    const all = Buffer.concat([rest, piece.subarray(0, count)]);
    const end = all.lastIndexOf(10) + 1;
    rest = all.subarray(end);
    if (end > 0) yield all.subarray(0, end);
  }
  closeSync(handle);
  if (rest.length > 0) yield rest;
}

async function postLines(url, file) {
  const pieces = linePieces(file);
  const send = async () => {
    for (let x = pieces.next(); !x.done; x = pieces.next()) await http(url, { method: 'POST', body: x.value });
  };
  await Promise.all([send(), send()]); // As many as there are cores here, as a rule.
}

class Peer {
  constructor(name, programs, dir) {
    Object.assign(this, { name, programs, dir: join(dir, name) });
    mkdirSync(this.dir, { recursive: true });
  }

  get isInstalled() {
    return this.programs.every((x) => existsSync(join('/usr/bin', x)));
  }

  launch(args) {
    const log = openSync(join(this.dir, 'log.txt'), 'a');
    this.child = spawn(join('/usr/bin', this.programs[0]), args, { cwd: this.dir, stdio: ['ignore', log, log] });
    closeSync(log);
  }

  async stop() {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await waitFor(`the end of ${this.name}`, () => child.exitCode !== null || child.signalCode !== null, 20).catch(() => child.kill('SIGKILL'));
  }

  get base() {
    return `http://127.0.0.1:${this.port}`;
  }
}

export class VictoriaMetrics extends Peer {
  constructor(dir) {
    super('victoria-metrics', ['victoria-metrics'], dir);
  }

  async start() {
    this.port ??= await freePort();
    this.launch([`-storageDataPath=${this.dir}/data`, `-httpListenAddr=127.0.0.1:${this.port}`, '-retentionPeriod=100y', '-influxSkipSingleField', '-search.latencyOffset=0s', '-selfScrapeInterval=0', '-search.maxPointsPerTimeseries=100000', '-search.maxQueryDuration=120s', '-memory.allowedPercent=40']);
    await waitFor('victoria-metrics', () => http(`${this.base}/health`).catch(() => null));
  }

  load(file) {
    return postLines(`${this.base}/write`, file);
  }

  /// All in few files, as its own merging leaves it after a while.
  async settle() {
    await http(`${this.base}/internal/force_flush`);
    await http(`${this.base}/internal/force_merge`);
    await sleep(300);
    await waitFor('its merge', async () => !/^vm_active_(force_)?merges(\{[^}]*\})? [1-9]/m.test(await http(`${this.base}/metrics`)), 120);
  }

  async bytes() {
    await this.stop();
    return folderBytes(join(this.dir, 'data'), ['cache', 'tmp']);
  }
}

export class Influx extends Peer {
  constructor(dir) {
    super('influxdb', ['influxd'], dir);
  }

  async start() {
    [this.port, this.backupPort] = [await freePort(), await freePort()];
    writeFileSync(
      join(this.dir, 'influxdb.conf'),
      `reporting-disabled = true\nbind-address = "127.0.0.1:${this.backupPort}"\n[meta]\n  dir = "${this.dir}/meta"\n` +
        `[data]\n  dir = "${this.dir}/data"\n  wal-dir = "${this.dir}/wal"\n  query-log-enabled = false\n  cache-snapshot-write-cold-duration = "1s"\n  compact-full-write-cold-duration = "2s"\n` +
        `[http]\n  bind-address = "127.0.0.1:${this.port}"\n  log-enabled = false\n[monitor]\n  store-enabled = false\n`,
    );
    this.launch(['-config', 'influxdb.conf']);
    await waitFor('influxdb', () => http(`${this.base}/ping`).then(() => true, () => false));
    await http(`${this.base}/query?q=${encodeURIComponent('CREATE DATABASE bench WITH DURATION INF SHARD DURATION 520w')}`, { method: 'POST' });
  }

  load(file) {
    return postLines(`${this.base}/write?db=bench&precision=ns`, file);
  }

  /// Its log is empty and its files have stood still for a while.
  async settle() {
    let [last, since] = [-1, Date.now()];
    await waitFor('its compaction', async () => {
      await sleep(100);
      const now = folderBytes(join(this.dir, 'data'));
      if (now !== last) [last, since] = [now, Date.now()];
      return folderBytes(join(this.dir, 'wal')) < 4096 && Date.now() - since > 4000;
    }, 120).catch(() => {});
  }

  async bytes() {
    await this.stop();
    return folderBytes(join(this.dir, 'data')) + folderBytes(join(this.dir, 'wal'));
  }
}

export class Prometheus extends Peer {
  constructor(dir) {
    super('prometheus', ['prometheus', 'promtool'], dir);
  }

  /// Blocks of two hours from a file in OpenMetrics' format, as its own tool makes them.
  loadBlocks(file) {
    execFileSync('/usr/bin/promtool', ['tsdb', 'create-blocks-from', 'openmetrics', '-q', file, join(this.dir, 'data')], { stdio: 'ignore', maxBuffer: 1 << 30 });
  }

  async start() {
    this.port ??= await freePort();
    writeFileSync(join(this.dir, 'prometheus.yml'), 'global: {}\n');
    this.launch(['--config.file=prometheus.yml', `--storage.tsdb.path=${this.dir}/data`, `--web.listen-address=127.0.0.1:${this.port}`, '--storage.tsdb.retention.time=20y', '--log.level=warn']);
    await waitFor('prometheus', () => http(`${this.base}/-/ready`).catch(() => null), 60);
  }

  bytes() {
    return folderBytes(join(this.dir, 'data'), ['wal', 'lock', 'queries.active']);
  }
}

/// Folder of the public data sets, or nothing.
export function dataFolder() {
  const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..');
  return [process.env.WEIR_BENCH_DATA, join(root, '../shared/data'), join(root, '../../shared/data')].find((x) => x && existsSync(x));
}

/// Forgets what the kernel has read, so that the next reads come from the disk; false
/// where that is not allowed.
export function dropCaches() {
  try {
    execFileSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
}

/// Nearest rank.
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}

/// Runs weir-bench-storage to its end; its JSON line.
export function storeTool(bin, ...args) {
  const out = execFileSync(join(bin, 'weir-bench-storage'), args.map(String), { encoding: 'utf8', maxBuffer: 1 << 26 });
  return JSON.parse(out.trim().split('\n').at(-1));
}

/// The same without waiting, so that others can work meanwhile.
export function storeToolAsync(bin, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(bin, 'weir-bench-storage'), args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (x) => (out += x));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(out.trim().split('\n').at(-1))) : reject(new Error(`weir-bench-storage ${args.join(' ')} failed`))));
  });
}
