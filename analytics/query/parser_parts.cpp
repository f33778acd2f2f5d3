// The parser's selectors, calls and aggregations.
#include "analytics/query/parsing.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace weir::analytics::query {

namespace {

/// The nearest function, for who mistyped one.
std::string suggestion(std::string_view name) {
  auto distance = [name](std::string_view known) {
    std::vector<std::size_t> row(known.size() + 1);
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] = i;
    for (std::size_t i = 1; i <= name.size(); ++i) {
      auto diagonal = std::exchange(row[0], i);
      for (std::size_t k = 1; k < row.size(); ++k) {
        auto replaced = diagonal + (name[i - 1] == known[k - 1] ? 0 : 1);
        diagonal = row[k];
        row[k] = std::min({replaced, row[k] + 1, row[k - 1] + 1});
      }
    }
    return row.back();
  };
  std::string_view best;
  std::size_t best_distance = 3;
  if (name.size() < 40)
    for (const auto& x : all_functions())
      if (auto d = distance(x.name); d < best_distance)
        best = x.name, best_distance = d;
  return best.empty() ? "docs/query.md lists them"
                      : "did you mean `" + std::string{best} + "`?";
}

std::string number_of_arguments(const function& x) {
  auto least = std::to_string(x.arguments.size() - x.optional);
  if (x.is_variadic)
    return "at least " + least;
  return x.optional == 0 ? least : least + " to " + std::to_string(x.arguments.size());
}

/// Where `offset` and `@` of a node go; null if it takes none.
time_shift* shift_of(node& x) {
  if (auto what = std::get_if<selector>(&x.form))
    return &what->shift;
  if (auto what = std::get_if<subquery>(&x.form))
    return &what->shift;
  return nullptr;
}

} // namespace

parser::parsed<node> parser::parse_selector(const token* metric) {
  selector what;
  auto offset = metric ? metric->offset : current_.offset;
  if (metric)
    what.matchers.push_back(
      *label_matcher::make(match_kind::equal, metric_label, metric->source));
  if (take("{")) {
    while (!is("}")) {
      if (auto why = parse_matcher(what, metric != nullptr))
        return unexpected(std::move(*why));
      if (!take(",") && !is("}"))
        return fail_here("`,` or `}`");
    }
    take("}");
  }
  auto is_narrow = std::any_of(what.matchers.begin(), what.matchers.end(),
                               [](const auto& x) { return !x.matches(""); });
  if (!is_narrow)
    return fail(offset, "this would select every series; name a metric, or give a "
                        "matcher that an empty text does not pass");
  node whole{.form = std::move(what), .type = value_type::vector};
  return finish(std::move(whole), offset, 0);
}

parser::problem parser::parse_matcher(selector& into, bool is_named) {
  auto name = current_;
  if (name.kind != token_kind::text
      && (name.kind != token_kind::name || !is_plain_label(name.source)))
    return fail_here("a label or `}`").value();
  auto label = name.kind == token_kind::text ? name.content : std::string{name.source};
  advance();
  auto kind = match_kind::equal;
  if (take("!="))
    kind = match_kind::not_equal;
  else if (take("=~"))
    kind = match_kind::like;
  else if (take("!~"))
    kind = match_kind::not_like;
  else if (name.kind == token_kind::text && (is(",") || is("}"))) {
    if (is_named)
      return failure{name.offset, "the metric has its name already"};
    into.matchers.push_back(*label_matcher::make(kind, metric_label, label));
    return std::nullopt;
  } else if (!take("="))
    return fail_here("one of = != =~ !~").value();
  if (is_named && label == metric_label)
    return failure{name.offset, "the metric has its name already"};
  if (label.empty())
    return failure{name.offset, "a label needs a name"};
  if (current_.kind != token_kind::text)
    return fail_here("a text in quotes").value();
  auto made = label_matcher::make(kind, label, current_.content);
  if (!made)
    return failure{current_.offset, std::move(made.error())};
  into.matchers.push_back(std::move(*made));
  advance();
  return std::nullopt;
}

parser::parsed<std::int64_t> parser::parse_duration(std::string_view what) {
  if (current_.kind != token_kind::duration)
    return fail_here(std::string{what} + " (a duration such as 5m or 1h30m)");
  auto duration_ms = current_.duration_ms;
  advance();
  return duration_ms;
}

