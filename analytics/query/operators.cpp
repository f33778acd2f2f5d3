// Literals, signs and operators on two sides.
#include "analytics/query/evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>
#include <utility>

namespace weir::analytics::query {

namespace {

using names = std::vector<std::string>;
using members = std::vector<std::size_t>; // Places in the columns of a side.

/// Calculates over two columns of equal length; true stands for a comparison that
/// holds. Written once for each operator so that the loops are tight.
template <class Function>
void for_each_step(std::span<const double> left, std::span<const double> right,
                   std::span<double> out, Function function) {
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = is_absent(left[i]) || is_absent(right[i]) ? absent()
                                                       : function(left[i], right[i]);
}

struct comparison {
  bool returns_bool = false;
  bool gives_right = false; ///< The value that passes: where the vector stands.

  double operator()(bool holds, double left, double right) const {
    if (returns_bool)
      return holds ? 1.0 : 0.0;
    return holds ? (gives_right ? right : left) : absent();
  }
};

void calculate(binary_op op, const comparison& how, std::span<const double> left,
               std::span<const double> right, std::span<double> out) {
  auto each = [&](auto function) { for_each_step(left, right, out, function); };
  switch (op) {
  case binary_op::add:
    return each([](double a, double b) { return a + b; });
  case binary_op::subtract:
    return each([](double a, double b) { return a - b; });
  case binary_op::multiply:
    return each([](double a, double b) { return a * b; });
  case binary_op::divide:
    return each([](double a, double b) { return a / b; });
  case binary_op::remainder:
    return each([](double a, double b) { return std::fmod(a, b); });
  case binary_op::power:
    return each([](double a, double b) { return std::pow(a, b); });
  case binary_op::atan2:
    return each([](double a, double b) { return std::atan2(a, b); });
  case binary_op::equal:
    return each([&](double a, double b) { return how(a == b, a, b); });
  case binary_op::not_equal:
    return each([&](double a, double b) { return how(a != b, a, b); });
  case binary_op::less:
    return each([&](double a, double b) { return how(a < b, a, b); });
  case binary_op::less_equal:
    return each([&](double a, double b) { return how(a <= b, a, b); });
  case binary_op::greater:
    return each([&](double a, double b) { return how(a > b, a, b); });
  case binary_op::greater_equal:
    return each([&](double a, double b) { return how(a >= b, a, b); });
  case binary_op::set_and:
  case binary_op::set_or:
  case binary_op::set_unless:
    break; // Not of values.
  }
}

bool drops_metric(const binary& x) {
  return !is_comparison(x.op) || x.returns_bool;
}

/// What two series have to have in common.
class key_maker {
public:
  explicit key_maker(const vector_matching& how)
    : is_on_(how.is_on), names_(how.names) {
    std::sort(names_.begin(), names_.end());
  }
  label_set operator()(const label_set& x) const {
    return is_on_ ? x.only(names_) : x.except(names_);
  }

private:
  bool is_on_;
  names names_;
};

/// The series of one key: their places in the columns of each side.
struct match_group {
  members many;
  members one;
};

using match_groups = std::unordered_map<label_set, match_group, label_set_hash>;

/// Whether any of these series has a value at a step.
std::vector<bool> presence(const columns& all, std::span<const std::size_t> which,
                           std::size_t steps) {
  std::vector<bool> result(steps);
  for (auto i : which)
    for (std::size_t step = 0; step < steps; ++step)
      if (!is_absent(all[i].values[step]))
        result[step] = true;
  return result;
}

std::string side_text(bool is_left) {
  return is_left ? "left" : "right";
}

/// Two series of the "one" side at one step are an error, if the other side has
/// anything there.
std::optional<query_error> check_one_side(const match_groups& groups,
                                          const columns& many, const columns& one,
                                          std::size_t steps, bool is_left) {
  std::vector<bool> is_asked; // Where the other side has anything; rarely needed.
  for (const auto& [key, group] : groups) {
    if (group.one.size() < 2)
      continue;
    if (is_asked.empty()) {
      members all(many.size());
      std::iota(all.begin(), all.end(), std::size_t{0});
      is_asked = presence(many, all, steps);
    }
    std::vector<bool> seen(steps);
    for (auto i : group.one)
      for (std::size_t step = 0; step < steps; ++step) {
        if (is_absent(one[i].values[step]))
          continue;
        if (seen[step] && is_asked[step])
          return query_error{
            query_errc::execution,
            "several series on the " + side_text(is_left) + " side match for "
              + to_string(key) + ", one of them " + to_string(one[i].labels)
              + "; narrow them down, or name the labels that tell them "
                "apart in `on`"};
        seen[step] = true;
      }
  }
  return std::nullopt;
}

label_set matched_labels(const binary& x, const label_set& many, const label_set& one) {
  auto result = drops_metric(x) ? many.without_metric() : many;
  const auto& how = x.matching;
  if (how.card == vector_matching::cardinality::one_to_one) {
    auto sorted = how.names;
    std::sort(sorted.begin(), sorted.end());
    if (how.is_on)
      result = result.only(sorted);
    for (const auto& name : how.is_on ? names{} : sorted)
      result.remove(name);
  }
  for (const auto& name : how.taken)
    result.set(name, one.get(name));
  return result;
}

} // namespace

result<columns> evaluation::evaluate(const number_literal& x, const step_grid& grid) {
  if (auto why = charge(1, grid.count))
    return unexpected(std::move(*why));
  return columns{{{}, std::vector<double>(grid.count, x.value)}};
}

result<columns> evaluation::evaluate(const text_literal&, const step_grid&) {
  return columns{}; // Arguments alone are texts, and those are read from the tree.
}

result<columns> evaluation::evaluate(const selector& x, const step_grid& grid) {
  return instant(x, grid, false);
}

result<columns> evaluation::evaluate(const subquery&, const step_grid&) {
  return columns{}; // Of type matrix: samples() reads it.
}

result<columns> evaluation::evaluate(const parentheses& x, const step_grid& grid) {
  return run(*x.inner, grid);
}

result<columns> evaluation::evaluate(const negation& x, const step_grid& grid) {
  auto inner = run(*x.inner, grid);
  if (!inner)
    return inner;
  for (auto& series : *inner) {
    series.labels = series.labels.without_metric();
    for (auto& value : series.values)
      value = is_absent(value) ? value : -value;
  }
  return merged(std::move(*inner));
}

result<columns> evaluation::evaluate(const binary& x, const step_grid& grid) {
  auto left = run(*x.left, grid);
  if (!left)
    return left;
  auto right = run(*x.right, grid);
  if (!right)
    return right;
  if (x.left->type == value_type::scalar || x.right->type == value_type::scalar)
    return combine_scalars(x, std::move(*left), std::move(*right));
  if (is_set(x.op))
    return combine_sets(x, std::move(*left), std::move(*right), grid);
  return combine_vectors(x, std::move(*left), std::move(*right), grid);
}

result<columns> evaluation::combine_scalars(const binary& x, columns left,
                                            columns right) {
  comparison how{.returns_bool = x.returns_bool};
  how.gives_right = x.left->type == value_type::scalar;
  auto is_left_vector = x.left->type == value_type::vector;
  auto is_scalar = how.gives_right && x.right->type == value_type::scalar;
  const auto scalar = is_left_vector ? right[0].values : left[0].values;
  auto vector = std::move(is_left_vector ? left : right);
  for (auto& series : vector) {
    if (drops_metric(x))
      series.labels = series.labels.without_metric();
    if (is_left_vector)
      calculate(x.op, how, series.values, scalar, series.values);
    else
      calculate(x.op, how, scalar, series.values, series.values);
  }
  if (is_scalar)
    return vector;
  return merged(std::move(vector));
}

result<columns> evaluation::combine_sets(const binary& x, columns left, columns right,
                                         const step_grid& grid) {
  const key_maker key{x.matching};
  // `or` keeps what is new on the right; the others keep or drop of the left.
  auto is_or = x.op == binary_op::set_or;
  auto& tested = is_or ? right : left;
  const auto& others = is_or ? left : right;
  std::unordered_map<label_set, members, label_set_hash> places;
  for (std::size_t i = 0; i < others.size(); ++i)
    places[key(others[i].labels)].push_back(i);
  std::unordered_map<label_set, std::vector<bool>, label_set_hash> present;
  for (auto& series : tested) {
    auto its_key = key(series.labels);
    auto known = present.find(its_key);
    if (known == present.end()) {
      auto found = places.find(its_key);
      auto which = found == places.end() ? members{} : found->second;
      known = present.emplace(std::move(its_key), presence(others, which, grid.count))
                .first;
    }
    for (std::size_t i = 0; i < grid.count; ++i)
      if (known->second[i] != (x.op == binary_op::set_and))
        series.values[i] = absent();
  }
  if (is_or)
    std::move(right.begin(), right.end(), std::back_inserter(left));
  return merged(std::move(left));
}

result<columns> evaluation::combine_vectors(const binary& x, columns left,
                                            columns right, const step_grid& grid) {
  using enum vector_matching::cardinality;
  auto is_swapped = x.matching.card == one_to_many;
  const auto& many = is_swapped ? right : left;
  const auto& one = is_swapped ? left : right;
  const key_maker key{x.matching};
  match_groups groups;
  for (std::size_t i = 0; i < one.size(); ++i)
    groups[key(one[i].labels)].one.push_back(i);
  std::vector<match_group*> group_of(many.size(), nullptr);
  for (std::size_t i = 0; i < many.size(); ++i)
    if (auto found = groups.find(key(many[i].labels)); found != groups.end()) {
      group_of[i] = &found->second;
      found->second.many.push_back(i);
    }
  if (auto why = check_one_side(groups, many, one, grid.count, is_swapped))
    return unexpected(std::move(*why));

  columns made;
  // For each group of a one-to-one match, the steps at which it has a result.
  std::unordered_map<const match_group*, std::vector<bool>> matched;
  const comparison how{.returns_bool = x.returns_bool};
  for (std::size_t i = 0; i < many.size(); ++i) {
    if (!group_of[i])
      continue;
    for (auto k : group_of[i]->one) {
      if (auto why = charge(1, grid.count))
        return unexpected(std::move(*why));
      column next{.labels = matched_labels(x, many[i].labels, one[k].labels)};
      next.values.resize(grid.count);
      calculate(x.op, how, left[is_swapped ? k : i].values,
                right[is_swapped ? i : k].values, next.values);
      if (x.matching.card == one_to_one && group_of[i]->many.size() > 1) {
        auto& seen = matched[group_of[i]];
        seen.resize(grid.count);
        for (std::size_t step = 0; step < grid.count; ++step)
          if (!is_absent(next.values[step])) {
            if (seen[step])
              return unexpected(query_error{
                query_errc::execution,
                "several series on the left side match one on the right, "
                  + to_string(one[k].labels)
                  + "; if that is meant, write group_left behind `on` or `ignoring`"});
            seen[step] = true;
          }
      }
      made.push_back(std::move(next));
    }
  }
  return merged(std::move(made));
}

} // namespace weir::analytics::query
