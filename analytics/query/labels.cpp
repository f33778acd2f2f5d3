#include "analytics/query/labels.hpp"

#include "analytics/expression/lexer.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace weir::analytics::query {

namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_name(std::string_view text, bool with_colon) {
  auto begins
    = [with_colon](char c) { return begins_name(c) || (with_colon && c == ':'); };
  return !text.empty() && begins(text[0])
         && std::all_of(text.begin(), text.end(),
                        [&](char c) { return begins(c) || is_digit(c); });
}

auto find(auto& labels, std::string_view name) {
  return std::lower_bound(
    labels.begin(), labels.end(), name, [](const label& x, std::string_view wanted) {
      return std::string_view{x.name}.compare(wanted) < 0; // Clang 14 has no `<` here.
    });
}

} // namespace

label_set::label_set(std::vector<label> labels) {
  for (auto& x : labels)
    set(x.name, x.value);
}

std::string_view label_set::get(std::string_view name) const {
  auto found = find(labels_, name);
  return found != labels_.end() && found->name == name ? std::string_view{found->value}
                                                       : std::string_view{};
}

void label_set::set(std::string_view name, std::string_view value) {
  if (value.empty())
    return remove(name);
  auto place = find(labels_, name);
  if (place != labels_.end() && place->name == name)
    place->value = value;
  else
    labels_.insert(place, label{std::string{name}, std::string{value}});
}

void label_set::remove(std::string_view name) {
  auto place = find(labels_, name);
  if (place != labels_.end() && place->name == name)
    labels_.erase(place);
}

label_set label_set::without_metric() const {
  return except({});
}

label_set label_set::only(std::span<const std::string> names) const {
  label_set result;
  for (const auto& x : labels_)
    if (std::binary_search(names.begin(), names.end(), x.name))
      result.labels_.push_back(x);
  return result;
}

label_set label_set::except(std::span<const std::string> names) const {
  label_set result;
  for (const auto& x : labels_)
    if (x.name != metric_label
        && !std::binary_search(names.begin(), names.end(), x.name))
      result.labels_.push_back(x);
  return result;
}

std::size_t label_set_hash::operator()(const label_set& x) const {
  std::size_t result = 0x9e3779b97f4a7c15;
  auto mix = [&result](std::string_view text) {
    result ^= std::hash<std::string_view>{}(text);
    result *= 0xff51afd7ed558ccd;
    result ^= result >> 32;
  };
  for (const auto& item : x.all()) {
    mix(item.name);
    mix(item.value);
  }
  return result;
}

std::string to_string(const label_set& x) {
  std::string result;
  auto metric = x.get(metric_label);
  auto is_bare = is_plain_metric(metric);
  if (is_bare)
    result = metric;
  std::string inside;
  for (const auto& [name, value] : x.all()) {
    if (is_bare && name == metric_label)
      continue;
    inside += inside.empty() ? "" : ", ";
    inside
      += (is_plain_label(name) ? name : quoted_text(name)) + "=" + quoted_text(value);
  }
  if (!inside.empty() || !is_bare)
    result += "{" + inside + "}";
  return result;
}

std::string_view to_string(match_kind x) {
  switch (x) {
  case match_kind::equal:
    return "=";
  case match_kind::not_equal:
    return "!=";
  case match_kind::like:
    return "=~";
  case match_kind::not_like:
    return "!~";
  }
  return "";
}

expected<label_matcher, std::string>
label_matcher::make(match_kind kind, std::string_view name, std::string_view value) {
  label_matcher result;
  result.kind_ = kind;
  result.name_ = name;
  result.value_ = value;
  if (kind == match_kind::like || kind == match_kind::not_like) {
    auto compiled = pattern::compile(value);
    if (!compiled)
      return unexpected(std::move(compiled.error()));
    result.pattern_ = std::move(*compiled);
  }
  return result;
}

bool label_matcher::matches(std::string_view value) const {
  switch (kind_) {
  case match_kind::equal:
    return value == value_;
  case match_kind::not_equal:
    return value != value_;
  case match_kind::like:
    return pattern_.matches(value);
  case match_kind::not_like:
    return !pattern_.matches(value);
  }
  return false;
}

bool matches(std::span<const label_matcher> matchers, const label_set& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&labels](const auto& x) {
    return x.matches(labels.get(x.name()));
  });
}

bool is_plain_label(std::string_view name) {
  return is_name(name, false);
}

bool is_plain_metric(std::string_view name) {
  return is_name(name, true);
}

std::string quoted_text(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  auto is_utf8 = expressions::find_bad_utf8(text) == std::string_view::npos;
  std::string result = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      result += {'\\', c};
    else if (c == '\n')
      result += "\\n";
    else if (byte < 0x20 || byte == 0x7f || (!is_utf8 && byte >= 0x80))
      result += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    else
      result += c;
  }
  return result + "\"";
}

} // namespace weir::analytics::query
