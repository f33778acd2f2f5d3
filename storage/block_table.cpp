#include "storage/block_table.hpp"

#include "storage/store_value_io.hpp"
#include "storage/store_values.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace weir::storage {

namespace {

constexpr auto time_max = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t key_bytes = 1 + 4 + 8 + 8;
constexpr std::size_t place_bytes = key_bytes - 8;

/// So many that are not full may stand behind each other.
constexpr std::size_t small_blocks_max = 16;

std::string key_of(const row_place& place, std::int64_t start_ns) {
  return to_key(block_key{place, start_ns});
}

bool is_of(const row_place& place, std::string_view key) {
  return key.substr(0, place_bytes)
         == std::string_view{key_of(place, 0)}.substr(0, place_bytes);
}

/// The last block that begins before `start_ns`.
bool seek_before(lmdb_cursor& cursor, const row_place& place, std::int64_t start_ns) {
  return cursor.seek_before(key_of(place, start_ns)) && is_of(place, cursor.key());
}

std::int64_t behind(std::int64_t start_ns) {
  return start_ns == time_max ? time_max : start_ns + 1;
}

} // namespace

std::string to_key(const block_key& key) {
  std::string out;
  out.reserve(key_bytes);
  put_be(out, static_cast<std::uint8_t>(key.place.level));
  put_be(out, key.place.series);
  put_be(out, biased(key.place.width_ns));
  put_be(out, biased(key.first_start_ns));
  return out;
}

block_key to_block_key(std::string_view key) {
  auto in = read_key(key, key_bytes, "a block's key");
  block_key result;
  result.place.level = take_enum(in, tier::day, "a block's key");
  result.place.series = in.take<std::uint32_t>();
  result.place.width_ns = unbiased(in.take<std::uint64_t>());
  result.first_start_ns = unbiased(in.take<std::uint64_t>());
  if (result.place.width_ns <= 0 || result.place.width_ns > width_ns_max
      || result.first_start_ns < start_ns_min || result.first_start_ns > start_ns_max)
    malformed("a block's key");
  return result;
}

// -- reading ---------------------------------------------------------------------

block_reader::block_reader(const lmdb_txn& txn, lmdb_table blocks,
                           const row_place& place, std::int64_t from_ns,
                           damage_sink damaged)
  : place_(place), from_ns_(from_ns), damaged_(std::move(damaged)),
    cursor_(txn, blocks) {
  more_ = seek_before(cursor_, place, behind(from_ns))
          || (cursor_.seek(key_of(place, from_ns)) && is_of(place, cursor_.key()));
}

bool block_reader::next(row_set& out, std::int64_t to_ns) {
  while (more_) {
    auto key = to_block_key(cursor_.key());
    if (key.first_start_ns >= to_ns)
      return false;
    auto done = decode_rows(cursor_.value(), out);
    more_ = cursor_.next() && is_of(place_, cursor_.key());
    if (!done) {
      damaged_(key, done.error());
      continue;
    }
    auto first = std::find_if(out.rows.begin(), out.rows.end(),
                              [&](const auto& x) { return x.start_ns >= from_ns_; })
                 - out.rows.begin();
    out.rows.erase(out.rows.begin(), out.rows.begin() + first);
    out.origins.erase(out.origins.begin(), out.origins.begin() + first);
    for (auto& x : out.rows)
      x.series = place_.series;
    if (!out.rows.empty())
      return true;
  }
  return false;
}

std::optional<std::int64_t> next_width(lmdb_cursor& blocks, tier level,
                                       stored_series_id series, std::int64_t width_ns) {
  constexpr auto earliest = std::numeric_limits<std::int64_t>::min();
  if (!blocks.seek(key_of({level, series, width_ns + 1}, earliest)))
    return std::nullopt;
  auto key = to_block_key(blocks.key());
  if (key.place.level != level || key.place.series != series)
    return std::nullopt;
  return key.place.width_ns;
}

std::optional<std::int64_t> last_row_start(const lmdb_txn& txn, lmdb_table blocks,
                                           const row_place& place) {
  lmdb_cursor cursor{txn, blocks};
  if (!seek_before(cursor, place, time_max))
    return std::nullopt;
  auto head = decode_head(cursor.value());
  // Of one that is damaged nobody knows: look in all.
  return head ? head->last_start_ns : time_max;
}

