#include "actors/alert_manager.hpp"

#include "actors/alert_json.hpp"
#include "analytics/series.hpp"

#include <utility>

namespace weir::actors {

namespace {

using self_pointer = alert_manager_actor::stateful_pointer<alert_manager_state>;

constexpr const char* silent_rule = "edge_silent";
constexpr const char* own_name = "central";

std::string series_of_edge(const std::string& edge) {
  std::string text;
  analytics::append_canonical(text, {"edge", edge, {}});
  return text;
}

void publish_all(self_pointer self, const commit_report_ptr& report) {
  const auto& st = self->state;
  if (!st.parts.publish)
    return;
  for (const auto& x : report->alerts) {
    auto sent = st.parts.publish(alert_topic(st.config.topic, x.edge, x.value),
                                 alert_to_json(x.value, x.edge, x.series_text));
    ++(sent ? st.parts.counters->alerts_published
            : st.parts.counters->alerts_publish_failed);
  }
}

void raise(self_pointer self, const edge_view& edge, std::int64_t now_ns) {
  auto& st = self->state;
  analytics::alert alert;
  auto series = series_of_edge(edge.name);
  alert.id = analytics::make_alert_id(silent_rule, series, edge.last_seen_ns);
  alert.rule = silent_rule;
  alert.state = analytics::alert_state::firing;
  alert.severity = analytics::severity::critical;
  alert.start_ns = edge.last_seen_ns;
  alert.updated_ns = now_ns;
  alert.value = static_cast<double>(now_ns - edge.last_seen_ns) / 1e9;
  alert.limit = std::chrono::duration<double>(st.config.edge_silent_after).count();
  alert.message
    = "Edge " + edge.name + " is silent: check its power, its network and weir-edge";
  st.silent_edges[edge.name] = alert;
  self->send(st.writer, storage::stored_alert{own_name, series, alert});
}

void resolve(self_pointer self, const edge_view& edge, std::int64_t now_ns) {
  auto& st = self->state;
  auto alert = std::move(st.silent_edges.at(edge.name));
  st.silent_edges.erase(edge.name);
  alert.state = analytics::alert_state::resolved;
  alert.updated_ns = now_ns;
  alert.value = 0.0;
  alert.message = "Edge " + edge.name + " is heard again";
  self->send(st.writer,
             storage::stored_alert{own_name, series_of_edge(edge.name), alert});
}

void look_for_silence(self_pointer self) {
  auto& st = self->state;
  auto now_ns = st.parts.now_ns();
  auto limit_ns = std::chrono::nanoseconds{st.config.edge_silent_after}.count();
  for (const auto& edge : st.parts.fleet->view(now_ns).edges) {
    if (edge.last_seen_ns == 0)
      continue;
    auto is_silent = now_ns - edge.last_seen_ns > limit_ns;
    auto is_known = st.silent_edges.count(edge.name) > 0;
    if (is_silent && !is_known)
      raise(self, edge, now_ns);
    else if (!is_silent && is_known)
      resolve(self, edge, now_ns);
  }
}

} // namespace

alert_manager_actor::behavior_type
alert_manager(self_pointer self, alert_manager_config config, alert_manager_parts parts,
              store_writer_actor writer) {
  auto& st = self->state;
  st.config = std::move(config);
  st.parts = std::move(parts);
  st.writer = std::move(writer);
  self->delayed_send(self, std::chrono::seconds{1}, tick_v);
  return {
    [self](const commit_report_ptr& report) { publish_all(self, report); },
    [self](tick) {
      look_for_silence(self);
      self->delayed_send(self, std::chrono::seconds{1}, tick_v);
    },
  };
}

} // namespace weir::actors
