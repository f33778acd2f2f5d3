// The numbers behind the simulators: fixed for a seed, and distributed as said.
#include "analytics/simulation/random_stream.hpp"

#include <catch2/catch.hpp>

#include <cmath>

using weir::analytics::simulation::random_stream;

TEST_CASE("the same seed and stream give the same numbers, others do not",
          "[simulation]") {
  random_stream one{7, 3};
  random_stream same{7, 3};
  random_stream other_stream{7, 4};
  random_stream other_seed{8, 3};
  auto first = one.next();
  CHECK(first == same.next());
  CHECK(first != other_stream.next());
  CHECK(first != other_seed.next());
}

TEST_CASE("a stream is fixed for ever: recorded simulations stay valid",
          "[simulation]") {
  random_stream uut{1, 0};
  CHECK(uut.next() == 17154914556750032435u);
  CHECK(uut.next() == 15481925071032317162u);
}

TEST_CASE("uniform, normal and exponential numbers have their moments",
          "[simulation]") {
  random_stream uut{42, 0};
  constexpr int n = 100'000;
  double uniform = 0.0;
  double normal = 0.0;
  double normal_squares = 0.0;
  double waiting = 0.0;
  for (int i = 0; i < n; ++i) {
    uniform += uut.uniform();
    auto x = uut.normal();
    normal += x;
    normal_squares += x * x;
    waiting += uut.exponential(4.0);
  }
  // Five standard errors of each mean.
  CHECK(uniform / n == Approx(0.5).margin(5 * 0.289 / std::sqrt(n)));
  CHECK(normal / n == Approx(0.0).margin(5 / std::sqrt(n)));
  CHECK(normal_squares / n == Approx(1.0).margin(5 * 1.42 / std::sqrt(n)));
  CHECK(waiting / n == Approx(0.25).margin(5 * 0.25 / std::sqrt(n)));
}

TEST_CASE("whole numbers below n reach each of them evenly", "[simulation]") {
  random_stream uut{5, 0};
  int counts[7] = {};
  for (int i = 0; i < 70'000; ++i)
    ++counts[uut.below(7)];
  for (auto count : counts)
    CHECK(count == Approx(10'000).margin(500));
}
