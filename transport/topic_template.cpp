#include "transport/topic_template.hpp"

#include "transport/utf8.hpp"

#include <algorithm>

namespace weir::transport {

namespace {

// MQTT's own limit for a topic.
constexpr std::size_t topic_bytes_max = 65'535;

tl::unexpected<error> invalid(std::string_view text, const std::string& why) {
  std::string message = "topic template ";
  append_quoted(message, text, 80);
  message += ": " + why;
  return unexpected(error{errc::invalid_config, std::move(message)});
}

/// Cuts the first level off `rest`; `last` tells that none follows.
std::string_view take_level(std::string_view& rest, bool& last) {
  auto slash = rest.find('/');
  last = slash == std::string_view::npos;
  auto level = rest.substr(0, slash);
  rest.remove_prefix(last ? rest.size() : slash + 1);
  return level;
}

bool is_field_name(std::string_view name) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || c == '_' || c == '-';
  };
  return !name.empty() && std::ranges::all_of(name, plain);
}

} // namespace

expected<topic_template, error> topic_template::parse(std::string_view text) {
  if (text.empty() || text.size() > topic_bytes_max)
    return invalid(text, "must have 1 to 65535 bytes");
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos)
    return invalid(text, "must be UTF-8 without the character 0");
  topic_template result;
  auto rest = text;
  for (bool last = false; !last;) {
    auto part = take_level(rest, last);
    auto next = parse_level(part);
    if (!next)
      return invalid(text, next.error().message);
    if (next->what == level::kind::rest && !last)
      return invalid(text, "`#` may only stand at the end");
    auto used = [&next](const level& x) {
      return x.what != level::kind::literal && x.text == next->text;
    };
    if (next->what != level::kind::literal && !next->text.empty()
        && std::ranges::any_of(result.levels_, used))
      return invalid(text, "{" + next->text + "} stands twice");
    result.levels_.push_back(std::move(*next));
  }
  return result;
}

expected<topic_template::level, error>
topic_template::parse_level(std::string_view part) {
  if (part == "#")
    return level{level::kind::rest, {}};
  if (part == "+")
    return level{level::kind::any, {}};
  auto fail = [](std::string why) {
    return unexpected(error{errc::invalid_config, std::move(why)});
  };
  if (part.size() >= 2 && part.front() == '{' && part.back() == '}') {
    auto name = part.substr(1, part.size() - 2);
    if (!is_field_name(name))
      return fail("a name in braces may have letters, digits, `_` and `-` only, "
                  "such as {source}");
    auto what = name == "metric"   ? level::kind::metric
                : name == "source" ? level::kind::source
                                   : level::kind::dimension;
    return level{what, std::string{name}};
  }
  if (part.find_first_of("+#{}") != std::string_view::npos)
    return fail("`+`, `#` and {names} must fill a whole level between slashes");
  return level{level::kind::literal, std::string{part}};
}

bool topic_template::match(std::string_view topic, topic_fields& fields) const {
  fields.metric = {};
  fields.source = {};
  fields.dimensions.clear();
  if (!is_utf8(topic))
    return false;
  auto rest = topic;
  bool ended = false;
  for (const auto& x : levels_) {
    if (x.what == level::kind::rest)
      return true; // As in MQTT, `a/#` takes `a` too.
    if (ended)
      return false;
    auto part = take_level(rest, ended);
    switch (x.what) {
    case level::kind::literal:
      if (part != x.text)
        return false;
      break;
    case level::kind::metric:
      fields.metric = part;
      break;
    case level::kind::source:
      fields.source = part;
      break;
    case level::kind::dimension:
      fields.dimensions.push_back({x.text, part});
      break;
    case level::kind::any:
    case level::kind::rest:
      break;
    }
  }
  return ended;
}

std::string topic_template::filter() const {
  std::string result;
  for (const auto& x : levels_) {
    if (&x != &levels_.front())
      result += '/';
    if (x.what == level::kind::literal)
      result += x.text;
    else
      result += x.what == level::kind::rest ? '#' : '+';
  }
  return result;
}

} // namespace weir::transport
