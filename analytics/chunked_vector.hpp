// A growing array in chunks: elements never move, growth never copies, and at most
// one chunk is unused. For the per-series state of a shard, where a doubling vector
// would stall the stream for a copy of everything and hold twice the memory.
#pragma once

#include "analytics/large_block.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace weir::analytics {

template <class T>
class chunked_vector {
public:
  static constexpr std::size_t chunk_bits = 10;
  static constexpr std::size_t chunk_size = std::size_t{1} << chunk_bits;

  chunked_vector() = default;
  chunked_vector(const chunked_vector&) = delete;
  chunked_vector& operator=(const chunked_vector&) = delete;
  ~chunked_vector() {
    clear();
  }

  T& operator[](std::size_t i) {
    return chunks_[i >> chunk_bits][i & (chunk_size - 1)];
  }
  const T& operator[](std::size_t i) const {
    return chunks_[i >> chunk_bits][i & (chunk_size - 1)];
  }

  std::size_t size() const {
    return size_;
  }

  /// Grows to at least `size` elements; the new ones are value-initialized.
  void grow(std::size_t size) {
    while (chunks_.size() * chunk_size < size)
      add_chunk();
    size_ = std::max(size_, size);
  }

  void clear() {
    for (auto* chunk : chunks_)
      std::destroy_n(chunk, chunk_size);
    for (auto* block : blocks_)
      free_block(block);
    chunks_.clear();
    blocks_.clear();
    free_ = nullptr;
    free_chunks_ = 0;
    size_ = 0;
  }

  /// Calls f(pointer, count) for each run of elements that lie side by side.
  template <class F>
  void for_each_run(F&& f) const {
    for (std::size_t i = 0; i < size_; i += chunk_size)
      f(static_cast<const T*>(chunks_[i >> chunk_bits]),
        std::min(chunk_size, size_ - i));
  }

  std::size_t size_bytes() const {
    return (chunks_.size() + free_chunks_) * chunk_size * sizeof(T)
           + chunks_.capacity() * sizeof(chunks_[0]);
  }

private:
  static constexpr std::size_t chunk_bytes = chunk_size * sizeof(T);

  void add_chunk() {
    if (free_chunks_ == 0) {
      // Large pages from the moment that one would be filled anyway.
      auto per_page = large_page_bytes / chunk_bytes;
      auto count = chunks_.size() >= per_page && per_page > 1 ? per_page : 1;
      free_
        = static_cast<T*>(allocate_block(count == 1 ? chunk_bytes : large_page_bytes));
      blocks_.push_back(free_);
      free_chunks_ = count;
    }
    std::uninitialized_value_construct_n(free_, chunk_size);
    chunks_.push_back(free_);
    free_ += chunk_size;
    --free_chunks_;
  }

  std::vector<T*> chunks_;
  std::vector<T*> blocks_;
  T* free_ = nullptr; // Of the last block, not constructed yet.
  std::size_t free_chunks_ = 0;
  std::size_t size_ = 0;
};

} // namespace weir::analytics
