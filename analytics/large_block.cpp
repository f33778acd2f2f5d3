#include "analytics/large_block.hpp"

#include <cstdlib>
#include <new>

#ifdef __linux__
#  include <sys/mman.h>
#endif

namespace weir::analytics {

void* allocate_block(std::size_t size_bytes) {
  // Small blocks: a cache line pair, which is what the largest element asks for.
  auto is_large = size_bytes >= large_page_bytes;
  auto alignment = is_large ? large_page_bytes : std::size_t{128};
  auto rounded = (size_bytes + alignment - 1) / alignment * alignment;
  auto* block = std::aligned_alloc(alignment, rounded);
  if (block == nullptr)
    throw std::bad_alloc{};
#ifdef __linux__
  if (is_large)
    madvise(block, rounded, MADV_HUGEPAGE); // A wish: what it returns changes nothing.
#endif
  return block;
}

void free_block(void* block) {
  std::free(block);
}

} // namespace weir::analytics
