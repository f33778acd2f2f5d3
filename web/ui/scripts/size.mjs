// The page must stay small: fails when the script that is needed for the first picture
// is beyond the limit.
//   node size.mjs [DIST_DIR]
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const goalBytes = 75_000;
const limitBytes = 90_000;
const cssLimitBytes = 12_000;

const dist = process.argv[2] ?? fileURLToPath(new URL('../dist', import.meta.url));
const sizes = { '.js': 0, '.css': 0 };
for (const name of readdirSync(join(dist, 'assets'))) {
  const kind = /\.(js|css)$/.exec(name)?.[0];
  if (!kind) continue;
  const size = gzipSync(readFileSync(join(dist, 'assets', name)), { level: 9 }).length;
  sizes[kind] += size;
  console.log(`${String(size).padStart(7)}  ${name}`);
}
console.log(`script ${sizes['.js']} bytes gzip (goal ${goalBytes}, limit ${limitBytes}), style ${sizes['.css']} (limit ${cssLimitBytes})`);
if (sizes['.js'] === 0) {
  console.error('no script found: build the page first');
  process.exit(1);
}
if (sizes['.js'] > limitBytes || sizes['.css'] > cssLimitBytes) {
  console.error('the page has grown beyond its limit');
  process.exit(1);
}
if (sizes['.js'] > goalBytes) console.warn('the script is beyond its goal');
