#include "storage/verify.hpp"

#include "storage/backup.hpp"
#include "storage/big_endian.hpp"
#include "storage/failure.hpp"
#include "storage/lmdb_snapshot.hpp"
#include "storage/lmdb_walk.hpp"
#include "storage/store_values.hpp"
#include "storage/verify_tables.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <utility>

namespace weir::storage {

namespace fs = std::filesystem;

namespace {

/// One look at a file, table by table.
class inspection {
public:
  inspection(const fs::path& file, verify_depth depth)
    : file_(file), walk_(file), depth_(depth) {
  }

  database_state run() {
    state_.commit = walk_.commit();
    state_.page_bytes = walk_.page_bytes();
    state_.size_bytes = walk_.size_bytes();
    state_.free_pages = walk_.free_pages(damage_of("(free pages)", nullptr));
    auto tables = walk_.tables(damage_of("(list of tables)", nullptr));
    // Its values can be read by no other rules than the store's.
    state_.is_store = std::ranges::any_of(
      tables, [](const auto& x) { return x.name == "positions"; });
    for (const auto& x : tables)
      look_at(x);
    if (depth_ == verify_depth::values)
      compare_tables();
    name_series();
    return std::move(state_);
  }

private:
  void look_at(const walked_table& table) {
    const auto* rule = state_.is_store ? find_table_rule(table.name) : nullptr;
    table_state result;
    result.name = table.name;
    result.branch_pages = table.branch_pages;
    result.leaf_pages = table.leaf_pages;
    result.overflow_pages = table.overflow_pages;
    auto places_before = state_.damaged_places;
    bool is_small = table.name == "meta" || table.name == "positions";
    if (depth_ == verify_depth::totals && !is_small) {
      result.entries = table.entries;
    } else {
      walk_.entries(
        table,
        [&](std::string_view key, std::string_view value) {
          count(result, rule, key, value);
        },
        damage_of(table.name, rule));
      if (state_.damaged_places == places_before && result.entries != table.entries)
        add_damage({table.name,
                    {},
                    {},
                    false,
                    "it has " + std::to_string(result.entries) + " entries, its record "
                      + "says " + std::to_string(table.entries)});
    }
    result.damaged_places = state_.damaged_places - places_before;
    state_.tables.push_back(std::move(result));
  }

  void count(table_state& table, const table_rule* rule, std::string_view key,
             std::string_view value) {
    table.entries += 1;
    table.key_bytes += key.size();
    table.value_bytes += value.size();
    if (table.name == "meta")
      read_meta(key, value);
    if (state_.is_store && table.name == "positions")
      read_position(key, value);
    if (rule == nullptr)
      return;
    if (rule->meaning != nullptr)
      note_time(table, rule->meaning(key).time_ns);
    if (depth_ != verify_depth::values || rule->check == nullptr)
      return;
    try {
      rule->check(key, value);
    } catch (const failure& x) {
      add_damage(
        {table.name, meaning_of(rule, key), {}, true, x.what_happened.message});
    }
  }

  static void note_time(table_state& table, std::optional<std::int64_t> time_ns) {
    if (!time_ns)
      return;
    table.oldest_ns = std::min(table.oldest_ns.value_or(*time_ns), *time_ns);
    table.newest_ns = std::max(table.newest_ns.value_or(*time_ns), *time_ns);
  }

  void read_meta(std::string_view key, std::string_view value) {
    if (key == "format")
      state_.format = byte_reader{value}.take<std::uint32_t>();
    if (key != "store_id")
      return;
    std::array<char, 17> text{};
    std::snprintf(
      text.data(), text.size(), "%016llx",
      static_cast<unsigned long long>(byte_reader{value}.take<std::uint64_t>()));
    state_.store_id = text.data();
  }

  void read_position(std::string_view key, std::string_view value) {
    if (state_.epochs.size() >= database_state::epochs_max)
      return;
    auto position = guarded([&] { return to_position(key, value); });
    if (position) // Else the rule reports it.
      state_.epochs.push_back(std::move(*position));
  }

