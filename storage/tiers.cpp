#include "storage/tiers.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace weir::storage {

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::array<std::int64_t, tier_count> bucket_widths_ns{
  0, 60 * second_ns, 3600 * second_ns, 86'400 * second_ns};

} // namespace

std::int64_t bucket_ns(tier x) {
  return bucket_widths_ns[static_cast<std::size_t>(x)];
}

tier class_of(std::int64_t width_ns) {
  for (auto x : rollup_tiers)
    if (width_ns <= bucket_ns(x))
      return below(x);
  return tier::day;
}

std::int64_t floor_to(std::int64_t time_ns, std::int64_t width_ns) {
  auto rest = time_ns % width_ns;
  return time_ns - (rest < 0 ? rest + width_ns : rest);
}

std::int64_t ceil_to(std::int64_t time_ns, std::int64_t width_ns) {
  auto floor = floor_to(time_ns, width_ns);
  return floor == time_ns ? time_ns : floor + width_ns;
}

bool shown_windows::lies_in(const analytics::summary& x,
                            const analytics::summary& wide) {
  return wide.width_ns > x.width_ns && wide.width_ns % x.width_ns == 0
         && x.start_ns >= wide.start_ns
         && x.start_ns + x.width_ns <= wide.start_ns + wide.width_ns;
}

void shown_windows::fold(const analytics::summary& x) {
  if (x.early)
    return;
  auto width_ns = wide_->width_ns;
  analytics::merge(*wide_, x);
  wide_->width_ns = width_ns;
}

namespace {

/// One bucket after another.
class rollup_maker {
public:
  explicit rollup_maker(tier to) : width_ns_(bucket_ns(to)) {
  }

  bool operator()(const analytics::summary& x) {
    auto start_ns = floor_to(x.start_ns, width_ns_);
    if (result.empty() || result.back().start_ns != start_ns) {
      ends_ns_.clear();
      begin(x, start_ns);
      return true;
    }
    auto& end_ns = ends_ns_[x.width_ns];
    if (end_ns > x.start_ns)
      return true;
    end_ns = x.start_ns + x.width_ns;
    auto& into = result.back();
    analytics::merge(into, x);
    into.width_ns = width_ns_;
    into.revision = 0;
    return true;
  }

  std::vector<analytics::summary> result;

private:
  void begin(const analytics::summary& x, std::int64_t start_ns) {
    auto& row = result.emplace_back(x);
    row.start_ns = start_ns;
    row.width_ns = width_ns_;
    row.revision = 0;
    ends_ns_[x.width_ns] = x.start_ns + x.width_ns;
  }

  const std::int64_t width_ns_;
  std::map<std::int64_t, std::int64_t> ends_ns_; // Of the bucket's rows, by width.
};

} // namespace

std::vector<analytics::summary> roll_up(std::vector<analytics::summary> rows, tier to) {
  rollup_maker use{to};
  shown_windows shown;
  for (auto& x : rows)
    shown.add(std::move(x), use);
  shown.finish(use);
  return std::move(use.result);
}

} // namespace weir::storage
