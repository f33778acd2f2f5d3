// The tree that the parser makes of a query. It is checked: types fit, functions have
// the arguments they need, depths are bounded; so an evaluator trusts it.
#pragma once

#include "analytics/query/labels.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weir::analytics::query {

enum class value_type : std::uint8_t {
  scalar,
  vector, ///< Series with one value each.
  matrix, ///< Series with the samples of a range each.
  text,
};
std::string_view to_string(value_type x); ///< "instant vector" and so on.

struct node;

/// Owns a part of the tree; compares what it owns.
class node_ptr {
public:
  node_ptr() = default;
  explicit node_ptr(node x);
  node_ptr(node_ptr&&) noexcept;
  node_ptr& operator=(node_ptr&&) noexcept;
  ~node_ptr();

  explicit operator bool() const {
    return what_ != nullptr;
  }
  const node& operator*() const {
    return *what_;
  }
  node& operator*() {
    return *what_;
  }
  const node* operator->() const {
    return what_.get();
  }
  bool operator==(const node_ptr& x) const;

private:
  std::unique_ptr<node> what_;
};

struct number_literal {
  double value = 0.0;
  bool operator==(const number_literal& x) const; ///< NaN equals NaN.
};

struct text_literal {
  std::string value;
  bool operator==(const text_literal&) const = default;
};

/// `offset` and `@` of a selector or a subquery.
struct time_shift {
  enum class anchor : std::uint8_t {
    none, ///< The time of evaluation.
    fixed,
    start, ///< Of the whole query.
    end,
  };

  std::int64_t offset_ms = 0; ///< Backwards; is_offset where it is written.
  bool is_offset = false;
  anchor at = anchor::none;
  std::int64_t at_ms = 0;

  bool operator==(const time_shift&) const = default;
};

struct selector {
  std::vector<label_matcher> matchers; ///< In the order of the text.
  std::int64_t range_ms = 0;           ///< 0: an instant vector.
  time_shift shift;
  bool operator==(const selector&) const = default;
};

struct subquery {
  node_ptr inner;
  std::int64_t range_ms = 0;
  std::int64_t step_ms = 0; ///< 0: the default of the evaluation.
  time_shift shift;
  bool operator==(const subquery&) const = default;
};

struct negation {
  node_ptr inner;
  bool operator==(const negation&) const = default;
};

struct parentheses {
  node_ptr inner;
  bool operator==(const parentheses&) const = default;
};

enum class binary_op : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  remainder,
  power,
  atan2,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  set_and,
  set_or,
  set_unless,
};

constexpr bool is_comparison(binary_op x) {
  return x >= binary_op::equal && x <= binary_op::greater_equal;
}
constexpr bool is_set(binary_op x) {
  return x >= binary_op::set_and;
}
std::string_view to_string(binary_op x);

/// Which series of the two sides belong together.
struct vector_matching {
  enum class cardinality : std::uint8_t { one_to_one, many_to_one, one_to_many };

  cardinality card = cardinality::one_to_one;
  bool is_on = false;             ///< Else `ignoring`.
  std::vector<std::string> names; ///< As written.
  std::vector<std::string> taken; ///< From the "one" side: group_left(...).

  bool operator==(const vector_matching&) const = default;
};

struct binary {
  binary_op op = binary_op::add;
  bool returns_bool = false;
  vector_matching matching;
  node_ptr left;
  node_ptr right;
  bool operator==(const binary&) const = default;
};

enum class aggregate_op : std::uint8_t {
  sum,
  avg,
  min,
  max,
  count,
  group,
  stddev,
  stdvar,
  topk,
  bottomk,
  quantile,
  count_values,
};
std::string_view to_string(aggregate_op x);

struct aggregation {
  aggregate_op op = aggregate_op::sum;
  bool is_without = false;
  bool is_grouped = false;        ///< Whether `by` or `without` stands there.
  std::vector<std::string> names; ///< As written.
  node_ptr parameter;             ///< Of topk, bottomk, quantile, count_values.
  node_ptr inner;
  bool operator==(const aggregation&) const = default;
};

struct function;

struct call {
  const function* called = nullptr; ///< Never null; one of functions.hpp.
  std::vector<node_ptr> arguments;
  bool operator==(const call&) const = default;
};

struct node {
  using form_type = std::variant<number_literal, text_literal, selector, subquery,
                                 negation, parentheses, binary, aggregation, call>;

  form_type form;
  value_type type = value_type::scalar;
  std::size_t offset = 0; ///< Of its first byte in the text.
  std::size_t depth = 1;  ///< Of the tree below, itself included.

  /// Where it stood in the text does not matter.
  bool operator==(const node& x) const {
    return type == x.type && form == x.form;
  }
};

/// What is left without the parentheses around it.
const node& unwrap(const node& x);

/// A text that parses to the same tree.
std::string to_string(const node& x);

/// `90000` is "1m30s"; 0 is "0s".
std::string duration_text(std::int64_t duration_ms);

} // namespace weir::analytics::query
