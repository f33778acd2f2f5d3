// Stands in for the page in a build without Node.js: says so instead of an
// empty answer.
#include "web/embedded_assets.hpp"

namespace weir::web {

namespace {

constexpr std::string_view page = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Weir</title>
</head>
<body>
<h1>Weir is running, without its web page</h1>
<p>This program was built with <code>-DWEIR_UI=OFF</code>. The interface under
<code>/api/v1/</code>, <code>/health</code>, <code>/ready</code> and <code>/metrics</code> works as usual.</p>
<p>To get the page, install Node.js 18 or newer with npm and build again:</p>
<pre>cmake --preset release
cmake --build --preset release</pre>
</body>
</html>
)";

constexpr embedded_asset assets[] = {
  {"/", "text/html; charset=utf-8", "\"no-ui-1\"", false, page, {}, {}},
};

} // namespace

std::span<const embedded_asset> embedded_assets() {
  return assets;
}

} // namespace weir::web
