#include "cli/database_tables.hpp"

#include "cli/text_table.hpp"
#include "cli/time_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

namespace weir::cli {

using nlohmann::json;

namespace {

std::string megabytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(bytes) / 1e6);
  return text;
}

std::string per_entry(std::uint64_t bytes, std::uint64_t entries) {
  return entries == 0 || bytes == 0 ? ""
                                    : std::to_string((bytes + entries / 2) / entries);
}

std::string time_text(const std::optional<std::int64_t>& time_ns) {
  return time_ns ? iso_ms(*time_ns) : "";
}

json time_json(const std::optional<std::int64_t>& time_ns) {
  return time_ns ? json(*time_ns / 1'000'000) : json(nullptr);
}

std::string owner_text(const storage::key_meaning& x) {
  std::string result;
  if (!x.series_text.empty())
    result = x.series_text;
  else if (x.series)
    result = "series " + std::to_string(*x.series);
  if (!x.edge.empty())
    result += (result.empty() ? "edge " : " of edge ") + x.edge;
  return result;
}

/// What a key says, in words; empty if nothing.
std::string place_text(const storage::key_meaning& x) {
  auto result = owner_text(x);
  if (x.time_ns)
    result += (result.empty() ? "" : " at ") + iso_ms(*x.time_ns);
  return result;
}

/// From one key to another; one series with a span where both are of it.
std::string span_text(const storage::damaged_place& place) {
  if (place.is_one_entry)
    return place.from ? place_text(*place.from) : "";
  auto owner = place.from ? owner_text(*place.from) : "";
  if (place.until && owner == owner_text(*place.until) && place.from->time_ns
      && place.until->time_ns)
    return (owner.empty() ? "" : owner + ", ") + "from " + iso_ms(*place.from->time_ns)
           + " to " + iso_ms(*place.until->time_ns);
  auto from = place.from ? place_text(*place.from) : "";
  auto until = place.until ? place_text(*place.until) : "";
  if (from.empty() && until.empty())
    return "";
  return "from " + (from.empty() ? "the begin" : from) + " to "
         + (until.empty() ? "the end" : until);
}

/// Text from a file that may be damaged: only what a terminal and JSON can take.
std::string printable(std::string text) {
  std::ranges::replace_if(
    text, [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

json to_json(const storage::damaged_place& x) {
  json result{{"table", printable(x.table)}, {"reason", printable(x.reason)}};
  auto put = [&](const char* name, const std::optional<storage::key_meaning>& side) {
    if (!side)
      return;
    result[name] = {{"edge", printable(side->edge)},
                    {"series", printable(side->series_text)},
                    {"series_id", side->series ? json(*side->series) : json(nullptr)},
                    {"time_ms", time_json(side->time_ns)}};
  };
  put("from", x.from);
  put("until", x.until);
  result["one_entry"] = x.is_one_entry;
  return result;
}

std::string epochs_text(const storage::database_state& state) {
  struct sums {
    std::uint64_t epochs = 0;
    std::uint64_t stored = 0;
    std::uint64_t missing = 0;
    std::int64_t last_ns = 0;
  };
  std::map<std::string, sums> edges;
  for (const auto& x : state.epochs) {
    auto& to = edges[x.edge];
    to.epochs += 1;
    to.stored += x.records_stored;
    to.missing += x.missing();
    to.last_ns = std::max(to.last_ns, x.last_ns);
  }
  if (edges.empty())
    return "";
  text_table table{{"EDGE", ">EPOCHS", ">STORED", ">MISSING", "LAST COMMIT"}};
  for (const auto& [edge, x] : edges)
    table.add({edge, std::to_string(x.epochs), std::to_string(x.stored),
               std::to_string(x.missing), x.last_ns == 0 ? "" : iso_ms(x.last_ns)});
  return "\n" + table.text();
}

} // namespace

std::string damage_text(const storage::damaged_place& place) {
  auto span = span_text(place);
  return printable(place.table + (span.empty() ? "" : ": " + span) + ": "
                   + place.reason);
}

std::string stats_text(const storage::database_state& state) {
  text_table table{{"TABLE", ">ENTRIES", ">PAGES", ">MB", ">BYTES/ENTRY", ">OF DATA",
                    "OLDEST", "NEWEST"}};
  std::uint64_t used_pages = 0;
  for (const auto& x : state.tables) {
    used_pages += x.pages();
    auto bytes = x.pages() * state.page_bytes;
    table.add({x.name, std::to_string(x.entries), std::to_string(x.pages()),
               megabytes(bytes), per_entry(bytes, x.entries),
               per_entry(x.key_bytes + x.value_bytes, x.entries),
               time_text(x.oldest_ns), time_text(x.newest_ns)});
  }
  auto result = table.text() + "\nfile " + megabytes(state.size_bytes) + " MB, tables "
                + megabytes(used_pages * state.page_bytes) + " MB, free pages "
                + megabytes(state.free_pages * state.page_bytes)
                + " MB (used again before the file grows)\n";
  if (!state.store_id.empty())
    result
      += "store " + state.store_id + ", format " + std::to_string(state.format) + "\n";
  return result + epochs_text(state);
}

json to_json(const storage::database_state& state) {
  json tables = json::array();
  for (const auto& x : state.tables)
    tables.push_back({{"table", printable(x.name)},
                      {"entries", x.entries},
                      {"pages", x.pages()},
                      {"branch_pages", x.branch_pages},
                      {"leaf_pages", x.leaf_pages},
                      {"overflow_pages", x.overflow_pages},
                      {"bytes", x.pages() * state.page_bytes},
                      {"key_bytes", x.key_bytes},
                      {"value_bytes", x.value_bytes},
                      {"damaged_places", x.damaged_places},
                      {"oldest_ms", time_json(x.oldest_ns)},
                      {"newest_ms", time_json(x.newest_ns)}});
  json epochs = json::array();
  for (const auto& x : state.epochs)
    epochs.push_back({{"edge", printable(x.edge)},
                      {"epoch", std::to_string(x.epoch)}, // Beyond 2^53.
                      {"through_seq", x.through_seq},
                      {"sent_seq", x.sent_seq},
                      {"stored", x.records_stored},
                      {"missing", x.missing()},
                      {"last_ms", x.last_ns / 1'000'000}});
  json damaged = json::array();
  for (const auto& x : state.damaged)
    damaged.push_back(to_json(x));
  return {{"store_id", state.store_id},
          {"format", state.format},
          {"commit", state.commit},
          {"page_bytes", state.page_bytes},
          {"size_bytes", state.size_bytes},
          {"free_pages", state.free_pages},
          {"tables", tables},
          {"epochs", epochs},
          {"damaged_places", state.damaged_places},
          {"damaged", damaged}};
}

json to_json(const storage::backup_manifest& x) {
  return {{"made_ms", x.made_ns / 1'000'000},
          {"program", printable(x.program)},
          {"store_id", x.store_id},
          {"format", x.format},
          {"compacted", x.is_compacted},
          {"size_bytes", x.size_bytes},
          {"blake2b", x.blake2b}};
}

std::string manifest_text(const storage::backup_manifest& x) {
  return "made " + iso_ms(x.made_ns) + " by " + printable(x.program) + ", store "
         + (x.store_id.empty() ? "without id" : x.store_id) + ", format "
         + std::to_string(x.format) + ", " + megabytes(x.size_bytes) + " MB";
}

} // namespace weir::cli
