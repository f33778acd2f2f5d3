// Writing and checked reading of whole arrays of plain structs, for snapshots: state
// goes to disk and back at the speed of memory. Little-endian, no padding between
// fields; who changes a struct that is written so raises the snapshot's version.
// Format: analytics/SNAPSHOT.md.
#pragma once

#include "analytics/byte_io.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace weir::analytics {

/// Appends `count` structs as they lie in memory.
template <class T>
void put_array(std::string& out, const T* items, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(items), count * sizeof(T));
}

template <class T>
void put_counted(std::string& out, const std::vector<T>& items) {
  byte_writer{out}.put(static_cast<std::uint64_t>(items.size()));
  put_array(out, items.data(), items.size());
}

/// Structs as they were put, still in the snapshot's bytes (which may lie at any
/// address: elements are copied out).
template <class T>
class array_view {
public:
  array_view() = default;
  array_view(const char* bytes, std::size_t count) : bytes_(bytes), count_(count) {
  }
  std::size_t size() const {
    return count_;
  }
  T operator[](std::size_t i) const {
    T result;
    std::memcpy(static_cast<void*>(&result), bytes_ + i * sizeof(T), sizeof(T));
    return result;
  }

private:
  const char* bytes_ = nullptr;
  std::size_t count_ = 0;
};

/// Takes a counted array; empty, with `in` not ok, where it does not fit.
template <class T>
array_view<T> get_counted(byte_reader& in) {
  auto count = in.get<std::uint64_t>();
  auto bytes = in.get_bytes(count, sizeof(T));
  return {bytes.data(), in.ok() ? static_cast<std::size_t>(count) : 0};
}

/// Tells a snapshot that was damaged from one that was not; not against intent.
/// Four lanes of multiply and rotate, as xxHash does, so that it runs at the speed of
/// memory. How the bytes are cut into pieces makes no difference.
class checksummer {
public:
  void add(std::string_view bytes);
  std::uint64_t value() const;

private:
  static constexpr std::size_t block_bytes = 32;
  static constexpr std::uint64_t odd_1 = 0x9e3779b185ebca87ull;
  static constexpr std::uint64_t odd_2 = 0xc2b2ae3d27d4eb4full;

  void mix_block(const char* block);

  std::array<std::uint64_t, 4> lanes_{odd_1, odd_2, odd_1 + odd_2, odd_1 - odd_2};
  std::array<char, block_bytes> rest_{};
  std::uint64_t size_bytes_ = 0;
};

std::uint64_t checksum(std::string_view bytes);

} // namespace weir::analytics