std::optional<std::size_t> find_in_blocks(const lmdb_txn& txn, lmdb_table blocks,
                                          const row_place& place, std::int64_t start_ns,
                                          std::optional<block_key>& at, row_set& rows,
                                          const damage_sink& damaged) {
  lmdb_cursor cursor{txn, blocks};
  if (!seek_before(cursor, place, behind(start_ns)))
    return std::nullopt;
  auto key = to_block_key(cursor.key());
  if (!at || *at != key) {
    at.reset();
    auto head = decode_head(cursor.value());
    if (head && head->last_start_ns < start_ns)
      return std::nullopt;
    if (auto done = decode_rows(cursor.value(), rows); !done) {
      damaged(key, done.error());
      return std::nullopt;
    }
    at = key;
  }
  auto found = std::lower_bound(rows.rows.begin(), rows.rows.end(), start_ns,
                                [](const analytics::summary& x, std::int64_t time_ns) {
                                  return x.start_ns < time_ns;
                                });
  if (found == rows.rows.end() || found->start_ns != start_ns)
    return std::nullopt;
  return static_cast<std::size_t>(found - rows.rows.begin());
}

// -- writing ---------------------------------------------------------------------

block_writer::block_writer(lmdb_txn& txn, lmdb_table blocks, std::size_t bytes_max,
                           damage_sink damaged)
  : txn_(txn), blocks_(blocks), bytes_max_(bytes_max), damaged_(std::move(damaged)) {
}

void block_writer::join(neighbours& near, const block_key& key,
                        std::string_view value) {
  row_set rows;
  if (auto done = decode_rows(value, rows); !done) {
    damaged_(key, done.error());
    return;
  }
  near.joined.push_back(key);
  near.before = merged(std::move(rows), std::move(near.before));
}

/// Around `rows` rows of which the first begins at `start_ns`. Small blocks stay behind
/// each other until there is enough for a full one: to encode a growing block again and
/// again would cost a multiple.
block_writer::neighbours block_writer::look(const row_place& place,
                                            std::int64_t start_ns, std::size_t rows) {
  neighbours result;
  lmdb_cursor cursor{txn_, blocks_};
  std::vector<std::pair<block_key, std::string_view>> small;
  bool more = seek_before(cursor, place, behind(start_ns));
  if (more && cursor.next() && is_of(place, cursor.key()))
    result.behind_start_ns = to_block_key(cursor.key()).first_start_ns;
  if (!more && cursor.seek(key_of(place, start_ns)) && is_of(place, cursor.key()))
    result.behind_start_ns = to_block_key(cursor.key()).first_start_ns;
  std::size_t bytes = 0;
  std::size_t bytes_per_row = 0;
  for (more = seek_before(cursor, place, behind(start_ns)); more;
       more = cursor.previous() && is_of(place, cursor.key())) {
    auto value = cursor.value();
    auto key = to_block_key(cursor.key());
    auto head = decode_head(value);
    if (!head) {
      damaged_(key, head.error());
      break;
    }
    if (small.empty() && head->last_start_ns >= start_ns) {
      join(result, key, value);
      return result;
    }
    if (value.size() > bytes_max_ - bytes_max_ / 8 || small.size() >= small_blocks_max)
      break;
    small.emplace_back(key, value);
    bytes += value.size();
    bytes_per_row = std::max(bytes_per_row, value.size() / head->rows);
  }
  bool is_enough = bytes + rows * bytes_per_row >= bytes_max_;
  if (is_enough || small.size() >= small_blocks_max)
    for (const auto& [key, value] : small)
      join(result, key, value);
  return result;
}

void block_writer::put(const row_place& place, const row_set& rows) {
  for (const auto& x : encode_rows(rows, bytes_max_))
    txn_.put(blocks_, key_of(place, x.first_start_ns), x.value);
}

void block_writer::merge(const row_place& place, row_set&& rows) {
  auto& added = rows_added_[static_cast<std::size_t>(place.level)];
  for (std::size_t i = 0; i < rows.size();) {
    auto near = look(place, rows.rows[i].start_ns, rows.size() - i);
    row_set part;
    for (; i < rows.size()
           && (!near.behind_start_ns || rows.rows[i].start_ns < *near.behind_start_ns);
         ++i)
      part.add(std::move(rows.rows[i]), rows.origins[i]);
    added -= static_cast<std::int64_t>(near.before.size());
    part = merged(std::move(near.before), std::move(part));
    added += static_cast<std::int64_t>(part.size());
    for (const auto& key : near.joined)
      txn_.erase(blocks_, to_key(key));
    put(place, part);
  }
}

} // namespace weir::storage
