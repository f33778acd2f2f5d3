// EXPRESSION: random expressions give what a plain walk over their tree gives, however
// many of their names are constants of the series.
#include "tests/analytics/expression_fixture.hpp"

#include "analytics/simulation/random_stream.hpp"

#include <cmath>
#include <memory>

using namespace weir::analytics;
using namespace weir::analytics::test;

namespace {

using simulation::random_stream;

/// A value in the oracle: nothing is missing. Booleans are 0 and 1.
using value = std::optional<double>;
using text_value = std::optional<std::string>;

/// A random expression: how it is written, and what it is worth.
struct tree {
  std::string written;
  std::function<value()> evaluate;
};
struct text_tree {
  std::string written;
  std::function<text_value()> evaluate;
};

value number(double x) {
  return std::isfinite(x) ? value{x} : std::nullopt;
}

value truth(bool x) {
  return x ? 1.0 : 0.0;
}

value kleene_and(value a, value b) {
  if ((a && *a == 0.0) || (b && *b == 0.0))
    return 0.0;
  return a && b ? value{1.0} : std::nullopt;
}

value kleene_not(value a) {
  return a ? value{*a == 1.0 ? 0.0 : 1.0} : std::nullopt;
}

value kleene_or(value a, value b) {
  return kleene_not(kleene_and(kleene_not(a), kleene_not(b)));
}

template <class T>
value compare(const std::string& sign, const T& a, const T& b) {
  if (!a || !b)
    return std::nullopt;
  return truth(sign == "=="   ? *a == *b
               : sign == "!=" ? *a != *b
               : sign == "<"  ? *a < *b
               : sign == "<=" ? *a <= *b
               : sign == ">"  ? *a > *b
                              : *a >= *b);
}

value arithmetic(const std::string& sign, value a, value b) {
  if (!a || !b)
    return std::nullopt;
  return number(sign == "+"   ? *a + *b
                : sign == "-" ? *a - *b
                : sign == "*" ? *a * *b
                : sign == "/" ? *a / *b
                : sign == "%" ? std::fmod(*a, *b)
                : *b == 2.0   ? *a * *a // What the manual says of `^ 2`.
                              : std::pow(*a, *b));
}

/// Names n0..n5 are numbers, b0..b3 booleans, t0..t2 texts; any may be missing.
struct world {
  std::vector<value> numbers;
  std::vector<value> booleans;
  std::vector<text_value> texts;
};

class generator {
public:
  generator(random_stream& random, const world& names)
    : random_(random), names_(names) {
  }

  tree make_number(int depth) {
    if (depth == 0)
      return make_number_leaf();
    switch (random_.below(9)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return make_arithmetic(depth - 1);
    case 4:
      return make_function(depth - 1);
    case 5:
      return choose(make_boolean(depth - 1), make_number(depth - 1),
                    make_number(depth - 1));
    case 6:
      return make_coalesce(make_number(depth - 1), make_number(depth - 1));
    case 7:
      return make_text_number();
    default:
      return make_number_leaf();
    }
  }

  tree make_boolean(int depth) {
    if (depth == 0)
      return make_boolean_leaf();
    switch (random_.below(10)) {
    case 0:
    case 1:
    case 2:
      return make_logic(depth - 1);
    case 3: {
      auto x = make_boolean(depth - 1);
      return {"not (" + x.written + ")", [=] { return kleene_not(x.evaluate()); }};
    }
    case 4:
    case 5:
      return make_comparison(make_number(depth - 1), make_number(depth - 1));
    case 6:
      return make_text_comparison();
    case 7:
      return make_set_or_range(depth - 1);
    case 8:
      return choose(make_boolean(depth - 1), make_boolean(depth - 1),
                    make_boolean(depth - 1));
    default: {
      auto x = make_number(depth - 1);
      return {"has(" + x.written + ")",
              [=] { return truth(x.evaluate().has_value()); }};
    }
    }
  }

private:
  template <std::size_t N>
  std::string pick(const char* const (&signs)[N]) {
    return signs[random_.below(N)];
  }

  tree make_number_leaf() {
    if (random_.below(3) == 0) {
      auto x = static_cast<double>(random_.below(5));
      return {std::to_string(static_cast<int>(x)), [x] { return value{x}; }};
    }
    auto i = random_.below(names_.numbers.size());
    return {"n" + std::to_string(i), [this, i] { return names_.numbers[i]; }};
  }

