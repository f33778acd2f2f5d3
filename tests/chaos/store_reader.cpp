#include "tests/chaos/store_reader.hpp"

#include "storage/block_rows.hpp"
#include "tests/chaos/lmdb_reader.hpp"

#include <algorithm>
#include <stdexcept>

namespace weir::chaos {

namespace {

read_position take_position(std::string_view key, std::string_view value) {
  fields id{key, "key of a position"};
  read_position result;
  result.edge = id.take(key.size() - std::min<std::size_t>(8, key.size()));
  result.epoch = id.number(8);
  fields in{value, "a position"};
  auto version = in.number(1);
  result.through_seq = in.number(8);
  if (version < 2)
    return result;
  auto lane_first = in.number(8);
  auto lane_through = in.number(8);
  if (lane_first != 0)
    result.lane_numbers = lane_through - lane_first + 1;
  auto& books = result.books.emplace();
  for (auto* x : {&books.sent_seq, &books.stored, &books.coalesced, &books.expired,
                  &books.shed, &books.unreadable})
    *x = in.number(8);
  in.take(2 * 8); // duplicate, gaps
  books.violations = in.number(8);
  return result;
}

/// The tables of recent windows, by `recent` in `meta`.
struct recent_tables {
  std::uint64_t active = 0;
  bool is_flushing = false;
  std::uint64_t flushed_through = 0;
};

recent_tables take_recent(lmdb_reader& from) {
  recent_tables result;
  from.for_each("meta", [&](auto key, auto value) {
    if (key != "recent")
      return;
    fields in{value, "the state of the recent tables"};
    in.take(1 + 8); // version, generation
    result.active = in.number(1);
    result.is_flushing = in.number(1) != 0;
    result.flushed_through = in.number(4);
  });
  return result;
}

/// start, series, width: in `summaries` it was series, width, start.
std::string old_key(std::string_view recent_key) {
  fields in{recent_key, "key of a recent window"};
  auto start = std::string{in.take(8)};
  auto series = std::string{in.take(4)};
  return series + std::string{in.take(8)} + start;
}

std::uint64_t series_of(std::string_view old_key) {
  return fields{old_key, "key of a window"}.number(4);
}

/// A window that stands in several places counts where it was put last.
void take_windows(lmdb_reader& from, read_store& result) {
  std::map<std::string, read_window> windows; // By key, as it was in `summaries`.
  from.for_each("blocks", [&](auto key, auto value) {
    fields id{key, "key of a block"};
    if (id.number(1) != 0)
      return; // A rollup.
    auto place = std::string{id.take(4 + 8)};
    storage::row_set rows;
    if (auto done = storage::decode_rows(value, rows); !done)
      throw std::runtime_error("a block: " + done.error().message);
    for (const auto& x : rows.rows) {
      auto row_key = place;
      auto biased = static_cast<std::uint64_t>(x.start_ns) ^ std::uint64_t{1} << 63;
      for (int shift = 56; shift >= 0; shift -= 8)
        row_key.push_back(static_cast<char>(biased >> shift));
      if (!windows
             .try_emplace(row_key,
                          read_window{static_cast<std::uint32_t>(series_of(place)),
                                      x.width_ns, x.start_ns, x.count, x.sum, x.min,
                                      x.max, x.early})
             .second)
        throw std::runtime_error("a window stands in two blocks");
    }
  });
  auto state = take_recent(from);
  for (auto is_active : {false, true}) {
    auto is_first = (state.active == 0) == is_active;
    from.for_each(is_first ? "recent_a" : "recent_b", [&](auto key, auto value) {
      auto row_key = old_key(key);
      if (is_active
          || (state.is_flushing && series_of(row_key) > state.flushed_through))
        windows.insert_or_assign(row_key, parse_window(row_key, value));
    });
  }
  for (const auto& [key, window] : windows)
    result.windows.push_back(window);
}

} // namespace

read_store read_whole_store(const std::filesystem::path& directory) {
  lmdb_reader from{directory};
  read_store result;
  from.for_each("series", [&](auto key, auto value) {
    fields id{key, "key of a series"};
    fields in{value, "a series"};
    in.number(1);
    auto& x = result.series[static_cast<std::uint32_t>(id.number(4))];
    x.edge = in.text();
    x.canonical = in.text();
    in.end();
  });
  take_windows(from, result);
  from.for_each("positions", [&](auto key, auto value) {
    result.positions.push_back(take_position(key, value));
  });
  result.quarantined = from.entries("quarantine");
  return result;
}

std::uint64_t count_outbox_blocks(const std::filesystem::path& directory) {
  return lmdb_reader{directory}.entries("blocks");
}

} // namespace weir::chaos
