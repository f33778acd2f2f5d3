#include "tests/simulation/expected_windows.hpp"

#include <algorithm>
#include <limits>

namespace weir::simulation {

namespace {

constexpr std::size_t points_max = 10'000'000;
constexpr std::int64_t from_ns = 946'684'800'000'000'000; // 2000-01-01
constexpr std::int64_t to_ns = 4'102'444'800'000'000'000; // 2100-01-01

std::string in_words(std::int64_t start_ns, std::int64_t width_ns) {
  return "the window of " + std::to_string(width_ns / 1'000'000'000) + " s at "
         + std::to_string(start_ns / 1'000'000'000);
}

} // namespace

void expected_windows::window::add(const window& x) {
  min = count == 0 ? x.min : std::min(min, x.min);
  max = count == 0 ? x.max : std::max(max, x.max);
  count += x.count;
  sum += x.sum;
}

void expected_windows::add(const std::string& series, std::int64_t width_ns,
                           std::int64_t time_ns, double value) {
  auto& x = series_[series];
  x.width_ns = width_ns;
  x.by_start_ns[time_ns / width_ns * width_ns].add({1, value, value, value});
}

std::uint64_t expected_windows::windows() const {
  std::uint64_t result = 0;
  for (const auto& [text, x] : series_)
    result += x.by_start_ns.size();
  return result;
}

/// The first one, or nothing. What is found is in order of its start.
std::string expected_windows::difference(const series_windows& expected,
                                         const std::vector<analytics::summary>& found) {
  auto next = expected.by_start_ns.begin();
  auto end_ns = std::numeric_limits<std::int64_t>::min();
  for (const auto& x : found) {
    auto what = in_words(x.start_ns, x.width_ns);
    if (x.start_ns < end_ns)
      return what + " overlaps the one before it";
    end_ns = x.start_ns + x.width_ns;
    if (next != expected.by_start_ns.end() && next->first < x.start_ns)
      return in_words(next->first, expected.width_ns) + " with "
             + std::to_string(next->second.count) + " events is not there";
    window sum;
    for (; next != expected.by_start_ns.end()
           && next->first + expected.width_ns <= end_ns;
         ++next)
      sum.add(next->second);
    if (x.count != sum.count)
      return what + " has " + std::to_string(x.count) + " events instead of "
             + std::to_string(sum.count);
    if (x.sum != sum.sum || x.min != sum.min || x.max != sum.max)
      return what + " has other values";
  }
  if (next != expected.by_start_ns.end())
    return in_words(next->first, expected.width_ns) + " with "
           + std::to_string(next->second.count) + " events is not there";
  return {};
}

std::vector<std::string> expected_windows::compare(const storage::store& store,
                                                   const std::string& edge) const {
  std::vector<std::string> result;
  auto known = store.find_series({.text_contains = {}, .edge = edge, .limit = 10'000});
  if (!known)
    return {edge + ": " + known.error().message};
  std::map<std::string, storage::stored_series_id> ids;
  for (const auto& x : *known)
    ids.emplace(x.text, x.id);
  for (const auto& [text, expected] : series_) {
    auto id = ids.find(text);
    if (id == ids.end()) {
      result.push_back(edge + ": " + text + " is not there");
      continue;
    }
    auto found = store.query(id->second, from_ns, to_ns, points_max);
    auto what = found ? difference(expected, *found) : found.error().message;
    if (!what.empty())
      result.push_back(edge + ": " + text + ": " + what);
  }
  for (const auto& x : *known)
    if (!series_.contains(x.text))
      result.push_back(edge + ": " + x.text + " is there and should not be");
  return result;
}

} // namespace weir::simulation
