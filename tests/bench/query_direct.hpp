// Reads of the store without a network or a query language.
#pragma once

#include "tests/bench/measure.hpp"

namespace weir::bench {

/// Subcommand `query`: store::query over the last hours of some series, again and
/// again, by one or more readers, beside a writer or alone.
void add_query_direct(CLI::App& parent, action& chosen);

} // namespace weir::bench
