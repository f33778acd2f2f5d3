// INTERNAL: reads all that can be read of an LMDB data file, and says what cannot: by
// plain reads, without LMDB, so that a damaged page costs its own entries and no more.
#pragma once

#include "storage/lmdb_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

/// The tables as the file's root names them.
struct walked_table {
  std::string name;
  std::uint64_t entries = 0; ///< As its own record says.
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  lmdb_layout::tree_record tree{};

  std::uint64_t pages() const {
    return branch_pages + leaf_pages + overflow_pages;
  }
};

/// A place that cannot be read: keys from `from_key` on and before `until_key`, as far
/// as that is known.
struct walked_damage {
  std::string from_key;  ///< Empty: from the table's begin.
  std::string until_key; ///< Empty: to the table's end.
  std::string reason;    ///< "page 17: ...".
};

/// The file must not change meanwhile, but for what is committed while a lmdb_snapshot
/// of it lives. A file without two sound meta pages is thrown as lmdb_layout::damage;
/// one that may not be opened as `failure`.
class lmdb_walk {
public:
  explicit lmdb_walk(const std::filesystem::path& file);

  std::size_t page_bytes() const {
    return page_bytes_;
  }
  /// The file's size as its meta page has it; it can be less on disk (lmdb_check.hpp).
  std::uint64_t size_bytes() const {
    return (meta_.last_page + std::uint64_t{1}) * page_bytes_;
  }
  std::uint64_t commit() const {
    return meta_.transaction;
  }

  using on_damage = std::function<void(const walked_damage&)>;
  using on_entry = std::function<void(std::string_view key, std::string_view value)>;

  /// By name. Damage of the tree that lists them goes to `damaged`.
  std::vector<walked_table> tables(const on_damage& damaged);

  /// All entries of a table in order of keys; texts are valid during the call.
  void entries(const walked_table& table, const on_entry& entry,
               const on_damage& damaged);

  /// How many pages are free. Damage is reported.
  std::uint64_t free_pages(const on_damage& damaged);

private:
  enum class tree_kind { free_list, main, named };

  struct place {
    lmdb_layout::page_number number = 0;
    std::size_t levels = 0; // From here to the leaves, both included.
    std::string from_key;
    std::string until_key;
  };

  struct tree_visit {
    tree_kind kind;
    std::function<void(const lmdb_layout::node&, std::string_view value)> entry;
    const on_damage& damaged;
  };

  void walk(const lmdb_layout::tree_record& tree, const tree_visit& visit);
  void walk_page(const place& at, const tree_visit& visit);
  void walk_branch(const place& at, std::string_view page,
                   const lmdb_layout::page_header& header, const tree_visit& visit);
  void walk_leaf(const place& at, std::string_view page,
                 const lmdb_layout::page_header& header, const tree_visit& visit);
  std::string_view value_of(const lmdb_layout::node& found, const tree_visit& visit);
  void meet(lmdb_layout::page_number number, std::size_t count);

  lmdb_layout::data_file file_;
  lmdb_layout::meta_record meta_;
  std::size_t page_bytes_;
  std::vector<bool> met_;     // One bit for each page of the file.
  std::vector<char> outside_; // A value outside its leaf.
};

} // namespace weir::storage