parser::parsed<node> parser::parse_brackets(node of) {
  auto bracket = current_.offset;
  take("[");
  auto range_ms = parse_duration("a range");
  if (!range_ms)
    return unexpected(std::move(range_ms.error()));
  if (*range_ms == 0)
    return fail(bracket, "a range must be longer than 0");
  auto is_subquery = take(":");
  std::int64_t step_ms = 0;
  if (is_subquery && !is("]")) {
    auto step = parse_duration("a step or `]`");
    if (!step)
      return unexpected(std::move(step.error()));
    if (*step == 0)
      return fail(bracket, "a step must be longer than 0");
    step_ms = *step;
  }
  if (!take("]"))
    return fail_here(is_subquery ? "`]`" : "`]`, or `:` for a subquery");
  auto offset = of.offset;
  if (is_subquery) {
    if (of.type != value_type::vector)
      return fail(bracket, "a subquery needs an instant vector before it; this is of "
                           "type "
                             + std::string{to_string(of.type)});
    auto depth = of.depth;
    node whole{.form
               = subquery{node_ptr{std::move(of)}, *range_ms, step_ms, time_shift{}},
               .type = value_type::matrix};
    return finish(std::move(whole), offset, depth);
  }
  auto what = std::get_if<selector>(&of.form);
  if (!what || what->range_ms != 0)
    return fail(bracket, "a range stands behind a selector; for anything else write a "
                         "subquery, as in [1h:1m]");
  if (what->shift != time_shift{})
    return fail(bracket, "the range stands before `offset` and `@`");
  what->range_ms = *range_ms;
  of.type = value_type::matrix;
  return of;
}

parser::problem parser::parse_offset(node& of) {
  auto shift = shift_of(of);
  auto place = current_.offset;
  auto is_negative = take("-");
  auto duration_ms = parse_duration("an offset");
  if (!duration_ms)
    return std::move(duration_ms.error());
  if (!shift)
    return failure{place, "`offset` stands behind a selector or a subquery"};
  if (shift->is_offset)
    return failure{place, "there is an `offset` already"};
  shift->is_offset = true;
  shift->offset_ms = is_negative ? -*duration_ms : *duration_ms;
  return std::nullopt;
}

parser::problem parser::parse_at(node& of) {
  auto shift = shift_of(of);
  auto place = current_.offset;
  if (!shift)
    return failure{place, "`@` stands behind a selector or a subquery"};
  if (shift->at != time_shift::anchor::none)
    return failure{place, "there is an `@` already"};
  auto is_start = is("start");
  if (take("start") || take("end")) {
    shift->at = is_start ? time_shift::anchor::start : time_shift::anchor::end;
    if (!take("("))
      return fail_here("`()`").value();
    if (!take(")"))
      return fail_here("`)`").value();
    return std::nullopt;
  }
  auto is_negative = take("-");
  if (!is_negative)
    take("+");
  if (current_.kind != token_kind::number)
    return fail_here("a time in seconds since 1970, start() or end()").value();
  if (current_.number > query_at_seconds_max)
    return failure{place, "this time is out of bounds; it is in seconds"};
  shift->at = time_shift::anchor::fixed;
  shift->at_ms = std::llround((is_negative ? -1.0 : 1.0) * current_.number * 1000.0);
  advance();
  return std::nullopt;
}

parser::parsed<std::vector<std::string>> parser::parse_names() {
  std::vector<std::string> result;
  if (!take("("))
    return fail_here("`(`");
  while (!is(")")) {
    if (current_.kind == token_kind::text && !current_.content.empty())
      result.push_back(current_.content);
    else if (current_.kind == token_kind::name && is_plain_label(current_.source))
      result.emplace_back(current_.source);
    else
      return fail_here("a label or `)`");
    advance();
    if (!take(",") && !is(")"))
      return fail_here("`,` or `)`");
  }
  take(")");
  return result;
}

parser::parsed<std::vector<node_ptr>> parser::parse_arguments() {
  std::vector<node_ptr> result;
  if (!take("("))
    return fail_here("`(`");
  while (!is(")")) {
    auto argument = parse_binary(0);
    if (!argument)
      return unexpected(std::move(argument.error()));
    result.emplace_back(std::move(*argument));
    if (!take(",") && !is(")"))
      return fail_here("an operator, `,` or `)`");
  }
  take(")");
  return result;
}

