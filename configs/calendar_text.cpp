#include "configs/calendar_text.hpp"

#include "configs/time_zones.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace weir::configs {

namespace {

using analytics::calendar_unit;
constexpr std::int64_t ms_ns = 1'000'000;

constexpr std::array<std::pair<std::string_view, calendar_unit>, 5> units{
  {{"minute", calendar_unit::minute},
   {"hour", calendar_unit::hour},
   {"day", calendar_unit::day},
   {"week", calendar_unit::week},
   {"month", calendar_unit::month}}};

std::string_view name_of(calendar_unit unit) {
  for (const auto& [name, value] : units)
    if (value == unit)
      return name;
  return "day";
}

/// Takes the next word off `text`; empty at its end.
std::string_view take_word(std::string_view& text) {
  auto begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) {
    text = {};
    return {};
  }
  text.remove_prefix(begin);
  auto word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

template <class Number>
std::optional<Number> to_number(std::string_view text) {
  Number x{};
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (failure != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return x;
}

std::optional<calendar_unit> to_unit(std::string_view word) {
  for (const auto& [name, unit] : units)
    if (word == name
        || (word.ends_with('s') && word.substr(0, word.size() - 1) == name))
      return unit;
  return std::nullopt;
}

/// Minutes and hours are cut in UTC whatever the zone.
bool follows_zone(calendar_unit unit) {
  return unit != calendar_unit::minute && unit != calendar_unit::hour;
}

tl::unexpected<std::string> refuse(std::string_view text) {
  return unexpected("found \"" + std::string{text.substr(0, 64)}
                    + "\", accepted: a unit (minute, hour, day, week, month), perhaps "
                      "with a number before it, such as \"15 minutes\" or \"day\"");
}

} // namespace

expected<calendar_every, std::string> parse_every(std::string_view text) {
  auto rest = text;
  calendar_every result;
  auto word = take_word(rest);
  if (auto count = to_number<int>(word)) {
    result.count = *count;
    word = take_word(rest);
  }
  auto unit = to_unit(word);
  if (!unit || !take_word(rest).empty())
    return refuse(text);
  result.unit = *unit;
  auto max = analytics::every_max(result.unit);
  if (result.count < 1 || result.count > max)
    return unexpected("found \"" + std::string{text.substr(0, 64)}
                      + "\", accepted: from 1 to " + std::to_string(max) + " "
                      + std::string{name_of(result.unit)} + "s");
  return result;
}

shared_calendar make_calendar(const calendar_every& every, std::int64_t offset_ns,
                              std::shared_ptr<const analytics::time_zone> zone) {
  return std::make_shared<const analytics::window_calendar>(every.unit, every.count,
                                                            offset_ns, std::move(zone));
}

std::string calendar_text(const calendar_every& every, std::int64_t offset_ns,
                          const std::string& zone) {
  auto result = std::to_string(every.count) + " " + std::string{name_of(every.unit)};
  if (offset_ns != 0)
    result += " offset " + std::to_string(offset_ns / ms_ns) + " ms";
  if (follows_zone(every.unit) && zone != "UTC")
    result += " zone " + zone;
  return result;
}

expected<shared_calendar, std::string> calendar_from_text(std::string_view text) {
  auto rest = text;
  auto count = take_word(rest);
  auto every = parse_every(std::string{count} + " " + std::string{take_word(rest)});
  if (!every)
    return unexpected(every.error());
  std::int64_t offset_ns = 0;
  std::string zone = "UTC";
  for (auto word = take_word(rest); !word.empty(); word = take_word(rest)) {
    auto value = take_word(rest);
    auto offset_ms = to_number<std::int64_t>(value);
    if (word == "offset" && offset_ms && take_word(rest) == "ms"
        && !__builtin_mul_overflow(*offset_ms, ms_ns, &offset_ns))
      continue;
    if (word != "zone" || value.empty())
      return unexpected("found \"" + std::string{text}
                        + "\", accepted: a text such as \"1 day offset 21600000 ms "
                          "zone Europe/Berlin\"");
    zone = value;
  }
  if (auto good = analytics::validate(every->unit, every->count, offset_ns); !good)
    return unexpected(good.error());
  auto loaded = load_time_zone(zone);
  if (!loaded)
    return unexpected(loaded.error());
  return make_calendar(*every, offset_ns, std::move(*loaded));
}

} // namespace weir::configs
