// Turns the built page into one C++ file that implements web/embedded_assets.hpp.
//   node embed.mjs DIST_DIR PUBLIC_DIR OUT.cpp
// Files are compressed here, once, as well as it goes. String literals compile fast
// (a list of numbers would take a minute) and are plain C++.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const contentTypes = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
};

const [distDir, publicDir, outFile] = process.argv.slice(2);
if (!outFile) {
  console.error('usage: node embed.mjs DIST_DIR PUBLIC_DIR OUT.cpp');
  process.exit(2);
}

function filesBelow(dir, prefix = '') {
  return readdirSync(join(dir, prefix), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(dir, `${prefix}${entry.name}/`) : [`${prefix}${entry.name}`]);
}

/** A C++ literal of any bytes, in pieces of moderate lines. */
function literal(bytes) {
  const lines = [];
  let line = '';
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c && byte !== 0x3f;
    line += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
    if (line.length >= 2000) {
      lines.push(line);
      line = '';
    }
  }
  lines.push(line);
  return lines.map((l) => `"${l}"`).join('\n    ');
}

const view = (bytes) => (bytes === null ? '{}' : `{${literal(bytes)},\n   ${bytes.length}}`);

function assetOf(file) {
  const type = contentTypes[extname(file)];
  if (!type) throw new Error(`${file}: no content type is known for this kind of file; add it to scripts/embed.mjs`);
  const identity = readFileSync(join(distDir, file));
  const smaller = (bytes) => (bytes.length < identity.length ? bytes : null);
  return {
    path: file === 'index.html' ? '/' : `/${file}`,
    type,
    etag: createHash('sha256').update(identity).digest('hex').slice(0, 16),
    // What Vite made carries a hash in its name; what was copied from public/ does not.
    immutable: file.startsWith('assets/') && !existsSync(join(publicDir, file)),
    identity,
    gzip: smaller(gzipSync(identity, { level: 9 })),
    brotli: smaller(brotliCompressSync(identity, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: identity.length },
    })),
  };
}

const assets = filesBelow(distDir).map(assetOf).sort((a, b) => (a.path < b.path ? -1 : 1));
if (!assets.some((a) => a.path === '/')) throw new Error(`${distDir} has no index.html: the page was not built`);

const entries = assets.map((a) => `  {"${a.path}", "${a.type}", "\\"${a.etag}\\"", ${a.immutable},
   ${view(a.identity)},
   ${view(a.gzip)},
   ${view(a.brotli)}},`);

writeFileSync(outFile, `// Made by web/ui/scripts/embed.mjs.
#include "web/embedded_assets.hpp"

namespace weir::web {

namespace {

constexpr embedded_asset assets[] = {
${entries.join('\n')}
};

} // namespace

std::span<const embedded_asset> embedded_assets() {
  return assets;
}

} // namespace weir::web
`);
const total = (key) => assets.reduce((sum, a) => sum + (a[key] ?? a.identity).length, 0);
console.log(`embedded ${assets.length} files: ${total('identity')} bytes, gzip ${total('gzip')}, brotli ${total('brotli')}`);
