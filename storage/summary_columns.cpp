#include "storage/summary_columns.hpp"

#include "storage/deviation_column.hpp"
#include "storage/float_column.hpp"
#include "storage/integer_column.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace weir::storage {

namespace {

using analytics::summary;
using word = std::uint64_t;
using integers = std::vector<std::int64_t>;
using floats = std::vector<double>;

constexpr std::int64_t flag_early = 1;
constexpr std::int64_t flag_correction = 2;

/// With wrapping: any two times have a sum.
std::int64_t sum_of(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<word>(a) + static_cast<word>(b));
}

template <class Field>
auto column(std::span<const summary> xs, Field field) {
  std::vector<std::decay_t<std::invoke_result_t<Field, const summary&>>> result(
    xs.size());
  std::transform(xs.begin(), xs.end(), result.begin(), field);
  return result;
}

// What foretells a column: made alike from the columns before it by both sides.

reference_columns near_first_ns(std::span<const summary> xs) {
  return {column(xs, [](const summary& x) { return x.start_ns; })};
}

reference_columns near_last_ns(std::span<const summary> xs) {
  return {column(xs, [](const summary& x) { return x.first_ns; }),
          column(xs, [](const summary& x) { return sum_of(x.start_ns, x.width_ns); })};
}

/// The last value of the window before, and that of its own.
float_references near_first(std::span<const summary> xs) {
  auto last = column(xs, [](const summary& x) { return x.last; });
  auto before = last;
  for (std::size_t i = 1; i < xs.size(); ++i)
    before[i] = last[i - 1];
  return {std::move(before), std::move(last)};
}

float_references near_min(std::span<const summary> xs) {
  return {column(xs, [](const summary& x) { return std::min(x.first, x.last); })};
}

float_references near_max(std::span<const summary> xs) {
  return {column(xs, [](const summary& x) { return std::max(x.first, x.last); }),
          column(xs, [](const summary& x) { return x.min; })};
}

float_references near_sum(std::span<const summary> xs) {
  return {column(xs,
                 [](const summary& x) {
                   return (x.min + x.max) * (0.5 * static_cast<double>(x.count));
                 }),
          column(xs, [](const summary& x) {
            return (x.min + x.max + (x.first + x.last))
                   * (0.25 * static_cast<double>(x.count));
          })};
}

float_references near_mean(std::span<const summary> xs) {
  return {
    column(xs, [](const summary& x) { return x.sum / static_cast<double>(x.count); })};
}

deviation_reference near_m2(std::span<const summary> xs) {
  return {column(xs, [](const summary& x) { return x.count; }),
          column(xs, [](const summary& x) { return x.sum; }),
          column(xs, [](const summary& x) { return x.max - x.min; })};
}

void encode_times(std::span<const summary> xs, bit_writer& out) {
  encode_integers(column(xs, [](const summary& x) { return x.start_ns; }), out);
  encode_integers(column(xs, [](const summary& x) { return x.width_ns; }), out);
  encode_integers(
    column(xs, [](const summary& x) { return static_cast<std::int64_t>(x.count); }),
    out);
  encode_integers(column(xs, [](const summary& x) { return x.first_ns; }),
                  near_first_ns(xs), out);
  encode_integers(column(xs, [](const summary& x) { return x.last_ns; }),
                  near_last_ns(xs), out);
}

void encode_values(std::span<const summary> xs, bit_writer& out) {
  auto last = column(xs, [](const summary& x) { return x.last; });
  auto decimals = common_decimals(last);
  encode_floats(last, {}, no_decimals, out);
  encode_floats(column(xs, [](const summary& x) { return x.first; }), near_first(xs),
                decimals, out);
  encode_floats(column(xs, [](const summary& x) { return x.min; }), near_min(xs),
                decimals, out);
  encode_floats(column(xs, [](const summary& x) { return x.max; }), near_max(xs),
                decimals, out);
  encode_floats(column(xs, [](const summary& x) { return x.sum; }), near_sum(xs),
                decimals, out);
  encode_floats(column(xs, [](const summary& x) { return x.mean; }), near_mean(xs),
                no_decimals, out);
  encode_deviations(column(xs, [](const summary& x) { return x.m2; }), near_m2(xs),
                    decimals, out);
}