parser::parsed<node> parser::parse_call(const token& name) {
  auto called = find_function(name.source);
  if (!called)
    return fail(name.offset, "there is no function `"
                               + std::string{name.source.substr(0, 60)} + "`; "
                               + suggestion(name.source));
  auto arguments = parse_arguments();
  if (!arguments)
    return unexpected(std::move(arguments.error()));
  if (auto why = check_call(*called, *arguments, name))
    return unexpected(std::move(*why));
  std::size_t depth = 0;
  for (const auto& x : *arguments)
    depth = std::max(depth, x->depth);
  node whole{.form = call{called, std::move(*arguments)}, .type = called->gives};
  return finish(std::move(whole), name.offset, depth);
}

parser::problem parser::check_call(const function& called,
                                   const std::vector<node_ptr>& arguments,
                                   const token& name) const {
  auto wanted = called.arguments.size();
  if (arguments.size() < wanted - called.optional
      || (arguments.size() > wanted && !called.is_variadic))
    return failure{name.offset, "`" + std::string{called.name} + "` takes "
                                  + number_of_arguments(called) + " arguments, not "
                                  + std::to_string(arguments.size())};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    auto type = called.arguments[std::min(i, wanted - 1)];
    const auto& given = *arguments[i];
    if (given.type != type)
      return failure{given.offset,
                     "argument " + std::to_string(i + 1) + " of `"
                       + std::string{called.name} + "` has to be of type "
                       + std::string{to_string(type)} + "; this is of type "
                       + std::string{to_string(given.type)}
                       + (type == value_type::matrix && given.type == value_type::vector
                            ? "; a range is missing, as in [5m]"
                            : "")};
    if (type == value_type::text && !std::get_if<text_literal>(&unwrap(given).form))
      return failure{given.offset, "this has to be a text in quotes"};
  }
  return std::nullopt;
}

parser::problem parser::parse_grouping(aggregation& into) {
  into.is_without = is("without");
  if (!take("by") && !take("without"))
    return std::nullopt;
  into.is_grouped = true;
  auto names = parse_names();
  if (!names)
    return std::move(names.error());
  into.names = std::move(*names);
  return std::nullopt;
}

parser::parsed<node> parser::parse_aggregation(const token& name, aggregate_op op) {
  aggregation what;
  what.op = op;
  if (auto why = parse_grouping(what))
    return unexpected(std::move(*why));
  auto arguments = parse_arguments();
  if (!arguments)
    return unexpected(std::move(arguments.error()));
  if (!what.is_grouped)
    if (auto why = parse_grouping(what))
      return unexpected(std::move(*why));
  std::size_t wanted = op >= aggregate_op::topk ? 2 : 1;
  if (arguments->size() != wanted)
    return fail(
      name.offset,
      "`" + std::string{to_string(op)} + "` takes "
        + (wanted == 2 ? "a parameter and an instant vector" : "one instant vector")
        + ", not " + std::to_string(arguments->size()) + " arguments");
  std::size_t depth = 0;
  for (const auto& x : *arguments)
    depth = std::max(depth, x->depth);
  what.inner = std::move(arguments->back());
  if (wanted == 2)
    what.parameter = std::move(arguments->front());
  if (auto why = check_aggregation(what))
    return unexpected(std::move(*why));
  node whole{.form = std::move(what), .type = value_type::vector};
  return finish(std::move(whole), name.offset, depth);
}

parser::problem parser::check_aggregation(const aggregation& what) const {
  auto name = "`" + std::string{to_string(what.op)} + "`";
  if (what.inner->type != value_type::vector)
    return failure{what.inner->offset, name
                                         + " takes an instant vector; this is of type "
                                         + std::string{to_string(what.inner->type)}};
  if (!what.parameter)
    return std::nullopt;
  const auto& given = *what.parameter;
  auto type
    = what.op == aggregate_op::count_values ? value_type::text : value_type::scalar;
  if (given.type != type)
    return failure{given.offset, "the parameter of " + name + " has to be of type "
                                   + std::string{to_string(type)} + "; this is of type "
                                   + std::string{to_string(given.type)}};
  if (type == value_type::text) {
    auto literal = std::get_if<text_literal>(&unwrap(given).form);
    if (!literal || literal->value.empty())
      return failure{given.offset, "this has to be the name of a label in quotes"};
  }
  return std::nullopt;
}

} // namespace weir::analytics::query
