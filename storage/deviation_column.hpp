// INTERNAL: the sums of squared deviations (`m2`) of summaries in few bits. Where the
// values are short decimals, so is the sum of their squares: only that whole number is
// written, and by how little m2 is off it. Format: FORMAT.md, "Deviations". Pure.
#pragma once

#include "storage/bit_stream.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace weir::storage {

/// Of each summary; all columns have the size of the one that is encoded.
struct deviation_reference {
  std::vector<std::uint64_t> count;
  std::vector<double> sum;
  std::vector<double> range; ///< max - min
};

/// Appends `xs`; any doubles come back. `decimals` are those of the values.
void encode_deviations(std::span<const double> xs, const deviation_reference& near,
                       unsigned decimals, bit_writer& out);

/// Fills `xs`. False: these bits are no such column.
bool decode_deviations(bit_reader& in, const deviation_reference& near,
                       std::span<double> xs);

} // namespace weir::storage
