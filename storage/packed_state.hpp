// PACKED STATE: a piece of the node's state as the outbox keeps it, cut into chunks that
// are compressed one by one. It is made while the state is written down, so that neither
// a plain copy nor the pages of one are needed: windows with sketches shrink to a third.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

/// A 64-bit hash of stored bytes, the same on every machine. Finds damage, and chunks
/// that changed; no protection against intent.
std::uint64_t chunk_hash(std::string_view bytes);

/// Not thread-safe; move it from thread to thread.
class packed_state {
public:
  /// Plain bytes of a chunk. With version, hash and LMDB's page header those that do not
  /// shrink fill eight pages.
  static constexpr std::size_t chunk_bytes = 32'736;

  struct chunk {
    std::uint64_t hash = 0; ///< Of its plain bytes.
    std::string value;      ///< As it is stored; see storage/FORMAT.md.
  };

  packed_state() = default;
  explicit packed_state(std::string_view bytes);

  void append(std::string_view bytes);
  /// No append() after this one. Must be called before chunks() is.
  void finish();

  /// The plain bytes again.
  std::string unpack() const;

  const std::vector<chunk>& chunks() const {
    return chunks_;
  }
  /// Of the state, not packed.
  std::uint64_t size_bytes() const {
    return size_bytes_;
  }
  /// Of all values.
  std::uint64_t packed_bytes() const {
    return packed_bytes_;
  }

private:
  void pack(std::string_view bytes);

  std::vector<chunk> chunks_;
  std::string waiting_; ///< Less than a chunk.
  std::string scratch_;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t packed_bytes_ = 0;
};

/// The hash that a stored chunk says it has; nothing if it is too short for one.
std::optional<std::uint64_t> stored_chunk_hash(std::string_view value);

/// Appends the plain bytes of a stored chunk, of which there are `size_bytes`. False,
/// with `out` perhaps longer, unless it is whole.
bool unpack_chunk(std::string_view value, std::size_t size_bytes, std::string& out);

} // namespace weir::storage
