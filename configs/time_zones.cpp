// The only file that includes the date library: the machine's tz database as data.
#include "configs/time_zones.hpp"

#include "configs/edit_distance.hpp"
#include "configs/posix_tz.hpp"

#include <date/tz.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace weir::configs {

namespace {

constexpr int year_last = 2100;
constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::size_t suggestions_max = 3;

/// Where Debian's date library looks, too.
constexpr auto database_folder = "/usr/share/zoneinfo/";

std::string lower_case(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

/// Also near when only the region is missing: "berlin" for "Europe/Berlin".
std::size_t distance_to(const std::string& wanted, const std::string& zone) {
  auto name = lower_case(zone);
  auto slash = name.rfind('/');
  auto result = edit_distance(wanted, name);
  if (slash != std::string::npos)
    result = std::min(result, edit_distance(wanted, name.substr(slash + 1)) + 1);
  return result;
}

std::string unknown_name(const std::string& name,
                         const std::vector<std::string>& known) {
  constexpr std::size_t length_max = 64;
  auto wanted = lower_case(name.substr(0, length_max));
  std::vector<std::pair<std::size_t, std::string>> nearest;
  auto distance_max = std::max<std::size_t>(2, wanted.size() / 4);
  for (const auto& zone : known)
    if (auto distance = distance_to(wanted, zone); distance <= distance_max)
      nearest.emplace_back(distance, zone);
  std::sort(nearest.begin(), nearest.end());
  std::string guesses;
  for (std::size_t i = 0; i < std::min(nearest.size(), suggestions_max); ++i)
    guesses += (i == 0 ? "\"" : ", \"") + nearest[i].second + "\"";
  return "time zone: found \"" + name.substr(0, length_max) + "\", which is unknown"
         + (guesses.empty() ? ", accepted: a name of the tz database such as "
                              "\"Europe/Berlin\" or \"UTC\""
                            : ", did you mean " + guesses + "?");
}

/// What the file lists, from 1970 on, and since when the last one holds.
std::vector<analytics::zone_transition> listed_changes(const date::time_zone& zone,
                                                       std::int64_t& last_from_ns) {
  using std::chrono::seconds;
  const date::sys_seconds end{seconds{INT64_MAX / ns_per_s}};
  std::vector<analytics::zone_transition> result;
  last_from_ns = 0;
  for (date::sys_seconds time{seconds{0}}; time < end;) {
    auto info = zone.get_info(time);
    last_from_ns = time.time_since_epoch().count() * ns_per_s;
    result.push_back({last_from_ns, static_cast<std::int32_t>(info.offset.count())});
    // A file that repeats itself must not hold the program up.
    time = std::max(info.end, time + seconds{1});
  }
  return result;
}

/// The rule behind the last listed change: the file's last line (RFC 8536, 3.3).
/// Nothing in files of version 1, which have none.
std::string footer_of(const std::string& name) {
  std::ifstream in{database_folder + name, std::ios::binary};
  std::string file{std::istreambuf_iterator<char>{in}, {}};
  if (!file.starts_with("TZif") || file.size() < 5 || file[4] < '2'
      || file.back() != '\n')
    return {};
  file.pop_back();
  auto line_break = file.rfind('\n');
  return line_break == std::string::npos ? std::string{} : file.substr(line_break + 1);
}

expected<std::shared_ptr<const analytics::time_zone>, std::string>
load_known(const std::string& name) {
  std::int64_t last_from_ns = 0;
  auto changes = listed_changes(*date::locate_zone(name), last_from_ns);
  if (auto footer = footer_of(name); !footer.empty()) {
    auto rule = parse_posix_tz(footer);
    if (!rule)
      return unexpected(database_folder + name + ": " + rule.error());
    append_changes(changes, *rule, last_from_ns, year_last);
  }
  return std::make_shared<const analytics::time_zone>(name, std::move(changes));
}

std::vector<std::string> names_in_database() {
  std::vector<std::string> result;
  for (const auto& zone : date::get_tzdb().zones)
    if (zone.name() != "localtime")
      result.push_back(zone.name());
  return result;
}

} // namespace

expected<std::shared_ptr<const analytics::time_zone>, std::string>
load_time_zone(const std::string& name) {
  if (name == "UTC")
    return analytics::time_zone::utc();
  try {
    auto names = names_in_database();
    if (std::find(names.begin(), names.end(), name) == names.end())
      return unexpected(unknown_name(name, names));
    return load_known(name);
  } catch (const std::exception& failure) {
    return unexpected("time zone: \"" + name.substr(0, 64) + "\" cannot be read ("
                      + failure.what() + "): is the package tzdata installed?");
  }
}

std::vector<std::string> time_zone_names() {
  try {
    auto result = names_in_database();
    std::sort(result.begin(), result.end());
    return result;
  } catch (const std::exception&) {
    return {"UTC"};
  }
}

} // namespace weir::configs
