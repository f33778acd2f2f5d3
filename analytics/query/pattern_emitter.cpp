// From the tree of a pattern to instructions.
#include "analytics/query/pattern.hpp"
#include "analytics/query/pattern_program.hpp"

#include <algorithm>

namespace weir::analytics::query::patterns {

namespace {

class emitter {
public:
  explicit emitter(program& into) : program_(into) {
  }

  void finish(const node& whole) {
    emit(whole);
    add(opcode::match);
  }

private:
  std::uint32_t here() const {
    return static_cast<std::uint32_t>(program_.code.size());
  }
  std::uint32_t add(opcode op, std::uint32_t x = 0, std::uint32_t y = 0) {
    program_.code.push_back({op, x, y});
    return here() - 1;
  }

  void emit(const node& x) {
    if (program_.code.size() > pattern_instructions_max)
      return; // Is an error at the end.
    switch (x.what) {
    case form::leaf:
      program_.code.push_back(x.leaf);
      break;
    case form::sequence:
      for (const auto& part : x.parts)
        emit(part);
      break;
    case form::group:
      if (x.least != 0)
        add(opcode::save, 2 * x.least);
      emit(x.parts[0]);
      if (x.least != 0)
        add(opcode::save, 2 * x.least + 1);
      break;
    case form::choice:
      emit_choice(x);
      break;
    case form::repeat:
      emit_repeat(x);
      break;
    }
  }

  void emit_choice(const node& x) {
    std::vector<std::uint32_t> jumps;
    for (std::size_t i = 0; i + 1 < x.parts.size(); ++i) {
      auto split = add(opcode::split, here() + 1);
      emit(x.parts[i]);
      jumps.push_back(add(opcode::jump));
      program_.code[split].y = here();
    }
    emit(x.parts.back());
    for (auto i : jumps)
      program_.code[i].x = here();
  }

  void emit_repeat(const node& x) {
    auto split_to = [&](std::uint32_t at, std::uint32_t out) {
      auto& split = program_.code[at];
      (x.is_greedy ? split.y : split.x) = out;
      (x.is_greedy ? split.x : split.y) = at + 1;
    };
    for (std::uint32_t i = 0; i < x.least && here() <= pattern_instructions_max; ++i) {
      auto before = here();
      emit(x.parts[0]);
      if (here() == before)
        break; // Nothing a billion times, as (?:(?:){1000}){1000}, is nothing.
    }
    if (x.most == no_upper_bound) {
      auto split = add(opcode::split);
      emit(x.parts[0]);
      add(opcode::jump, split);
      split_to(split, here());
      return;
    }
    std::vector<std::uint32_t> splits;
    for (auto i = x.least; i < x.most && here() <= pattern_instructions_max; ++i) {
      splits.push_back(add(opcode::split));
      emit(x.parts[0]);
    }
    for (auto i : splits)
      split_to(i, here());
  }

  program& program_;
};

std::optional<std::string> literal(const node& sequence) {
  std::string result;
  for (const auto& x : sequence.parts) {
    if (x.what != form::leaf || x.leaf.op != opcode::character || x.leaf.x >= 0x80)
      return std::nullopt;
    result += static_cast<char>(x.leaf.x);
  }
  return result;
}

std::optional<std::vector<std::string>> find_literals(const node& whole) {
  std::vector<std::string> result;
  for (const auto& x : whole.parts) {
    auto text = literal(x);
    if (!text)
      return std::nullopt;
    result.push_back(std::move(*text));
  }
  std::sort(result.begin(), result.end());
  return result;
}

} // namespace

bool emit(const node& whole, program& into) {
  emitter{into}.finish(whole);
  into.literals = find_literals(whole);
  return into.code.size() <= pattern_instructions_max;
}

} // namespace weir::analytics::query::patterns
