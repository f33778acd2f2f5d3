// What a run prints: a table for people, and one JSON object as its last line.
#pragma once

#include "tests/chaos/fault_plan.hpp"
#include "tests/chaos/options.hpp"
#include "tests/chaos/recovery.hpp"
#include "tests/chaos/settlement.hpp"

namespace weir::chaos {

void print_report(const options& what, const settlement& result, const fault_plan& plan,
                  const recovery_watch& watch, const feeds& sources);

} // namespace weir::chaos
