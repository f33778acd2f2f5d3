#include "web/ledger_views.hpp"

#include "web/json_views.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace weir::web {

using nlohmann::json;

namespace {

std::string_view to_text(storage::range_fate x) {
  switch (x) {
  case storage::range_fate::stored:
    return "stored";
  case storage::range_fate::coalesced:
    return "coalesced";
  case storage::range_fate::expired:
    return "expired";
  case storage::range_fate::shed:
    return "shed";
  case storage::range_fate::unreadable:
    break;
  }
  return "unreadable";
}

json range_json(const storage::ledger_range& x) {
  return {{"first", x.first_seq},
          {"last", x.last_seq},
          {"fate", to_text(x.fate)},
          {"records", x.records},
          {"first_ms", ms_json(x.first_ns)},
          {"last_ms", ms_json(x.last_ns)}};
}

json missing_json(std::uint64_t first, std::uint64_t last) {
  return {{"first", first}, {"last", last},        {"fate", "missing"},
          {"records", 0},   {"first_ms", nullptr}, {"last_ms", nullptr}};
}

} // namespace

std::string epoch_text(std::uint64_t epoch) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx",
                static_cast<unsigned long long>(epoch));
  return text.data();
}

std::vector<std::string> mode_names(std::uint64_t mode) {
  constexpr std::pair<std::uint64_t, const char*> names[]
    = {{transport::edge_mode_memory_only, "memory_only"},
       {transport::edge_mode_journal_off, "journal_off"},
       {transport::edge_mode_disk_full, "disk_full"},
       {transport::edge_mode_memory_short, "memory_short"}};
  std::vector<std::string> result;
  for (const auto& [bit, name] : names)
    if ((mode & bit) != 0)
      result.emplace_back(name);
  return result;
}

bool is_balanced(const transport::edge_ledger& x) {
  return x.received
         == x.taken + x.late + x.duplicate + x.quarantined + x.filtered + x.shed
              + x.held + x.in_flight;
}

json position_json(const storage::edge_position& x) {
  auto sent = std::max(x.sent_seq, std::max(x.through_seq, x.lane_through));
  auto missing = sent - std::min(sent, x.covered());
  return {{"edge", x.edge},
          {"epoch", epoch_text(x.epoch)},
          {"through_seq", x.through_seq},
          {"lane_first", x.lane_first},
          {"lane_through", x.lane_through},
          {"sent", sent},
          {"stored", x.records_stored},
          {"coalesced", x.records_coalesced},
          {"expired", x.records_expired},
          {"shed", x.records_shed},
          {"unreadable", x.records_unreadable},
          {"missing", missing},
          {"balanced", x.accounted() + missing == sent && x.violations == 0},
          {"violations", x.violations},
          {"duplicate", x.records_duplicate},
          {"gaps_refused", x.gaps_refused},
          {"behind_seq", x.behind_seq},
          {"first_ms", ms_json(x.first_ns)},
          {"last_ms", ms_json(x.last_ns)}};
}

json event_ledger_json(const actors::edge_view& x) {
  if (x.ledger_ns == 0)
    return nullptr;
  json result = {{"epoch", epoch_text(x.ledger_epoch)},
                 {"time_ms", ms_json(x.ledger_ns)},
                 {"balanced", is_balanced(x.ledger) && x.ledger.violations == 0},
                 {"modes", mode_names(x.ledger.mode)}};
  for (const auto& field : transport::edge_ledger_fields)
    if (field.name != "mode")
      result[std::string{field.name}] = x.ledger.*field.value;
  return result;
}

json epoch_json(const storage::epoch_ledger& x, const storage::ledger_page& page) {
  auto result = position_json(x.position);
  auto ranges = json::array();
  // One above what comes next, from the top down.
  auto above = std::min(page.before_seq, result["sent"].get<std::uint64_t>() + 1);
  for (const auto& range : x.ranges) {
    if (range.last_seq + 1 < above)
      ranges.push_back(missing_json(range.last_seq + 1, above - 1));
    ranges.push_back(range_json(range));
    above = range.first_seq;
  }
  bool is_last_page = x.ranges.size() < page.limit;
  if (is_last_page && above > x.position.ranges_from_seq)
    ranges.push_back(missing_json(x.position.ranges_from_seq, above - 1));
  result["ranges"] = std::move(ranges);
  result["ranges_total"] = x.position.ranges;
  result["ranges_from"] = x.position.ranges_from_seq;
  result["violation"] = x.violation;
  if (!x.violation.empty())
    result["balanced"] = false;
  return result;
}

json ledger_event_json(const storage::ledger_event& x) {
  bool renewed = x.cause == storage::epoch_cause::renewed;
  return {{"edge", x.edge},
          {"time_ms", ms_json(x.time_ns)},
          {"cause", renewed ? "renewed" : "new_database"},
          {"old_epoch", epoch_text(x.old_epoch)},
          {"new_epoch", epoch_text(x.new_epoch)},
          {"run", x.run},
          {"old_through_seq", x.old_through_seq},
          {"old_missing", x.old_missing}};
}

} // namespace weir::web
