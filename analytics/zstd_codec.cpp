#include "analytics/zstd_codec.hpp"

#include <zstd.h>

#include <memory>

namespace weir::analytics {

namespace {

struct free_compressor {
  void operator()(ZSTD_CCtx* x) const {
    ZSTD_freeCCtx(x);
  }
};

struct free_decompressor {
  void operator()(ZSTD_DCtx* x) const {
    ZSTD_freeDCtx(x);
  }
};

// To make one costs more than to compress a small block with it.
ZSTD_CCtx* compressor() {
  thread_local std::unique_ptr<ZSTD_CCtx, free_compressor> x{ZSTD_createCCtx()};
  return x.get();
}

ZSTD_DCtx* decompressor() {
  thread_local std::unique_ptr<ZSTD_DCtx, free_decompressor> x{ZSTD_createDCtx()};
  return x.get();
}

} // namespace

bool zstd_compress(std::string_view bytes, std::string& out, int level) {
  auto* context = compressor();
  if (context == nullptr || bytes.size() < 2)
    return false;
  auto before = out.size();
  auto room = bytes.size() - 1; // Whatever needs more is not worth it.
  out.resize(before + room);
  auto size = ZSTD_compressCCtx(context, out.data() + before, room, bytes.data(),
                                bytes.size(), level);
  if (ZSTD_isError(size) != 0) {
    out.resize(before);
    return false;
  }
  out.resize(before + size);
  return true;
}

bool zstd_decompress(std::string_view frame, std::size_t size_bytes, std::string& out) {
  out.clear();
  // Decoding straight into a buffer of known size takes no window buffer, so a frame
  // that announces a huge window costs nothing.
  if (size_bytes == 0
      || ZSTD_getFrameContentSize(frame.data(), frame.size()) != size_bytes
      || ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size())
    return false;
  auto* context = decompressor();
  if (context == nullptr)
    return false;
  out.resize(size_bytes);
  auto size
    = ZSTD_decompressDCtx(context, out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(size) != 0 || size != size_bytes) {
    out.clear();
    return false;
  }
  return true;
}

} // namespace weir::analytics
