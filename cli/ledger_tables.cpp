// The ledger (web/API.md, "Ledger") as text.
#include "cli/answer_fields.hpp"
#include "cli/api_tables.hpp"
#include "cli/text_table.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace weir::cli {

using nlohmann::json;

namespace {

struct term {
  const char* field;
  const char* words;
};

constexpr term record_terms[]
  = {{"stored", "stored"},
     {"coalesced", "coalesced into coarser windows"},
     {"expired", "expired at the edge"},
     {"shed", "shed at the edge"},
     {"unreadable", "unreadable"},
     {"missing", "missing: on the way, waiting, or lost with the edge's database"}};

constexpr term event_terms[] = {{"taken", "taken into windows and detectors"},
                                {"late", "late"},
                                {"duplicate", "duplicate"},
                                {"quarantined", "quarantined"},
                                {"filtered", "filtered"},
                                {"shed", "shed"},
                                {"held", "held until the clock is believed"},
                                {"in_flight", "in flight"}};

/// Sources that number their events show what was lost before the edge.
constexpr term upstream_terms[]
  = {{"upstream_missing", "never came from sources that number their events"},
     {"upstream_recovered", "came after all"},
     {"upstream_restarts", "times that a source began to count anew"}};

std::string verdict(const json& of) {
  const auto& value = at(of, "balanced");
  if (!value.is_boolean())
    return "";
  return value.get<bool>() ? "ok" : "VIOLATED";
}

/// One term a line, the sum first.
template <class Terms>
std::string
sum_text(const json& of, const char* sum, const char* words, const Terms& terms) {
  text_table table{{"", ">", ""}};
  table.add({" ", text_of(at(of, sum)), words});
  const char* sign = "=";
  for (const auto& x : terms)
    table.add({std::exchange(sign, "+"), text_of(at(of, x.field)), x.words});
  auto text = table.text();
  return text.substr(std::min(text.size(), text.find('\n') + 1)); // Without titles.
}

std::string epoch_text(const json& epoch) {
  auto result = "\nepoch " + text_of(at(epoch, "epoch")) + ": records, balance "
                + verdict(epoch) + "\n";
  result += sum_text(epoch, "sent", "sent", record_terms);
  if (auto lane = text_of(at(epoch, "lane_first")); !lane.empty() && lane != "0")
    result += "live data stands at " + lane + " to "
              + text_of(at(epoch, "lane_through")) + ", the backlog at "
              + text_of(at(epoch, "through_seq")) + "\n";
  if (auto violation = text_of(at(epoch, "violation")); !violation.empty())
    result += "violation: " + violation + "\n";
  text_table ranges{{">FIRST", ">LAST", "FATE", ">RECORDS", "FROM", "TO"}};
  for (const auto& x : list_at(epoch, "ranges"))
    ranges.add({text_of(at(x, "first")), text_of(at(x, "last")), text_of(at(x, "fate")),
                text_of(at(x, "records")), time_of(at(x, "first_ms")),
                time_of(at(x, "last_ms"))});
  return result + (ranges.rows() == 0 ? "" : ranges.text());
}

std::string events_text(const json& events) {
  if (!events.is_object())
    return "events: the edge has told nothing yet\n";
  auto result = "events as of " + time_of(at(events, "time_ms")) + ", balance "
                + verdict(events) + "\n"
                + sum_text(events, "received", "received", event_terms);
  for (const auto& x : upstream_terms)
    if (auto count = text_of(at(events, x.field)); !count.empty() && count != "0")
      result += count + " " + x.words + "\n";
  for (const auto& mode : list_at(events, "modes"))
    result += "WARNING: " + text_of(mode) + "\n";
  return result;
}

std::string history_text(const json& history) {
  text_table table{
    {"TIME", "CAUSE", "OLD EPOCH", "NEW EPOCH", ">OLD THROUGH", ">OLD MISSING"}};
  for (const auto& x : history)
    table.add({time_of(at(x, "time_ms")), text_of(at(x, "cause")),
               text_of(at(x, "old_epoch")), text_of(at(x, "new_epoch")),
               text_of(at(x, "old_through_seq")), text_of(at(x, "old_missing"))});
  return table.rows() == 0 ? "" : "\nepochs that began anew\n" + table.text();
}

} // namespace

std::string ledger_table(const json& answer) {
  text_table table{{"EDGE", "EPOCH", ">SENT", ">STORED", ">COALESCED", ">EXPIRED",
                    ">SHED", ">UNREADABLE", ">MISSING", "BALANCE"}};
  for (const auto& x : list_at(answer, "positions"))
    table.add({text_of(at(x, "edge")), text_of(at(x, "epoch")), text_of(at(x, "sent")),
               text_of(at(x, "stored")), text_of(at(x, "coalesced")),
               text_of(at(x, "expired")), text_of(at(x, "shed")),
               text_of(at(x, "unreadable")), text_of(at(x, "missing")), verdict(x)});
  return table.rows() == 0 ? none("edge has sent anything yet") : table.text();
}

std::string edge_ledger_text(const json& answer) {
  auto result = text_of(at(answer, "edge")) + "\n" + events_text(at(answer, "events"));
  for (const auto& x : list_at(answer, "epochs"))
    result += epoch_text(x);
  return result + history_text(list_at(answer, "history"));
}

} // namespace weir::cli
