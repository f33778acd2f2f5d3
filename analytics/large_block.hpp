// Memory for large arrays that are read at random: on Linux in large pages where the
// system allows it on request (transparent huge pages). With 4 KiB pages a million
// series cost a page walk at nearly every event; with 2 MiB pages hardly any.
#pragma once

#include <cstddef>

namespace weir::analytics {

inline constexpr std::size_t large_page_bytes = std::size_t{2} << 20;

/// Aligned to its size's page; throws std::bad_alloc. Not initialized.
void* allocate_block(std::size_t size_bytes);
void free_block(void* block);

} // namespace weir::analytics
