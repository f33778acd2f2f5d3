// The UI's files as they stand in the binary: a table made at build time, so that
// no request ever reaches the file system. Made by web/ui/CMakeLists.txt.
#pragma once

#include <span>
#include <string_view>

namespace weir::web {

struct embedded_asset {
  std::string_view path;         ///< "/" or "/assets/index-4f2a.js"
  std::string_view content_type; ///< With charset where it is text.
  std::string_view etag;         ///< Quoted.
  bool immutable = false;        ///< A hashed name: may be cached for ever.
  std::string_view identity;     ///< The plain bytes.
  std::string_view gzip;         ///< Empty where it would not be smaller.
  std::string_view brotli;
};

/// Sorted by path.
std::span<const embedded_asset> embedded_assets();

} // namespace weir::web