void encode_rest(std::span<const summary> xs, bit_writer& out) {
  encode_integers(
    column(xs, [](const summary& x) { return std::int64_t{x.late_count}; }), out);
  encode_integers(column(xs, [](const summary& x) { return std::int64_t{x.revision}; }),
                  out);
  encode_integers(column(xs,
                         [](const summary& x) {
                           return (x.early ? flag_early : 0)
                                  | (x.correction ? flag_correction : 0);
                         }),
                  out);
  encode_integers(column(xs,
                         [](const summary& x) {
                           return static_cast<std::int64_t>(x.extended.size());
                         }),
                  out);
}

/// Reads one column and gives each summary its number.
template <class Use>
bool take(bit_reader& in, const reference_columns* near, std::span<summary> xs,
          Use use) {
  integers numbers(xs.size());
  if (!(near == nullptr ? decode_integers(in, numbers)
                        : decode_integers(in, *near, numbers)))
    return false;
  for (std::size_t i = 0; i < xs.size(); ++i)
    use(xs[i], numbers[i]);
  return true;
}

bool take_floats(bit_reader& in, const float_references& near, std::span<summary> xs,
                 double summary::*field) {
  floats values(xs.size());
  if (!decode_floats(in, near, values))
    return false;
  for (std::size_t i = 0; i < xs.size(); ++i)
    xs[i].*field = values[i];
  return true;
}

bool decode_times(bit_reader& in, std::span<summary> xs) {
  if (!take(in, nullptr, xs, [](summary& x, std::int64_t y) { x.start_ns = y; })
      || !take(in, nullptr, xs, [](summary& x, std::int64_t y) { x.width_ns = y; })
      || !take(in, nullptr, xs,
               [](summary& x, std::int64_t y) { x.count = static_cast<word>(y); }))
    return false;
  auto near = near_first_ns(xs);
  if (!take(in, &near, xs, [](summary& x, std::int64_t y) { x.first_ns = y; }))
    return false;
  near = near_last_ns(xs);
  return take(in, &near, xs, [](summary& x, std::int64_t y) { x.last_ns = y; });
}

bool decode_values(bit_reader& in, std::span<summary> xs) {
  if (!take_floats(in, {}, xs, &summary::last)
      || !take_floats(in, near_first(xs), xs, &summary::first)
      || !take_floats(in, near_min(xs), xs, &summary::min)
      || !take_floats(in, near_max(xs), xs, &summary::max)
      || !take_floats(in, near_sum(xs), xs, &summary::sum)
      || !take_floats(in, near_mean(xs), xs, &summary::mean))
    return false;
  floats m2(xs.size());
  if (!decode_deviations(in, near_m2(xs), m2))
    return false;
  for (std::size_t i = 0; i < xs.size(); ++i)
    xs[i].m2 = m2[i];
  return true;
}

} // namespace

void encode_summary_columns(std::span<const summary> xs, bit_writer& out) {
  encode_times(xs, out);
  encode_values(xs, out);
  encode_rest(xs, out);
}

bool decode_summary_columns(bit_reader& in, std::span<summary> xs,
                            std::span<std::int64_t> extended_bytes) {
  bool fits = true;
  auto take_small = [&](std::uint32_t summary::*field) {
    return take(in, nullptr, xs, [&](summary& x, std::int64_t y) {
      x.*field = static_cast<std::uint32_t>(y);
      fits = fits && y >= 0 && y <= UINT32_MAX;
    });
  };
  return decode_times(in, xs) && decode_values(in, xs)
         && take_small(&summary::late_count) && take_small(&summary::revision)
         && take(in, nullptr, xs,
                 [&](summary& x, std::int64_t y) {
                   x.early = (y & flag_early) != 0;
                   x.correction = (y & flag_correction) != 0;
                   fits = fits && y >= 0 && y <= (flag_early | flag_correction);
                 })
         && decode_integers(in, extended_bytes) && fits;
}

} // namespace weir::storage
