// label_replace and label_join.
#include "analytics/query/evaluation.hpp"

#include <algorithm>
#include <utility>

namespace weir::analytics::query {

namespace {

const std::string& text_of(const node_ptr& x) {
  return std::get<text_literal>(unwrap(*x).form).value;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || c == '_';
}

/// Puts groups in where `$1`, `$name` or `${name}` stands; `$$` is a `$`. One that
/// does not exist is empty, as in Go.
std::string expand(std::string_view text, const pattern& from,
                   std::span<const std::string_view> groups) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      result += text[i++];
      continue;
    }
    auto rest = text.substr(i + 1);
    auto is_braced = rest.starts_with("{");
    auto name = rest.substr(is_braced ? 1 : 0);
    auto end = std::find_if_not(name.begin(), name.end(), is_word);
    name = name.substr(0, static_cast<std::size_t>(end - name.begin()));
    auto size = name.size() + (is_braced ? 3 : 1);
    auto is_name = !name.empty() && (!is_braced || text.substr(i, size).ends_with("}"));
    if (!is_name) {
      result += '$';
      i += rest.starts_with("$") ? 2 : 1;
      continue;
    }
    if (auto number = from.group_number(name); number && *number < groups.size())
      result += groups[*number];
    i += size;
  }
  return result;
}

} // namespace

result<columns> evaluation::call_labels(const call& x, const step_grid& grid) {
  const auto& target = text_of(x.arguments[1]);
  if (target.empty())
    return unexpected(query_error{query_errc::execution,
                                  "`" + std::string{x.called->name}
                                    + "` needs the name of a label to write to"});
  auto made = run(*x.arguments[0], grid);
  if (!made)
    return made;
  if (x.called->name == "label_join") {
    const auto& separator = text_of(x.arguments[2]);
    for (auto& series : *made) {
      std::string joined;
      for (std::size_t i = 3; i < x.arguments.size(); ++i)
        joined += (i > 3 ? separator : "")
                  + std::string{series.labels.get(text_of(x.arguments[i]))};
      series.labels.set(target, joined);
    }
    return merged(std::move(*made));
  }
  auto compiled = pattern::compile(text_of(x.arguments[4]));
  if (!compiled)
    return unexpected(query_error{query_errc::execution,
                                  "`label_replace`: " + std::move(compiled.error())});
  for (auto& series : *made) {
    if (auto why = check_stop())
      return unexpected(std::move(*why));
    std::string value{series.labels.get(text_of(x.arguments[3]))};
    if (auto groups = compiled->groups(value))
      series.labels.set(target, expand(text_of(x.arguments[2]), *compiled, *groups));
  }
  return merged(std::move(*made));
}

} // namespace weir::analytics::query
