// The labels of a series and the tests on them. A metric's name is the label
// `__name__`; a label that is not there and one with an empty value are the same.
#pragma once

#include "analytics/query/error.hpp"
#include "analytics/query/pattern.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics::query {

inline constexpr std::string_view metric_label = "__name__";

struct label {
  std::string name;
  std::string value;

  auto operator<=>(const label&) const = default;
};

/// Labels in the order of their names, each once, none empty.
class label_set {
public:
  label_set() = default;

  /// Takes them in any order; of two with one name the last counts.
  explicit label_set(std::vector<label> labels);

  /// Empty if there is none.
  std::string_view get(std::string_view name) const;

  /// An empty value removes the label.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);

  label_set without_metric() const;
  /// Only these; `names` must be sorted.
  label_set only(std::span<const std::string> names) const;
  /// Neither these nor the metric's name; `names` must be sorted.
  label_set except(std::span<const std::string> names) const;

  std::span<const label> all() const {
    return labels_;
  }

  auto operator<=>(const label_set&) const = default;
  bool operator==(const label_set&) const = default;

private:
  std::vector<label> labels_;
};

struct label_set_hash {
  std::size_t operator()(const label_set& x) const;
};

/// As it is written in the language: `name{a="1", b="2"}`.
std::string to_string(const label_set& x);

enum class match_kind : std::uint8_t { equal, not_equal, like, not_like };
std::string_view to_string(match_kind x); ///< `=`, `!=`, `=~`, `!~`.

/// A test on one label. Immutable; copies share what they hold; thread-safe.
class label_matcher {
public:
  /// Fails if `value` is no pattern where one is needed.
  static expected<label_matcher, std::string>
  make(match_kind kind, std::string_view name, std::string_view value);

  match_kind kind() const {
    return kind_;
  }
  const std::string& name() const {
    return name_;
  }
  const std::string& value() const {
    return value_;
  }
  /// For `like` and `not_like` only.
  const pattern& compiled() const {
    return pattern_;
  }

  /// Whether a label of this value passes; one that is not there is "".
  bool matches(std::string_view value) const;

  bool operator==(const label_matcher& x) const {
    return kind_ == x.kind_ && name_ == x.name_ && value_ == x.value_;
  }

private:
  label_matcher() = default;

  match_kind kind_ = match_kind::equal;
  std::string name_;
  std::string value_;
  pattern pattern_;
};

/// Whether the series passes them all.
bool matches(std::span<const label_matcher> matchers, const label_set& labels);

/// Whether it can be written without quotes.
bool is_plain_label(std::string_view name);  ///< `[a-zA-Z_][a-zA-Z0-9_]*`
bool is_plain_metric(std::string_view name); ///< The same, and `:`.

/// In double quotes, with what needs it escaped.
std::string quoted_text(std::string_view text);

} // namespace weir::analytics::query
