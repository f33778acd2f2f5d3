#include "analytics/shard.hpp"

#include "analytics/byte_io.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace weir::analytics {

namespace {

constexpr std::uint8_t snapshot_version = 1;

void write_window(byte_writer& out, const open_window& x) {
  out.put(x.start_ns);
  out.put(x.count);
  out.put(x.shift);
  out.put(x.sum_shifted);
  out.put(x.sum_shifted_squares);
  out.put(x.min);
  out.put(x.max);
  out.put(x.first);
  out.put(x.last);
  out.put(x.first_ns);
  out.put(x.last_ns);
}

open_window read_window(byte_reader& in) {
  open_window x;
  x.start_ns = in.get<std::int64_t>();
  x.count = in.get<std::uint64_t>();
  x.shift = in.get<double>();
  x.sum_shifted = in.get<double>();
  x.sum_shifted_squares = in.get<double>();
  x.min = in.get<double>();
  x.max = in.get<double>();
  x.first = in.get<double>();
  x.last = in.get<double>();
  x.first_ns = in.get<std::int64_t>();
  x.last_ns = in.get<std::int64_t>();
  return x;
}

void write_detector(byte_writer& out, const ewma_detector::image& x) {
  out.put(x.level);
  out.put(x.spread);
  out.put(x.count);
  out.put(x.calm);
  out.put(x.in_excursion);
  out.put(x.worst);
}

ewma_detector read_detector(byte_reader& in) {
  ewma_detector::image x{};
  x.level = in.get<double>();
  x.spread = in.get<double>();
  x.count = in.get<std::uint32_t>();
  x.calm = in.get<std::uint8_t>();
  x.in_excursion = in.get<std::uint8_t>();
  x.worst = in.get<std::uint8_t>();
  return ewma_detector::load(x);
}

} // namespace

std::string validate(const shard_config& config) {
  if (config.window.width_ns <= 0)
    return "window.width must be above 0";
  if (config.window.out_of_orderness_ns < 0
      || config.window.out_of_orderness_ns > 64 * config.window.width_ns)
    return "window.out_of_orderness must be between 0 and 64 widths";
  if (config.window.idle_close_ns <= 0)
    return "window.idle_close must be above 0";
  if (!(config.detector.threshold > 0.0) || !(config.detector.clip > 0.0))
    return "detector.threshold and detector.clip must be above 0";
  if (!(config.detector.memory_events >= 1.0) || config.detector.warmup_events < 2)
    return "detector.memory_events must be at least 1 and "
           "detector.warmup_events at least 2";
  if (config.rules.size() > rules_max)
    return "at most " + std::to_string(rules_max) + " rules";
  std::set<std::string_view> names;
  for (const auto& rule : config.rules) {
    if (rule.name.empty() || !names.insert(rule.name).second)
      return "rule names must be there and differ: \"" + rule.name + "\"";
    if (!std::isfinite(rule.limit) || !std::isfinite(rule.clear_limit.value_or(0.0)))
      return "rule \"" + rule.name + "\": limits must be finite";
    if (rule.hold_ns < 0 || rule.recover_ns < 0)
      return "rule \"" + rule.name + "\": times must not be negative";
  }
  return {};
}

void shard_output::clear() {
  summaries.clear();
  anomalies.clear();
  alerts.clear();
}

shard::shard(shard_config config, const series_table& table)
  : config_(std::move(config)), table_(&table) {
}

shard::series_state& shard::state_of(series_id id) {
  if (id >= series_.size())
    series_.resize(std::max<std::size_t>(id + 1, series_.size() * 5 / 4));
  auto& state = series_[id];
  if (!state.known) {
    state.known = true;
    if (auto name = parse_series(table_->text(id))) {
      state.judged = config_.detector.enabled
                     && std::none_of(
                       config_.detector_ignores.begin(), config_.detector_ignores.end(),
                       [&](const auto& x) { return matches_glob(x, name->metric); });
      for (std::size_t i = 0; i < config_.rules.size(); ++i)
        if (matches_glob(config_.rules[i].metric, name->metric)
            && matches_glob(config_.rules[i].source, name->source))
          state.rules |= std::uint64_t{1} << i;
    }
  }
  return state;
}

void shard::process(std::span<const event> events, std::int64_t now_ns,
                    shard_output& out) {
  auto closed_before = out.summaries.size();
  for (const auto& x : events) {
    auto& state = state_of(x.series);
    state.last_seen_ns = now_ns;
    if (!state.window.add(config_.window, x.series, x.time_ns, x.value,
                          out.summaries)) {
      ++status_.late;
      continue;
    }
    ++status_.events;
    judge(state, x, out);
  }
  status_.summaries += out.summaries.size() - closed_before;
}

void shard::judge(series_state& state, const event& x, shard_output& out) {
  ewma_detector::verdict verdict;
  if (state.judged) {
    verdict = state.detector.add(config_.detector, x.value);
    if (verdict.what == ewma_detector::change::began
        || verdict.what == ewma_detector::change::rose) {
      out.anomalies.push_back(
        {x.series, x.time_ns, x.value, verdict.expected, verdict.deviation,
         ewma_detector::score(config_.detector, verdict.deviation), verdict.severity,
         "ewma/1"});
      ++status_.anomalies;
    }
  }
  if (state.rules != 0)
    run_rules(state, x, verdict, out);
}