  lmdb_walk::on_damage damage_of(std::string table, const table_rule* rule) {
    return [this, table = std::move(table), rule](const walked_damage& x) {
      bool is_one = x.until_key.size() == x.from_key.size() + 1
                    && x.until_key.starts_with(x.from_key);
      add_damage({table, meaning_of(rule, x.from_key),
                  is_one ? std::nullopt : meaning_of(rule, x.until_key), is_one,
                  x.reason});
    };
  }

  static std::optional<key_meaning> meaning_of(const table_rule* rule,
                                               std::string_view key) {
    if (rule == nullptr || rule->meaning == nullptr || key.empty())
      return std::nullopt;
    return rule->meaning(key);
  }

  void add_damage(damaged_place place) {
    state_.damaged_places += 1;
    if (state_.damaged.size() < database_state::damaged_max)
      state_.damaged.push_back(std::move(place));
  }

  const table_state* table(std::string_view name) const {
    auto found = std::ranges::find_if(state_.tables,
                                      [&](const auto& x) { return x.name == name; });
    return found == state_.tables.end() ? nullptr : &*found;
  }

  /// An index and what it indexes must have come with the same commits.
  void compare_tables() {
    for (const auto& balance : table_balances()) {
      const auto* whole = table(balance.table);
      std::uint64_t sum = 0;
      bool known = whole != nullptr && whole->damaged_places == 0;
      for (auto name : balance.parts) {
        const auto* part = table(name);
        known = known && part != nullptr && part->damaged_places == 0;
        sum += part != nullptr ? part->entries : 0;
      }
      if (known && sum != whole->entries)
        add_damage({whole->name,
                    {},
                    {},
                    false,
                    "it has " + std::to_string(whole->entries)
                      + " entries, its index has " + std::to_string(sum)});
    }
  }

  /// Puts texts to the numbers of series in what was found: those few, in another walk.
  void name_series() {
    std::map<std::uint32_t, std::vector<key_meaning*>> wanted;
    for (auto& place : state_.damaged)
      for (auto* side : {&place.from, &place.until})
        if (*side && (*side)->series)
          wanted[*(*side)->series].push_back(&**side);
    if (wanted.empty())
      return;
    auto ignore = [](const walked_damage&) {};
    auto again = lmdb_walk{file_};
    for (const auto& table : again.tables(ignore)) {
      if (table.name != "series")
        continue;
      again.entries(
        table,
        [&](std::string_view key, std::string_view value) {
          auto found = wanted.find(of_key(key));
          if (found == wanted.end())
            return;
          auto series = guarded([&] { return to_series(key, value); });
          for (auto* x : found->second)
            if (series) {
              x->series_text = series->text;
              x->edge = series->edge;
            }
        },
        ignore);
    }
  }

  static std::uint32_t of_key(std::string_view key) {
    return byte_reader{key}.take<std::uint32_t>();
  }

  const fs::path file_;
  lmdb_walk walk_;
  const verify_depth depth_;
  database_state state_;
};

database_state unreadable(const std::string& reason) {
  database_state result;
  result.damaged_places = 1;
  result.damaged.push_back({"(the whole file)", {}, {}, false, reason});
  return result;
}

database_state look(const fs::path& folder, verify_depth depth) {
  auto file = folder / "data.mdb";
  std::error_code failed;
  if (!fs::exists(file, failed))
    throw failure(errc::cannot_open,
                  folder.string()
                    + (failed ? ": " + failed.message()
                                  + ". Run this as the user that "
                                    "the database belongs to."
                              : " holds no database (no data.mdb)."));
  try {
    // Not even LMDB's first look may meet what it does not expect.
    static_cast<void>(lmdb_walk{file});
    std::unique_ptr<lmdb_snapshot> pin;
    if (!is_backup(folder) && fs::exists(folder / "lock.mdb", failed))
      pin = std::make_unique<lmdb_snapshot>(folder);
    return inspection{file, depth}.run();
  } catch (const lmdb_layout::damage& x) {
    return unreadable(x.reason);
  }
}

} // namespace

expected<database_state, error> look_at_database(const fs::path& folder,
                                                 verify_depth depth) {
  return guarded([&] { return look(folder, depth); });
}

} // namespace weir::storage
