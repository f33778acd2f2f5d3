// INTERNAL: the layout of LMDB 0.9 data files (data version 1), in the machine's own
// byte order and word size as LMDB writes it, read by pread: for checks that must not
// trust a file as LMDB does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage::lmdb_layout {

using page_number = std::size_t;

inline constexpr page_number no_page = ~page_number{0};
inline constexpr std::size_t header_bytes = sizeof(page_number) + 8;
inline constexpr std::size_t depth_max = 32; // LMDB's cursors have so many levels.

enum page_flag : std::uint16_t { branch = 1, leaf = 2, overflow = 4, meta = 8 };
enum node_flag : std::uint16_t { big_data = 1, sub_data = 2 };

struct tree_record {       // MDB_db
  std::uint32_t page_size; // In the free list's record; else 0.
  std::uint16_t flags;
  std::uint16_t depth;
  page_number branch_pages;
  page_number leaf_pages;
  page_number overflow_pages;
  std::size_t entries;
  page_number root;
};

struct meta_record { // MDB_meta
  std::uint32_t magic;
  std::uint32_t version;
  std::size_t address;
  std::size_t map_size;
  std::array<tree_record, 2> trees; // Free list, main.
  page_number last_page;
  std::size_t transaction;

  std::size_t page_size() const {
    return trees[0].page_size;
  }
};

struct page_header {
  page_number number;
  std::uint16_t pad;
  std::uint16_t flags;
  std::uint16_t lower; // With `upper` the number of pages, in overflow pages.
  std::uint16_t upper;

  /// Of a branch or leaf page with sound bounds.
  std::size_t entries() const {
    return (lower - header_bytes) / 2;
  }
  /// Of an overflow page: it and those that follow it.
  std::size_t pages() const {
    return lower | std::size_t{upper} << 16;
  }
};
static_assert(sizeof(page_header) == header_bytes);

struct node {
  std::uint16_t flags = 0;
  std::size_t data_size = 0;
  page_number child = 0; // In branch pages.
  std::string_view key;
  std::string_view data; // Within the page; a page number if big_data.
};

/// Thrown for what cannot be; caught by who walks.
struct damage {
  std::string reason;
};

template <class T>
T load(const char* bytes) {
  T x;
  std::memcpy(&x, bytes, sizeof(T));
  return x;
}

/// How many pages a value of this size takes outside its leaf.
inline std::size_t overflow_pages(std::size_t value_bytes, std::size_t page_bytes) {
  return (header_bytes - 1 + value_bytes) / page_bytes + 1;
}

/// A data file, open for reading. A file that is not there has no bytes; one that may
/// not be read is a `failure`.
class data_file {
public:
  explicit data_file(const std::filesystem::path& path);
  ~data_file();
  data_file(const data_file&) = delete;
  data_file& operator=(const data_file&) = delete;

  /// When it was opened.
  std::size_t size() const {
    return size_;
  }

  /// Fills `into`; false if the file has not so many bytes there.
  bool read(std::size_t offset, std::vector<char>& into) const;

private:
  int fd_;
  std::size_t size_ = 0;
};

/// "page 17: ".
std::string page_text(page_number number);

/// The newer of the two meta pages, which is the one LMDB takes. Throws `damage`.
meta_record read_metas(const data_file& file);

/// Throws `damage` if the header is not that of page `number` with these flags, or its
/// bounds lead out of the page.
void check_header(page_number number, const page_header& header, page_flag wanted,
                  std::size_t page_bytes);

/// Entry `index` of a branch or leaf page; its texts point into `page`. Throws `damage`.
node read_node(page_number number, std::string_view page, const page_header& header,
               std::size_t index);

} // namespace weir::storage::lmdb_layout
