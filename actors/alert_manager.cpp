#include "actors/alert_manager.hpp"

#include "actors/alert_json.hpp"
#include "actors/import_desk.hpp"
#include "analytics/series.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::actors {

namespace {

using self_pointer = alert_manager_actor::stateful_pointer<alert_manager_state>;
using analytics::alert_state;
using analytics::severity;

constexpr const char* own_name = "central";
// An incident that goes on is told again this often.
constexpr std::int64_t again_after_ns = 60'000'000'000;

constexpr const char* silent_rule = "edge_silent";
constexpr const char* ledger_rule = "weir.ledger";
constexpr const char* epoch_rule = "weir.epoch";
constexpr const char* files_rule = "weir.files";

/// What happened once, not what is: resolved by time.
bool is_incident(const std::string& rule) {
  return rule == ledger_rule || rule == epoch_rule || rule == files_rule;
}

std::string series_of_edge(const std::string& edge) {
  std::string text;
  analytics::append_canonical(text, {"edge", edge, {}});
  return text;
}

void publish_all(self_pointer self, const storage::commit_report& report) {
  const auto& st = self->state;
  if (!st.parts.publish)
    return;
  for (const auto& x : report.alerts) {
    auto sent = st.parts.publish(alert_topic(st.config.topic, x.edge, x.value),
                                 alert_to_json(x.value, x.edge, x.series_text));
    ++(sent ? st.parts.counters->alerts_published
            : st.parts.counters->alerts_publish_failed);
  }
}

// -- raising and resolving ---------------------------------------------------

struct finding {
  const char* rule;
  std::string edge;
  analytics::severity severity;
  std::string message;
  std::int64_t start_ns = 0;
  double value = 0.0;
  double limit = 0.0;
};

/// Opens an alert, or, for one that is open, does nothing but to keep an incident
/// that happened again open for longer.
void raise(self_pointer self, finding x) {
  auto& st = self->state;
  auto now_ns = st.parts.now_ns();
  auto series = series_of_edge(x.edge);
  auto [place, is_new] = st.open.try_emplace({x.rule, series});
  auto& alert = place->second;
  bool is_again = is_incident(x.rule) && now_ns - alert.updated_ns > again_after_ns;
  if (!is_new && !is_again)
    return;
  if (is_new) {
    alert.id = analytics::make_alert_id(x.rule, series, x.start_ns);
    alert.rule = x.rule;
    alert.start_ns = x.start_ns;
  }
  alert.state = alert_state::firing;
  alert.severity = x.severity;
  alert.updated_ns = now_ns;
  alert.value = x.value;
  alert.limit = x.limit;
  alert.message = std::move(x.message);
  self->send(st.writer, storage::stored_alert{own_name, series, alert});
}

void resolve(self_pointer self, const char* rule, const std::string& edge,
             const std::string& message) {
  auto& st = self->state;
  auto series = series_of_edge(edge);
  auto found = st.open.find({rule, series});
  if (found == st.open.end())
    return;
  auto alert = std::move(found->second);
  st.open.erase(found);
  alert.state = alert_state::resolved;
  alert.updated_ns = st.parts.now_ns();
  alert.value = 0.0;
  if (!message.empty())
    alert.message = message;
  self->send(st.writer, storage::stored_alert{own_name, series, alert});
}

/// Incidents are shown for a while.
void end_incidents(self_pointer self) {
  auto& st = self->state;
  auto shown_ns = std::chrono::nanoseconds{st.config.incident_shown}.count();
  auto now_ns = st.parts.now_ns();
  for (auto i = st.open.begin(); i != st.open.end();) {
    auto& [key, alert] = *i;
    if (!is_incident(key.first) || now_ns - alert.updated_ns < shown_ns) {
      ++i;
      continue;
    }
    alert.state = alert_state::resolved;
    alert.updated_ns = now_ns;
    self->send(st.writer, storage::stored_alert{own_name, key.second, alert});
    i = st.open.erase(i);
  }
}

// -- what the centre sees ----------------------------------------------------

void look_for_silence(self_pointer self, const edge_view& edge, std::int64_t now_ns) {
  auto limit_ns
    = std::chrono::nanoseconds{self->state.config.edge_silent_after}.count();
  if (edge.last_seen_ns == 0)
    return; // Never heard since the start: what is open stays open.
  if (now_ns - edge.last_seen_ns > limit_ns)
    raise(
      self,
      {silent_rule, edge.name, severity::critical,
       "Edge " + edge.name + " is silent: check its power, its network and weir-edge",
       edge.last_seen_ns, static_cast<double>(now_ns - edge.last_seen_ns) / 1e9,
       static_cast<double>(limit_ns) / 1e9});
  else
    resolve(self, silent_rule, edge.name, "Edge " + edge.name + " is heard again");
}

struct mode_rule {
  transport::edge_mode bit;
  const char* rule;
  analytics::severity severity;
  const char* problem; ///< Behind "Edge NAME ".
  const char* over;
};

constexpr std::array mode_rules{
  mode_rule{transport::edge_mode_memory_only, "weir.memory_only", severity::critical,
            "cannot write its data directory and works in memory: what it holds is "
            "lost if it ends. Make the directory writable and restart weir-edge",
            "writes its data directory again"},
  mode_rule{transport::edge_mode_journal_off, "weir.journal", severity::medium,
            "runs without a journal: events since its last checkpoint are lost if it "
            "crashes. Set journal.enabled, unless that is wanted",
            "runs with a journal again"},
  mode_rule{transport::edge_mode_disk_full, "weir.disk", severity::critical,
            "has a full disk and gives up its oldest records. Free some space; it goes "
            "on by itself",
            "has room on its disk again"},
  mode_rule{transport::edge_mode_memory_short, "weir.memory", severity::high,
            "is near its memory bound: its sources wait, or shed if they are told to. "
            "Look for a source or a number of series that grows, or raise "
            "node.memory_mb_max",
            "has memory to spare again"},
};

void forget_calm(alert_manager_state& st, const mode_rule& x, const edge_view& edge) {
  st.calm_since_ns.erase({x.rule, series_of_edge(edge.name)});
}

/// Whether the edge has been heard for long enough since the mode of this rule ended.
bool is_calm(alert_manager_state& st, const mode_rule& x, const edge_view& edge) {
  auto key = std::pair{std::string{x.rule}, series_of_edge(edge.name)};
  if (!st.open.contains(key))
    return false;
  auto& since_ns = st.calm_since_ns.try_emplace(key, edge.ledger_ns).first->second;
  since_ns = std::min(since_ns, edge.ledger_ns); // The clock may be set back.
  return edge.ledger_ns - since_ns >= std::chrono::nanoseconds{mode_calm}.count();
}

void look_at_modes(self_pointer self, const edge_view& edge, std::int64_t now_ns) {
  for (const auto& x : mode_rules) {
    if ((edge.ledger.mode & x.bit) != 0) {
      forget_calm(self->state, x, edge);
      raise(self, {x.rule, edge.name, x.severity, "Edge " + edge.name + " " + x.problem,
                   now_ns, 1.0});
    } else if (is_calm(self->state, x, edge)) {
      forget_calm(self->state, x, edge);
      resolve(self, x.rule, edge.name, "Edge " + edge.name + " " + x.over);
    }
  }
}

/// Counters that should not grow. What was kept over the centre's restart is known.
void look_at_counts(self_pointer self, const edge_view& edge, std::int64_t now_ns) {
  auto& known = self->state.known[edge.name];
  const auto& now = edge.ledger;
  if (now.violations > std::exchange(known.violations, now.violations))
    raise(self, {ledger_rule, edge.name, severity::critical,
                 "Edge " + edge.name
                   + " counts events that do not add up: please report this as a fault "
                     "of Weir, with its log",
                 now_ns, static_cast<double>(now.violations)});
  if (now.files_set_aside > std::exchange(known.files_set_aside, now.files_set_aside))
    raise(self,
          {files_rule, edge.name, severity::high,
           "Edge " + edge.name
             + " found damaged files, set them aside and began new ones: look for "
               "*.damaged-* in its data directory, and check its disk",
           now_ns, static_cast<double>(now.files_set_aside)});
}

void look_at_edges(self_pointer self) {
  auto& st = self->state;
  auto now_ns = st.parts.now_ns();
  for (const auto& edge : st.parts.fleet->view(now_ns).edges) {
    look_for_silence(self, edge, now_ns);
    if (edge.ledger_ns == 0)
      continue;
    look_at_modes(self, edge, now_ns);
    look_at_counts(self, edge, now_ns);
  }
}

std::string epoch_message(const storage::ledger_event& x) {
  auto text = "Edge " + x.edge
              + (x.cause == storage::epoch_cause::renewed
                   ? " was set back to an older database and counts anew"
                   : " has lost its database and counts anew");
  if (x.old_missing > 0)
    text += "; " + std::to_string(x.old_missing)
            + " records of the old one never came (see its ledger)";
  return text;
}

void on_report(self_pointer self, const storage::commit_report& report) {
  publish_all(self, report);
  for (const auto& x : report.events)
    if (x.edge != import_edge) // Each file has an epoch of its own.
      raise(self,
            {epoch_rule, x.edge, x.old_missing > 0 ? severity::high : severity::medium,
             epoch_message(x), x.time_ns, static_cast<double>(x.old_missing)});
  for (const auto& x : report.violations)
    raise(self, {ledger_rule, x.edge, severity::critical, x.text,
                 self->state.parts.now_ns(), 1.0});
}

/// What was open before the centre's restart goes on under its id.
void take_over(alert_manager_state& st) {
  for (auto& x : std::exchange(st.parts.open, {}))
    if (x.edge == own_name)
      st.open[{x.value.rule, x.series_text}] = std::move(x.value);
  for (const auto& edge : st.parts.fleet->view(st.parts.now_ns()).edges)
    st.known[edge.name] = {edge.ledger.violations, edge.ledger.files_set_aside};
}

} // namespace

alert_manager_actor::behavior_type
alert_manager(self_pointer self, alert_manager_config config, alert_manager_parts parts,
              store_writer_actor writer) {
  auto& st = self->state;
  st.config = std::move(config);
  st.parts = std::move(parts);
  st.writer = std::move(writer);
  take_over(st);
  self->delayed_send(self, std::chrono::seconds{1}, tick_v);
  return {
    [self](const commit_report_ptr& report) { on_report(self, *report); },
    [self](tick) {
      look_at_edges(self);
      end_incidents(self);
      self->delayed_send(self, std::chrono::seconds{1}, tick_v);
    },
  };
}

} // namespace weir::actors
