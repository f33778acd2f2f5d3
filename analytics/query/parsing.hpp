// The parser's inside: recursive descent over the tokens, types checked on the way.
#pragma once

#include "analytics/query/functions.hpp"
#include "analytics/query/lexer.hpp"
#include "analytics/query/parser.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics::query {

/// Reads one text, once. The text must outlive it.
class parser {
public:
  explicit parser(std::string_view text) : text_(text), lexer_(text) {
  }

  result<node> parse();

private:
  struct failure {
    std::size_t offset = 0;
    std::string message;
  };
  template <class T>
  using parsed = expected<T, failure>;
  using problem = std::optional<failure>;

  struct operator_facts {
    std::string_view name;
    binary_op op;
    int binds; ///< How tightly.
  };

  // In the order of the grammar, the loosest first.
  parsed<node> parse_binary(int loosest);
  parsed<node> parse_prefix();
  parsed<node> parse_postfix();
  parsed<node> parse_primary();
  parsed<node> parse_parentheses();
  parsed<node> parse_name();
  parsed<node> parse_call(const token& name);
  parsed<node> parse_aggregation(const token& name, aggregate_op op);
  parsed<node> parse_selector(const token* metric);
  parsed<node> parse_brackets(node of);

  problem parse_modifiers(binary& into);
  problem parse_grouping(aggregation& into);
  problem parse_matcher(selector& into, bool is_named);
  problem parse_offset(node& of);
  problem parse_at(node& of);
  parsed<std::vector<std::string>> parse_names();
  parsed<std::vector<node_ptr>> parse_arguments();
  parsed<std::int64_t> parse_duration(std::string_view what);

  parsed<node> make_binary(binary what, std::size_t offset);
  problem check_matching(const binary& what) const;
  problem check_call(const function& called, const std::vector<node_ptr>& arguments,
                     const token& name) const;
  problem check_aggregation(const aggregation& what) const;
  /// Sets depth and offset of a new node whose parts are `parts`.
  parsed<node> finish(node x, std::size_t offset, std::size_t parts_depth) const;

  const operator_facts* find_operator() const;
  bool take(std::string_view sign_or_word);
  bool is(std::string_view sign_or_word) const;
  void advance();

  static tl::unexpected<failure> fail(std::size_t offset, std::string message);
  /// For the current token, which does not fit where `wanted` stands.
  tl::unexpected<failure> fail_here(std::string_view wanted) const;
  query_error locate(const failure& why) const;

  std::string_view text_;
  lexer lexer_;
  token current_;
  std::size_t depth_ = 0; ///< Of the recursion.
};

} // namespace weir::analytics::query
