#include "analytics/expression.hpp"

#include "analytics/expression/folding.hpp"
#include "analytics/expression/machine.hpp"
#include "analytics/expression/parser.hpp"

#include <algorithm>
#include <utility>

namespace weir::analytics {

std::string_view to_string(value_type x) {
  switch (x) {
  case value_type::number:
    return "number";
  case value_type::text:
    return "text";
  case value_type::boolean:
    return "boolean";
  }
  return "unknown";
}

std::optional<std::string_view> specialised_expression::constant_text() const {
  if (!text_)
    return std::nullopt;
  return *text_;
}

expected<expression, expression_error>
expression::compile(std::string_view text, value_type wanted,
                    const symbol_resolver& resolver,
                    std::span<const std::string_view> known_names) {
  auto parsed = expressions::parser{text, wanted, resolver, known_names}.parse();
  if (!parsed)
    return unexpected(std::move(parsed.error()));
  return expression{std::make_shared<const expressions::syntax>(std::move(*parsed))};
}

expression::expression(std::shared_ptr<const expressions::syntax> syntax)
  : syntax_(std::move(syntax)) {
  auto reads_constants = std::any_of(
    names().begin(), names().end(), [](const auto& x) { return !x.stands_for.varies; });
  if (!reads_constants)
    common_ = specialise([](std::uint32_t) { return constant_value{}; });
}

value_type expression::type() const {
  return syntax_->nodes.back().type;
}

const std::string& expression::text() const {
  return syntax_->text;
}

const std::vector<expression::used_name>& expression::names() const {
  return syntax_->names;
}

specialised_expression expression::specialise(const constant_source& constants) const {
  if (common_)
    return *common_;
  auto folded = expressions::fold(*syntax_, constants);
  specialised_expression result;
  if (folded.text)
    result.text_ = std::make_shared<const std::string>(std::move(*folded.text));
  else if (folded.nodes.back().op == expressions::opcode::number)
    result.constant_ = folded.nodes.back().number;
  else
    result.program_ = std::make_shared<const expressions::program>(
      expressions::translate(folded.nodes));
  return result;
}

} // namespace weir::analytics
