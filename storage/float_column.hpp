// INTERNAL: many doubles in few bits, lossless to the last one (NaN, infinities and -0.0
// too). Format: FORMAT.md, "Float column". Pure and thread-safe.
#pragma once

#include "storage/bit_stream.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::storage {

/// Doubles that another column's doubles foretell, of the same size as it.
using float_references = std::vector<std::vector<double>>;

/// The most digits behind the point that a decimal coding has: 10^22 is the last power
/// of ten that a double holds exactly.
inline constexpr unsigned decimals_max = 22;
inline constexpr unsigned no_decimals = 31;

/// How many digits behind the point most of `xs` have; no_decimals where they are no
/// short decimals.
unsigned common_decimals(std::span<const double> xs);

/// x * 10^decimals, rounded; 0 where that is no whole number below 2^51.
std::int64_t to_decimal(double x, unsigned decimals);

/// The double nearest to x / 10^decimals, if |x| <= 2^53.
double from_decimal(std::int64_t x, unsigned decimals);

/// 1, 10, 100, ...: exact. @pre decimals <= decimals_max
double power_of_ten(unsigned decimals);

/// What tells `x` from `near` in units of the last place; any two doubles have one.
std::int64_t ulps_between(double x, double near);
double moved_by_ulps(double near, std::int64_t ulps);

/// Appends `xs` in the shortest of the codings. `decimals_hint`: what they may have
/// besides what is found (sums of values with so many); at most 7 references.
void encode_floats(std::span<const double> xs, const float_references& references,
                   unsigned decimals_hint, bit_writer& out);

/// Fills `xs`, whose size the caller knows. False: these bits are no such column; `xs`
/// then holds anything.
bool decode_floats(bit_reader& in, const float_references& references,
                   std::span<double> xs);

} // namespace weir::storage
