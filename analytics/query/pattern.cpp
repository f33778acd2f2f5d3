#include "analytics/query/pattern.hpp"

#include "analytics/query/pattern_program.hpp"

#include <algorithm>
#include <charconv>

namespace weir::analytics::query {

namespace patterns {

namespace {

constexpr std::size_t nowhere = std::string_view::npos;

bool is_word(std::string_view text, std::size_t position) {
  if (position >= text.size())
    return false;
  char c = text[position];
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || c == '_';
}

/// Follows all ways through the program at once, the ones with more right first.
class machine {
public:
  machine(const program& code, std::string_view text, std::size_t saves)
    : program_(code), text_(text), saves_(saves) {
    current_.seen.resize(code.code.size());
    next_.seen.resize(code.code.size());
  }

  /// Whether the whole text matches; `saved` is then where its groups begin and end.
  bool run(std::vector<std::size_t>& saved) {
    follow(current_, 0, std::vector<std::size_t>(saves_, nowhere), 0);
    std::size_t position = 0;
    while (position < text_.size() && !current_.threads.empty()) {
      auto code = next_code_point(text_, position);
      for (auto& x : current_.threads)
        if (takes(program_.code[x.at], code))
          follow(next_, x.at + 1, std::move(x.saved), position);
      std::swap(current_, next_);
      next_.clear();
    }
    for (auto& x : current_.threads)
      if (program_.code[x.at].op == opcode::match) {
        saved = std::move(x.saved);
        return true;
      }
    return false;
  }

private:
  struct thread {
    std::size_t at = 0;
    std::vector<std::size_t> saved; ///< Empty if groups are not asked for.
  };
  struct thread_list {
    std::vector<thread> threads;
    std::vector<bool> seen; ///< By instruction.

    void clear() {
      threads.clear();
      std::fill(seen.begin(), seen.end(), false);
    }
  };

  bool takes(const instruction& x, std::uint32_t code) const {
    switch (x.op) {
    case opcode::character:
      return code == x.x;
    case opcode::any:
      return code != '\n';
    case opcode::any_all:
      return true;
    case opcode::one_of:
      return program_.classes[x.x].has(code);
    default:
      return false;
    }
  }

  bool holds(opcode op, std::size_t position) const {
    auto before = position > 0 && is_word(text_, position - 1);
    switch (op) {
    case opcode::begin_text:
      return position == 0;
    case opcode::end_text:
      return position == text_.size();
    case opcode::word_edge:
      return before != is_word(text_, position);
    default:
      return before == is_word(text_, position);
    }
  }

  /// Adds what is reached from `at` without taking a character.
  void follow(thread_list& list, std::size_t at, std::vector<std::size_t> saved,
              std::size_t position) {
    pending_.push_back({at, std::move(saved)});
    while (!pending_.empty()) {
      auto x = std::move(pending_.back());
      pending_.pop_back();
      if (list.seen[x.at])
        continue;
      list.seen[x.at] = true;
      const auto& what = program_.code[x.at];
      switch (what.op) {
      case opcode::split:
        pending_.push_back({what.y, x.saved});
        pending_.push_back({what.x, std::move(x.saved)});
        break;
      case opcode::jump:
        pending_.push_back({what.x, std::move(x.saved)});
        break;
      case opcode::save:
        if (what.x < x.saved.size())
          x.saved[what.x] = position;
        pending_.push_back({x.at + 1, std::move(x.saved)});
        break;
      case opcode::begin_text:
      case opcode::end_text:
      case opcode::word_edge:
      case opcode::no_word_edge:
        if (holds(what.op, position))
          pending_.push_back({x.at + 1, std::move(x.saved)});
        break;
      default:
        list.threads.push_back(std::move(x));
        break;
      }
    }
  }

  const program& program_;
  std::string_view text_;
  std::size_t saves_;
  thread_list current_;
  thread_list next_;
  std::vector<thread> pending_;
};

} // namespace

std::uint32_t next_code_point(std::string_view text, std::size_t& position) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::uint32_t first = byte(position);
  std::size_t size = first < 0x80    ? 1
                     : first < 0xc2  ? 0
                     : first < 0xe0  ? 2
                     : first < 0xf0  ? 3
                     : first <= 0xf4 ? 4
                                     : 0;
  auto is_cut = size == 0 || position + size > text.size();
  for (std::size_t i = 1; i < size && !is_cut; ++i)
    is_cut = (byte(position + i) & 0xc0) != 0x80;
  if (is_cut) {
    ++position;
    return 0xfffd;
  }
  auto result = size == 1 ? first : first & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i)
    result = result << 6 | (byte(position + i) & 0x3fu);
  position += size;
  return result;
}

} // namespace patterns

expected<pattern, std::string> pattern::compile(std::string_view text) {
  auto compiled = patterns::compile(text);
  if (!compiled)
    return unexpected(std::move(compiled.error()));
  pattern result;
  result.program_ = std::make_shared<const patterns::program>(std::move(*compiled));
  return result;
}

bool pattern::matches(std::string_view text) const {
  if (!program_)
    return text.empty();
  if (program_->literals)
    return std::binary_search(program_->literals->begin(), program_->literals->end(),
                              text);
  std::vector<std::size_t> ignored;
  return patterns::machine{*program_, text, 0}.run(ignored);
}

std::optional<std::vector<std::string_view>>
pattern::groups(std::string_view text) const {
  if (!program_)
    return text.empty() ? std::optional{std::vector<std::string_view>{text}}
                        : std::nullopt;
  auto count = program_->group_names.size();
  std::vector<std::size_t> saved;
  if (!patterns::machine{*program_, text, 2 * count}.run(saved))
    return std::nullopt;
  std::vector<std::string_view> result{text};
  for (std::size_t i = 1; i < count; ++i) {
    auto begin = saved[2 * i];
    auto end = saved[2 * i + 1];
    auto is_there = begin != patterns::nowhere && end != patterns::nowhere;
    result.push_back(is_there ? text.substr(begin, end - begin) : std::string_view{});
  }
  return result;
}

std::optional<std::size_t> pattern::group_number(std::string_view name) const {
  auto count = program_ ? program_->group_names.size() : 1;
  std::size_t number = 0;
  auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc{} && rest == name.data() + name.size())
    return number < count ? std::optional{number} : std::nullopt;
  for (std::size_t i = 1; i < count; ++i)
    if (!name.empty() && program_->group_names[i] == name)
      return i;
  return std::nullopt;
}

const std::optional<std::vector<std::string>>& pattern::literals() const {
  static const std::optional<std::vector<std::string>> empty_text{
    std::vector<std::string>{""}};
  return program_ ? program_->literals : empty_text;
}

} // namespace weir::analytics::query