  tree make_boolean_leaf() {
    if (random_.below(4) == 0)
      return random_.below(2) == 0 ? tree{"true", [] { return truth(true); }}
                                   : tree{"false", [] { return truth(false); }};
    auto i = random_.below(names_.booleans.size());
    return {"b" + std::to_string(i), [this, i] { return names_.booleans[i]; }};
  }

  text_tree make_text() {
    auto i = random_.below(names_.texts.size());
    switch (random_.below(3)) {
    case 0:
      return {"'ab'", [] { return text_value{"ab"}; }};
    case 1:
      return {"coalesce(t" + std::to_string(i) + ", 'c')",
              [this, i] { return text_value{names_.texts[i].value_or("c")}; }};
    default:
      return {"t" + std::to_string(i), [this, i] { return names_.texts[i]; }};
    }
  }

  tree make_text_number() {
    auto x = make_text();
    return {"length(" + x.written + ")", [=] {
              auto text = x.evaluate();
              return text ? value{static_cast<double>(text->size())} : std::nullopt;
            }};
  }

  tree make_text_comparison() {
    auto a = make_text();
    auto b = make_text();
    auto sign = pick({"==", "!=", "<", "<=", ">", ">="});
    return {a.written + " " + sign + " " + b.written,
            [=] { return compare(sign, a.evaluate(), b.evaluate()); }};
  }

  tree make_arithmetic(int depth) {
    auto a = make_number(depth);
    auto b = make_number(depth);
    auto sign = pick({"+", "-", "*", "/", "%", "^"});
    return {"(" + a.written + ") " + sign + " (" + b.written + ")",
            [=] { return arithmetic(sign, a.evaluate(), b.evaluate()); }};
  }

  tree make_function(int depth) {
    auto a = make_number(depth);
    auto b = make_number(depth);
    if (random_.below(2) == 0)
      return {"-sqrt(" + a.written + ")", [=] {
                auto x = a.evaluate();
                return x ? number(-std::sqrt(*x)) : std::nullopt;
              }};
    return {"clamp(" + a.written + ", " + b.written + ", 3)", [=] {
              auto x = a.evaluate();
              auto low = b.evaluate();
              return x && low ? value{std::min(std::max(*x, *low), 3.0)} : std::nullopt;
            }};
  }

  tree make_comparison(const tree& a, const tree& b) {
    auto sign = pick({"==", "!=", "<", "<=", ">", ">="});
    return {"(" + a.written + ") " + sign + " (" + b.written + ")",
            [=] { return compare(sign, a.evaluate(), b.evaluate()); }};
  }

  tree make_set_or_range(int depth) {
    auto x = make_number(depth / 2);
    auto a = make_number(depth / 2);
    auto b = make_number(depth / 2);
    auto written = "(" + x.written + ")";
    if (random_.below(2) == 0)
      return {written + " in (" + a.written + ", " + b.written + ")", [=] {
                return kleene_or(compare("==", x.evaluate(), a.evaluate()),
                                 compare("==", x.evaluate(), b.evaluate()));
              }};
    return {written + " not between (" + a.written + ") and (" + b.written + ")", [=] {
              return kleene_not(kleene_and(compare(">=", x.evaluate(), a.evaluate()),
                                           compare("<=", x.evaluate(), b.evaluate())));
            }};
  }

  tree make_logic(int depth) {
    auto a = make_boolean(depth);
    auto b = make_boolean(depth);
    auto is_and = random_.below(2) == 0;
    return {"(" + a.written + (is_and ? ") and (" : ") or (") + b.written + ")", [=] {
              return is_and ? kleene_and(a.evaluate(), b.evaluate())
                            : kleene_or(a.evaluate(), b.evaluate());
            }};
  }

  tree make_coalesce(const tree& a, const tree& b) {
    return {"coalesce(" + a.written + ", " + b.written + ")", [=] {
              auto x = a.evaluate();
              return x ? x : b.evaluate();
            }};
  }

  tree choose(const tree& condition, const tree& a, const tree& b) {
    return {"((" + condition.written + ") ? (" + a.written + ") : (" + b.written + "))",
            [=] {
              auto x = condition.evaluate();
              return !x ? std::nullopt : *x == 1.0 ? a.evaluate() : b.evaluate();
            }};
  }

