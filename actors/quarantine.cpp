#include "actors/quarantine.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace weir::actors {

quarantine::counts& quarantine::counts_of(std::string_view source) {
  auto pos = by_source_.find(source);
  if (pos == by_source_.end()) {
    auto name = by_source_.size() < config_.sources_max ? std::string{source} : "other";
    pos = by_source_.try_emplace(std::move(name)).first;
  }
  return pos->second;
}

/// Samples are rate-limited by a bucket of tokens.
bool quarantine::takes_sample(std::int64_t now_ns) {
  if (refilled_ns_ == 0) {
    tokens_ = config_.samples_burst;
  } else if (now_ns > refilled_ns_) {
    auto elapsed_s = static_cast<double>(now_ns - refilled_ns_) / 1e9;
    tokens_
      = std::min(config_.samples_burst, tokens_ + elapsed_s * config_.samples_per_s);
  }
  refilled_ns_ = now_ns;
  if (tokens_ < 1.0)
    return false;
  tokens_ -= 1.0;
  return true;
}

void quarantine::add(std::string_view source, std::string_view origin,
                     analytics::reject_reason reason, std::string_view detail,
                     std::string_view bytes, std::int64_t now_ns) {
  std::lock_guard lock{mutex_};
  ++counts_of(source)[static_cast<std::size_t>(reason)];
  if (!takes_sample(now_ns))
    return;
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

void quarantine::add_late(std::string_view source, std::string_view series,
                          const analytics::late_events& late, std::int64_t now_ns) {
  std::lock_guard lock{mutex_};
  counts_of(source)[static_cast<std::size_t>(analytics::reject_reason::late)]
    += late.count;
  if (!takes_sample(now_ns))
    return;
  analytics::rejection sample;
  sample.time_ns = now_ns;
  sample.source = source;
  sample.reason = analytics::reject_reason::late;
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(),
                "%.3f s behind its source's watermark, which is more than "
                "event_time.allowed_lateness_ms takes; %llu of this source at once",
                static_cast<double>(late.behind_ns) * 1e-9,
                static_cast<unsigned long long>(late.count));
  sample.detail = text.data();
  std::snprintf(text.data(), text.size(), " time_ns=%lld value=%.17g",
                static_cast<long long>(late.time_ns), late.value);
  sample.first_bytes = std::string{series.substr(0, config_.first_bytes_max / 2)};
  sample.first_bytes += text.data();
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
