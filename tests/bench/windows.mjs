// How fast windows are cut: runs weir-bench-windows, which prints the table on standard
// error and the JSON line last. Keys of the JSON line: see docs/benchmarks.md.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const bin = args[args.indexOf('--bin') + 1];

console.log(`windows: ${cpus().length} cores, ${cpus()[0].model}; one core but for the actors; median`);
const run = spawnSync(join(bin, 'weir-bench-windows'), quick ? ['--quick'] : [], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
if (run.status !== 0) process.exit(1);
const result = JSON.parse(run.stdout.trim().split('\n').at(-1));
for (const [key, value] of Object.entries(result)) if (typeof value === 'number') result[key] = Number(value.toPrecision(4));
console.log(JSON.stringify(result));