  random_stream& random_;
  const world& names_;
};

constexpr std::size_t number_count = 6;
constexpr std::size_t boolean_count = 4;
constexpr std::size_t text_count = 3;

void draw(random_stream& random, world& names) {
  names.numbers.assign(number_count, std::nullopt);
  names.booleans.assign(boolean_count, std::nullopt);
  names.texts.assign(text_count, std::nullopt);
  constexpr double usual[] = {0.0, 1.0, 2.0, -3.0, 0.5, 1e300};
  for (auto& x : names.numbers)
    if (random.below(5) != 0)
      x = random.below(2) == 0 ? usual[random.below(6)] : random.normal() * 10.0;
  for (auto& x : names.booleans)
    if (random.below(4) != 0)
      x = truth(random.below(2) == 0);
  for (auto& x : names.texts)
    if (random.below(4) != 0)
      x = std::string(1 + random.below(2), static_cast<char>('a' + random.below(3)));
}

/// All names by one index: numbers, booleans, texts.
struct binding {
  const world& names;
  std::vector<bool> is_constant;

  std::optional<symbol> resolve(std::string_view name) const {
    auto i = static_cast<std::uint32_t>(name[1] - '0');
    if (name[0] == 't')
      return symbol{value_type::text, false, 10 + i};
    auto index = name[0] == 'n' ? i : static_cast<std::uint32_t>(number_count) + i;
    auto type = name[0] == 'n' ? value_type::number : value_type::boolean;
    return symbol{type, !is_constant[index], index};
  }

  constant_value constant(std::uint32_t index) const {
    if (index >= number_count + boolean_count) {
      const auto& x = names.texts[index - number_count - boolean_count];
      return x ? constant_value{std::string_view{*x}} : std::monostate{};
    }
    auto x = at(index);
    return x ? constant_value{*x} : std::monostate{};
  }

  std::vector<double> slots() const {
    std::vector<double> result;
    for (std::size_t i = 0; i < number_count + boolean_count; ++i)
      result.push_back(is_constant[i] ? 12345.0 : at(i).value_or(missing_value));
    return result;
  }

  value at(std::size_t index) const {
    return index < number_count ? names.numbers[index]
                                : names.booleans[index - number_count];
  }
};

value evaluate(const tree& x, value_type type, const binding& bound) {
  auto compiled = expression::compile(
    x.written, type, [&](std::string_view name) { return bound.resolve(name); });
  INFO((compiled ? "" : compiled.error().message));
  REQUIRE(compiled);
  auto special
    = compiled->specialise([&](std::uint32_t index) { return bound.constant(index); });
  auto result = special.evaluate(bound.slots());
  if (special.is_constant())
    CHECK((result == special.constant() || is_missing(result)));
  return is_missing(result) ? std::nullopt : value{result};
}

} // namespace

TEST_CASE("random expressions give what their trees give, whatever is constant",
          "[analytics][expression]") {
  auto seed = GENERATE(1u, 2u, 3u, 20240229u);
  int evaluated = 0;
  for (std::uint64_t run = 0; run < 1500; ++run) {
    INFO("seed " << seed << ", run " << run);
    random_stream random{seed, run};
    world names;
    draw(random, names);
    auto type = random.below(2) == 0 ? value_type::number : value_type::boolean;
    auto depth = static_cast<int>(1 + random.below(5));
    generator make{random, names};
    auto x
      = type == value_type::number ? make.make_number(depth) : make.make_boolean(depth);
    INFO(x.written);
    if (x.written.size() > 900) // The limits have tests of their own.
      continue;
    for (auto constant_share : {0u, 3u, 10u}) {
      draw(random, names);
      binding bound{names, {}};
      for (std::size_t i = 0; i < number_count + boolean_count; ++i)
        bound.is_constant.push_back(random.below(10) < constant_share);
      auto result = evaluate(x, type, bound);
      auto wanted = x.evaluate();
      CAPTURE(constant_share, result.value_or(missing_value),
              wanted.value_or(missing_value));
      REQUIRE(result == wanted);
      ++evaluated;
    }
  }
  CHECK(evaluated > 3000);
}
