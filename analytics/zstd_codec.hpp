// zstd behind two functions; the library is seen by zstd_codec.cpp alone. Here because
// both transport (batches) and storage (blocks) use it, which do not know each other.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::analytics {

/// Quick and near level 3 in size for our records, see transport/WIRE.md.
inline constexpr int zstd_level = 1;

/// Appends one zstd frame that holds `bytes` and says their size. False, with `out` as
/// it was, if the frame would not be smaller than `bytes`. Any thread; each keeps a
/// compressor of its own (below 1 MiB) until it ends.
bool zstd_compress(std::string_view bytes, std::string& out, int level = zstd_level);

/// Replaces `out` by the content of `frame`. False unless `frame` is exactly one frame
/// that says it holds `size_bytes` > 0 bytes, and does. No other memory is taken than these
/// `size_bytes`, whatever the frame asks for: check them against a limit before. Any
/// thread.
bool zstd_decompress(std::string_view frame, std::size_t size_bytes, std::string& out);

} // namespace weir::analytics