void shard::run_rules(series_state& state, const event& x,
                      const ewma_detector::verdict& verdict, shard_output& out) {
  rule_input input{x.time_ns, x.value, verdict.expected, verdict.in_excursion,
                   verdict.severity};
  for (auto bits = state.rules; bits != 0; bits &= bits - 1) {
    auto number = static_cast<std::uint32_t>(std::countr_zero(bits));
    const auto& rule = config_.rules[number];
    if (!state.alerting && !begins(rule, input))
      continue;
    auto& states = rule_states_[x.series];
    auto& current = states[number];
    auto was_open = current.state == alert_state::firing
                    || current.state == alert_state::recovering;
    if (current.step(rule, input)) {
      out.alerts.push_back(
        make_alert(rule, current, x.series, table_->text(x.series), input));
      ++status_.alerts;
    }
    auto is_open = current.state == alert_state::firing
                   || current.state == alert_state::recovering;
    status_.alerts_open += is_open ? 1 : 0;
    status_.alerts_open -= was_open ? 1 : 0;
    if (current.state == alert_state::inactive
        || current.state == alert_state::resolved)
      states.erase(number);
    state.alerting = !states.empty();
    if (!state.alerting)
      rule_states_.erase(x.series);
  }
}

void shard::tick(std::int64_t now_ns, shard_output& out) {
  auto closed_before = out.summaries.size();
  status_.series_open = 0;
  for (std::size_t id = 0; id < series_.size(); ++id) {
    auto& state = series_[id];
    if (!state.window.is_open())
      continue;
    if (now_ns - state.last_seen_ns >= config_.window.idle_close_ns)
      state.window.flush(config_.window, static_cast<series_id>(id), out.summaries);
    else
      ++status_.series_open;
  }
  status_.summaries += out.summaries.size() - closed_before;
}

void shard::flush(shard_output& out) {
  auto closed_before = out.summaries.size();
  for (std::size_t id = 0; id < series_.size(); ++id)
    series_[id].window.flush(config_.window, static_cast<series_id>(id), out.summaries);
  status_.summaries += out.summaries.size() - closed_before;
  status_.series_open = 0;
}

void shard::snapshot(std::string& out) const {
  byte_writer writer{out};
  std::string state_bytes;
  for (std::size_t id = 0; id < series_.size(); ++id) {
    const auto& state = series_[id];
    if (!state.known)
      continue;
    state_bytes.clear();
    byte_writer entry{state_bytes};
    entry.put(snapshot_version);
    auto window = state.window.save();
    entry.put(config_.window.width_ns);
    entry.put(window.closed_until_ns);
    entry.put(window.time_max_ns);
    entry.put(window.late_count);
    entry.put(static_cast<std::uint32_t>(window.open.size()));
    for (const auto& x : window.open)
      write_window(entry, x);
    write_detector(entry, state.detector.save());
    auto rules = rule_states_.find(static_cast<series_id>(id));
    entry.put(static_cast<std::uint32_t>(
      rules == rule_states_.end() ? 0 : rules->second.size()));
    if (rules != rule_states_.end())
      for (const auto& [number, rule] : rules->second) {
        entry.put_text(config_.rules[number].name);
        entry.put(rule.state);
        entry.put(rule.start_ns);
        entry.put(rule.since_ns);
        entry.put(rule.worst);
      }
    writer.put_text(table_->text(static_cast<series_id>(id)));
    writer.put_text(state_bytes);
  }
}

bool shard::restore(series_id id, std::string_view bytes, std::int64_t now_ns,
                    shard_output& out) {
  byte_reader in{bytes};
  if (in.get<std::uint8_t>() != snapshot_version)
    return false;
  auto width_ns = in.get<std::int64_t>();
  tumbling_window::image window{};
  window.closed_until_ns = in.get<std::int64_t>();
  window.time_max_ns = in.get<std::int64_t>();
  window.late_count = in.get<std::uint32_t>();
  auto open_count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < open_count && in.ok(); ++i)
    window.open.push_back(read_window(in));
  auto detector = read_detector(in);
  std::vector<std::pair<std::uint32_t, rule_state>> rules;
  auto rule_count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < rule_count && in.ok(); ++i) {
    auto name = in.get_text();
    rule_state rule;
    rule.state = in.get<alert_state>();
    rule.start_ns = in.get<std::int64_t>();
    rule.since_ns = in.get<std::int64_t>();
    rule.worst = in.get<double>();
    for (std::uint32_t number = 0; number < config_.rules.size(); ++number)
      if (config_.rules[number].name == name && rule.state <= alert_state::recovering)
        rules.emplace_back(number, rule);
  }
  if (!in.ok() || !in.at_end())
    return false;
  auto& state = state_of(id);
  state.last_seen_ns = now_ns;
  state.window = tumbling_window::load(window);
  if (width_ns != config_.window.width_ns) {
    // Windows of another width cannot go on: they are sent as far as they came.
    auto old_config = config_.window;
    old_config.width_ns = width_ns;
    auto closed_before = out.summaries.size();
    state.window.flush(old_config, id, out.summaries);
    status_.summaries += out.summaries.size() - closed_before;
    state.window = tumbling_window{};
  }
  state.detector = detector;
  for (const auto& [number, rule] : rules) {
    rule_states_[id][number] = rule;
    state.alerting = true;
    if (rule.state >= alert_state::firing)
      ++status_.alerts_open;
  }
  return true;
}

bool for_each_snapshot_entry(
  std::string_view snapshot,
  const std::function<void(std::string_view, std::string_view)>& entry) {
  byte_reader in{snapshot};
  while (!in.at_end()) {
    auto text = in.get_text();
    auto state = in.get_text();
    if (!in.ok())
      return false;
    entry(text, state);
  }
  return true;
}

} // namespace weir::analytics
