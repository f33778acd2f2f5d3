// VERIFY: looks at a whole database (a store that runs or is stopped, a backup, a file
// that was set aside) without opening it for writing, and says what is in it and what is
// damaged: by table and, in a store, by series and span. Reads the file itself, so no
// damage can end the program.
#pragma once

#include "storage/errors.hpp"
#include "storage/store_ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace weir::storage {

struct table_state {
  std::string name;
  std::uint64_t entries = 0; ///< That could be read.
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0; ///< Of values that do not fit into a page.
  std::uint64_t damaged_places = 0;
  // Of the entries that carry a time; nothing where none does.
  std::optional<std::int64_t> oldest_ns;
  std::optional<std::int64_t> newest_ns;

  std::uint64_t pages() const {
    return branch_pages + leaf_pages + overflow_pages;
  }
};

/// What a key says about where it stands; fields that it does not have are empty.
struct key_meaning {
  std::optional<std::uint32_t> series;
  std::string series_text; ///< Canonical, if the series is known.
  std::string edge;
  std::optional<std::int64_t> time_ns; ///< Start of a window, time of an anomaly...
};

/// A span of keys of which the entries cannot be read, or one entry with a value that
/// makes no sense.
struct damaged_place {
  std::string table;
  std::optional<key_meaning> from;  ///< Nothing: from the table's begin.
  std::optional<key_meaning> until; ///< Before this; nothing: to the table's end.
  bool is_one_entry = false;        ///< The one at `from`.
  std::string reason;
};

struct database_state {
  bool is_store = false; ///< The centre's; else tables are only looked at as such.
  std::string store_id;  ///< 16 hexadecimal digits; empty: none.
  std::uint32_t format = 0;
  std::uint64_t commit = 0; ///< LMDB's number of the last transaction.
  std::uint64_t page_bytes = 0;
  std::uint64_t size_bytes = 0; ///< Of the file.
  std::uint64_t free_pages = 0;
  std::vector<table_state> tables; ///< By name.
  /// Numberings of edges, at most epochs_max.
  std::vector<edge_position> epochs;
  std::vector<damaged_place> damaged; ///< At most damaged_max.
  std::uint64_t damaged_places = 0;   ///< All.

  static constexpr std::size_t epochs_max = 100'000;
  static constexpr std::size_t damaged_max = 1000;

  bool is_sound() const {
    return damaged_places == 0;
  }
};

enum class verify_depth : std::uint8_t {
  totals,  ///< Sizes of tables as they are noted, epochs: at once.
  entries, ///< Reads every entry, for counts, bytes and times.
  values,  ///< And decodes every value and compares the tables with each other.
};

/// `folder` has a `data.mdb`. A database that is in use is seen as of one commit, and
/// its freed pages are not used again meanwhile (about 1 s per GB from memory). Errors:
/// cannot_open (no such file, no permission). Damage is no error, but in the answer.
expected<database_state, error> look_at_database(const std::filesystem::path& folder,
                                                 verify_depth depth);

} // namespace weir::storage
