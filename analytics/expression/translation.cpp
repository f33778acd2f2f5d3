#include "analytics/expression/machine.hpp"

#include <algorithm>

namespace weir::analytics::expressions {

namespace {

/// A second operand with fewer nodes is cheaper to work out than to jump over.
constexpr std::size_t jump_nodes_min = 8;

bool is_leaf(const node& x) {
  return operand_count(x.op) == 0;
}

/// Goes through the nodes once in their order; what a node has to do with the one that
/// takes it is found beforehand, so that nothing recurses.
class translator {
public:
  explicit translator(const std::vector<node>& nodes)
    : nodes_(nodes), places_(nodes.size()) {
    link();
    assign_registers();
  }

  program run() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!is_leaf(nodes_[i]))
        emit_operation(i);
      if (i + 1 < nodes_.size())
        emit_after_operand(i);
    }
    emit({.op = opcode::finish}, nodes_.size() - 1);
    return std::move(result_);
  }

private:
  struct place {
    std::size_t parent = 0;
    std::size_t number = 0;    ///< Which operand of its parent: 0, 1, 2.
    std::size_t begin = 0;     ///< First node of what it stands for.
    std::size_t operands[3]{}; ///< Nodes.
    std::size_t pending = 0;   ///< Instruction whose jump leads behind the next one.
    bool has_pending = false;
    std::int16_t target = 0; ///< Its register.
  };

  void link() {
    std::vector<std::size_t> stack;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      auto count = operand_count(nodes_[i].op);
      places_[i].begin = i;
      for (auto k = count; k-- > 0; stack.pop_back()) {
        auto operand = stack.back();
        places_[i].operands[k] = operand;
        places_[i].begin = places_[operand].begin;
        places_[operand].parent = i;
        places_[operand].number = k;
      }
      stack.push_back(i);
    }
  }

  void assign_registers() {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].op == opcode::slot)
        places_[i].target = load_register(nodes_[i]);
    // From the top: the second operand must not overwrite the first one; of `select`
    // only one operand is alive at a time.
    auto first = static_cast<std::int16_t>(result_.loads.size());
    for (auto i = nodes_.size(); i-- > 0;) {
      if (is_leaf(nodes_[i]))
        continue;
      auto& x = places_[i];
      if (i + 1 == nodes_.size()) {
        x.target = first;
        continue;
      }
      bool is_second = operand_count(nodes_[x.parent].op) == 2 && x.number == 1;
      x.target
        = static_cast<std::int16_t>(places_[x.parent].target + (is_second ? 1 : 0));
    }
  }

  std::int16_t load_register(const node& x) {
    auto& loads = result_.loads;
    bool is_boolean = x.type == value_type::boolean;
    auto found = std::find_if(loads.begin(), loads.end(), [&](const load& y) {
      return y.slot == x.index && y.is_boolean == is_boolean;
    });
    if (found == loads.end())
      found = loads.insert(loads.end(), {x.index, is_boolean});
    return static_cast<std::int16_t>(found - loads.begin());
  }

  void emit_operation(std::size_t i) {
    const auto& operands = places_[i].operands;
    switch (nodes_[i].op) {
    case opcode::select:
      break; // Its operands have left the result in its register.
    default:
      instruction x{.op = nodes_[i].op, .target = places_[i].target};
      if (operand_count(x.op) == 2)
        emit(x, operands[0], operands[1]);
      else
        emit(x, operands[0]);
      break;
    }
    land(i);
  }

  void emit_after_operand(std::size_t i) {
    auto parent = places_[i].parent;
    if (nodes_[parent].op == opcode::select)
      emit_after_choice(i, parent);
    else if (places_[i].number == 0)
      emit_shortcut(i, parent);
  }

  void emit_after_choice(std::size_t i, std::size_t parent) {
    auto target = places_[parent].target;
    auto number = places_[i].number;
    if (number == 0) {
      remember_jump(parent);
      emit({.op = opcode::branch, .target = target}, i);
      return;
    }
    if (is_leaf(nodes_[i]))
      emit({.op = opcode::move, .target = target}, i);
    if (number == 1) {
      auto jump = result_.code.size();
      emit({.op = opcode::jump}, i);
      land(parent); // The branch leads behind the jump.
      places_[parent].pending = jump;
      places_[parent].has_pending = true;
    }
  }

  /// Jumps over a long second operand if the first one decides.
  void emit_shortcut(std::size_t i, std::size_t parent) {
    auto op = nodes_[parent].op;
    auto jump = op == opcode::logical_and  ? opcode::jump_if_false
                : op == opcode::logical_or ? opcode::jump_if_true
                : op == opcode::coalesce   ? opcode::jump_if_present
                                           : opcode::finish;
    // The second operand ends right before its parent. A leaf has no register of its
    // own to leave the result in.
    if (jump == opcode::finish || is_leaf(nodes_[i]) || parent - i - 1 < jump_nodes_min)
      return;
    remember_jump(parent);
    emit({.op = jump}, i);
  }

  void remember_jump(std::size_t parent) {
    places_[parent].pending = result_.code.size();
    places_[parent].has_pending = true;
  }

  /// Lets the pending jump of a node lead to the next instruction.
  void land(std::size_t i) {
    if (places_[i].has_pending)
      result_.code[places_[i].pending].b
        = static_cast<std::int16_t>(result_.code.size());
    places_[i].has_pending = false;
  }

  void emit(instruction x, std::size_t a) {
    x.a = operand(x, a);
    result_.code.push_back(x);
  }

  void emit(instruction x, std::size_t a, std::size_t b) {
    x.b = operand(x, b);
    emit(x, a);
  }

  /// Where node `i` is found. Folding leaves no operation on two constants, so that
  /// one place for a constant is enough.
  std::int16_t operand(instruction& x, std::size_t i) const {
    if (nodes_[i].op != opcode::number)
      return places_[i].target;
    x.constant = nodes_[i].number;
    return constant_operand;
  }

  const std::vector<node>& nodes_;
  std::vector<place> places_; ///< One for each node.
  program result_;
};

} // namespace

program translate(const std::vector<node>& nodes) {
  return translator{nodes}.run();
}

} // namespace weir::analytics::expressions
