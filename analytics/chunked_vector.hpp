// A growing array in chunks: elements never move, growth never copies, and at most
// one chunk is unused. For the per-series state of a shard, where a doubling vector
// would stall the stream for a copy of everything and hold twice the memory.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace weir::analytics {

template <class T>
class chunked_vector {
public:
  static constexpr std::size_t chunk_bits = 10;
  static constexpr std::size_t chunk_size = std::size_t{1} << chunk_bits;

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
      chunks_.push_back(std::make_unique<T[]>(chunk_size));
    if (size > size_)
      size_ = size;
  }

  T& push_back(T x) {
    grow(size_ + 1);
    return (*this)[size_ - 1] = std::move(x);
  }

  void clear() {
    chunks_.clear();
    size_ = 0;
  }

  /// Calls f(pointer, count) for each run of elements that lie side by side.
  template <class F>
  void for_each_run(F&& f) const {
    for (std::size_t i = 0; i < size_; i += chunk_size)
      f(chunks_[i >> chunk_bits].get(), std::min(chunk_size, size_ - i));
  }
  template <class F>
  void for_each_run(F&& f) {
    for (std::size_t i = 0; i < size_; i += chunk_size)
      f(chunks_[i >> chunk_bits].get(), std::min(chunk_size, size_ - i));
  }

  std::size_t size_bytes() const {
    return chunks_.size() * chunk_size * sizeof(T)
           + chunks_.capacity() * sizeof(chunks_[0]);
  }

private:
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::size_t size_ = 0;
};

} // namespace weir::analytics
