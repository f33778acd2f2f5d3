// INTERNAL: what is known in memory of the blocks and holes that wait: all but their
// bytes, in order of their numbers, with the sums that stats and decisions need.
#pragma once

#include "storage/outbox_values.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

namespace weir::storage {

struct index_entry {
  std::uint64_t seq_span = 0;
  std::uint32_t size_bytes = 0; ///< 0 for a hole.
  std::uint32_t record_count = 0;
  std::uint32_t run = 0;
  bool is_hole = false;
  bool is_exhausted = false; ///< Coalescing has nothing to gain here.
  bool is_opaque = false;    ///< Its bytes cannot be decoded.
  hole_reason reason = hole_reason::expired;
  block_priority priority = block_priority::summary;
  std::uint8_t coalesced = 0;
};

index_entry to_index_entry(const entry_view& x);

class outbox_index {
public:
  using entries = std::map<std::uint64_t, index_entry>; ///< By first number.

  /// @pre it overlaps no other.
  void insert(std::uint64_t first_seq, const index_entry& x);
  void erase(std::uint64_t first_seq); ///< Of one that is there.

  const entries& all() const {
    return entries_;
  }
  void mark_exhausted(std::uint64_t first_seq);
  void mark_opaque(std::uint64_t first_seq);

  static std::uint64_t last_seq(const entries::value_type& x) {
    return x.first + x.second.seq_span - 1;
  }

  /// From where blocks of this priority may be found: none lies before. Spares the way
  /// over alerts and holes that stay in front.
  entries::const_iterator first_of(block_priority priority) const;
  void note_first_of(block_priority priority, std::uint64_t first_seq);

  std::uint64_t blocks() const {
    return entries_.size() - holes_;
  }
  std::uint64_t records() const {
    return records_;
  }
  std::uint64_t coalesced_blocks() const {
    return coalesced_blocks_;
  }
  std::uint64_t holes() const {
    return holes_;
  }
  std::uint64_t hole_numbers() const {
    return hole_numbers_;
  }
  std::uint64_t size_bytes() const {
    return size_bytes_[0] + size_bytes_[1] + size_bytes_[2];
  }
  const std::array<std::uint64_t, block_priority_count>&
  size_bytes_by_priority() const {
    return size_bytes_;
  }

private:
  void count(const index_entry& x, std::uint64_t sign);

  entries entries_;
  std::array<std::uint64_t, block_priority_count> first_of_{};
  std::array<std::uint64_t, block_priority_count> size_bytes_{};
  std::uint64_t records_ = 0;
  std::uint64_t coalesced_blocks_ = 0;
  std::uint64_t holes_ = 0;
  std::uint64_t hole_numbers_ = 0;
};

} // namespace weir::storage
