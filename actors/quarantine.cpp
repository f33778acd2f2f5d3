#include "actors/quarantine.hpp"

#include <algorithm>
#include <utility>

namespace weir::actors {

void quarantine::add(std::string_view source, std::string_view origin,
                     analytics::reject_reason reason, std::string_view detail,
                     std::string_view bytes, std::int64_t now_ns) {
  std::lock_guard lock{mutex_};
  auto pos = by_source_.find(source);
  if (pos == by_source_.end()) {
    auto name = by_source_.size() < config_.sources_max ? std::string{source} : "other";
    pos = by_source_.try_emplace(std::move(name)).first;
  }
  ++pos->second[static_cast<std::size_t>(reason)];
  if (refilled_ns_ == 0) {
    tokens_ = config_.samples_burst;
  } else if (now_ns > refilled_ns_) {
    auto elapsed_s = static_cast<double>(now_ns - refilled_ns_) / 1e9;
    tokens_
      = std::min(config_.samples_burst, tokens_ + elapsed_s * config_.samples_per_s);
  }
  refilled_ns_ = now_ns;
  if (tokens_ < 1.0)
    return;
  tokens_ -= 1.0;
  analytics::rejection sample;
  sample.time_ns = now_ns;
  sample.source = source;
  if (!origin.empty()) {
    sample.source += " ";
    sample.source += origin.substr(0, config_.first_bytes_max);
  }
  sample.reason = reason;
  sample.detail = detail;
  sample.first_bytes = bytes.substr(0, config_.first_bytes_max);
  samples_.push_back(std::move(sample));
}

std::vector<analytics::rejection> quarantine::take_samples() {
  std::lock_guard lock{mutex_};
  return std::exchange(samples_, {});
}

quarantine::counts quarantine::total() const {
  std::lock_guard lock{mutex_};
  counts result{};
  for (const auto& [source, counted] : by_source_)
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i] += counted[i];
  return result;
}

std::map<std::string, quarantine::counts, std::less<>> quarantine::by_source() const {
  std::lock_guard lock{mutex_};
  return by_source_;
}

std::uint64_t quarantine::sum() const {
  auto counted = total();
  std::uint64_t result = 0;
  for (auto x : counted)
    result += x;
  return result;
}

} // namespace weir::actors
