// What restore and verify read of a backup: any manifest, and any file in the place of
// LMDB's. A manifest that is taken is written back as it was; a walk over a file ends,
// and stays inside it.
#include "storage/backup_manifest.hpp"
#include "storage/lmdb_walk.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace weir::storage;

namespace {

void demand(bool ok) {
  if (!ok)
    std::abort();
}

/// A small LMDB file: two meta pages and pages behind them, all of 512 bytes, with what
/// the fuzzer wants in them.
std::string file_of(std::string_view bytes) {
  using namespace lmdb_layout;
  constexpr std::size_t page_bytes = 512;
  auto pages = (bytes.size() + page_bytes - 1) / page_bytes;
  std::string result(2 * page_bytes, '\0');
  auto put = [&](std::size_t at, const auto& x) {
    result.replace(at, sizeof x, reinterpret_cast<const char*>(&x), sizeof x);
  };
  meta_record record{};
  record.magic = 0xBEEFC0DE;
  record.version = 1;
  record.trees[0] = {page_bytes, 8, 1, 0, 1, 0, 1, pages > 1 ? 3 : no_page};
  record.trees[1] = {0, 0, 1, 0, 1, 0, 1, pages > 0 ? 2 : no_page};
  record.last_page = pages + 1;
  record.transaction = 7;
  for (std::size_t i = 0; i < 2; ++i) {
    put(i * page_bytes, page_header{i, 0, meta, 0, 0});
    put(i * page_bytes + header_bytes, record);
  }
  return result + std::string{bytes};
}

void walk(std::string_view bytes) {
  int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  demand(fd >= 0
         && ::write(fd, bytes.data(), bytes.size())
              == static_cast<ssize_t>(bytes.size()));
  std::uint64_t damaged = 0;
  std::uint64_t entries = 0;
  auto on_damage = [&](const walked_damage& x) {
    demand(!x.reason.empty());
    damaged += 1;
  };
  try {
    lmdb_walk file{"/proc/self/fd/" + std::to_string(fd)};
    demand(file.free_pages(on_damage) * file.page_bytes() <= file.size_bytes());
    for (const auto& table : file.tables(on_damage))
      file.entries(
        table,
        [&](std::string_view key, std::string_view value) {
          entries += 1 + key.size() % 2 + value.size() % 2;
        },
        on_damage);
  } catch (const lmdb_layout::damage&) {
  }
  // Each page at most once, and so many entries a page.
  demand(entries < 3 * (bytes.size() + 1));
  ::close(fd);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto bytes = std::string_view{reinterpret_cast<const char*>(data), size};
  if (bytes.empty())
    return 0;
  auto kind = bytes.front() % 3;
  bytes.remove_prefix(1);
  if (kind == 0) {
    if (auto parsed = parse_manifest(bytes))
      demand(to_text(*parsed) == bytes);
  } else if (kind == 1) {
    walk(bytes);
  } else {
    walk(file_of(bytes));
  }
  return 0;
}
