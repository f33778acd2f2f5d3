// What an edge says about every event it was given and every record it made: the terms
// of its balance. Cumulative over restarts unless said otherwise; travels with the
// status, newest wins.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::transport {

/// received = taken + late + duplicate + quarantined + filtered + shed + held + in_flight
struct edge_ledger {
  // Events.
  std::uint64_t received = 0;    ///< From sources, by payload; the sum of the rest.
  std::uint64_t taken = 0;       ///< In windows and detectors.
  std::uint64_t late = 0;        ///< Behind the watermark: in no window.
  std::uint64_t duplicate = 0;   ///< Known already.
  std::uint64_t quarantined = 0; ///< Could not be read or used.
  std::uint64_t filtered = 0;    ///< Filtered, sampled out or not convertible.
  std::uint64_t shed = 0;        ///< Refused because of overload.
  std::uint64_t held = 0;        ///< Now: wait for a clock to be believed.
  std::uint64_t in_flight = 0;   ///< Now: between journal and window.

  // What sources that number their events show about the way to this edge.
  std::uint64_t upstream_missing = 0;   ///< Never came.
  std::uint64_t upstream_recovered = 0; ///< Came after they had counted as missing.
  std::uint64_t upstream_restarts = 0;  ///< Sources that began to count anew.

  // Records, of this epoch.
  std::uint64_t next_seq = 0; ///< The number that the next record gets.
  std::uint64_t acknowledged_seq = 0;
  std::uint64_t expired_records = 0;
  std::uint64_t coalesced_records = 0;
  std::uint64_t shed_records = 0;

  std::uint64_t violations = 0; ///< Checks of the balance that did not hold.

  // The journal and the checkpoint, now.
  std::uint64_t journal_bytes = 0;
  std::uint64_t journal_torn = 0;    ///< Tails cut at a start.
  std::uint64_t journal_damaged = 0; ///< Records that could not be read.
  std::uint64_t journal_unsynced_ms = 0;
  std::uint64_t checkpoint_age_ms = 0;
  std::uint64_t checkpoint_bytes = 0;

  std::uint64_t files_set_aside = 0; ///< Damaged files found at starts.
  std::uint64_t mode = 0;            ///< Of edge_mode bits.

  bool operator==(const edge_ledger&) const = default;
};

/// Bits of edge_ledger::mode: what the edge cannot do now.
enum edge_mode : std::uint64_t {
  edge_mode_memory_only = 1, ///< Its data directory cannot be written.
  edge_mode_journal_off = 2,
  edge_mode_disk_full = 4,
  edge_mode_memory_short = 8, ///< Near its bound: sources wait or shed sooner.
};

struct edge_ledger_field {
  std::string_view name;
  std::uint64_t edge_ledger::*value;
};

/// All fields in the order of the wire; new ones are appended. For codecs and views.
inline constexpr std::array edge_ledger_fields{
  edge_ledger_field{"received", &edge_ledger::received},
  edge_ledger_field{"taken", &edge_ledger::taken},
  edge_ledger_field{"late", &edge_ledger::late},
  edge_ledger_field{"duplicate", &edge_ledger::duplicate},
  edge_ledger_field{"quarantined", &edge_ledger::quarantined},
  edge_ledger_field{"filtered", &edge_ledger::filtered},
  edge_ledger_field{"shed", &edge_ledger::shed},
  edge_ledger_field{"held", &edge_ledger::held},
  edge_ledger_field{"in_flight", &edge_ledger::in_flight},
  edge_ledger_field{"upstream_missing", &edge_ledger::upstream_missing},
  edge_ledger_field{"upstream_recovered", &edge_ledger::upstream_recovered},
  edge_ledger_field{"upstream_restarts", &edge_ledger::upstream_restarts},
  edge_ledger_field{"next_seq", &edge_ledger::next_seq},
  edge_ledger_field{"acknowledged_seq", &edge_ledger::acknowledged_seq},
  edge_ledger_field{"expired_records", &edge_ledger::expired_records},
  edge_ledger_field{"coalesced_records", &edge_ledger::coalesced_records},
  edge_ledger_field{"shed_records", &edge_ledger::shed_records},
  edge_ledger_field{"violations", &edge_ledger::violations},
  edge_ledger_field{"journal_bytes", &edge_ledger::journal_bytes},
  edge_ledger_field{"journal_torn", &edge_ledger::journal_torn},
  edge_ledger_field{"journal_damaged", &edge_ledger::journal_damaged},
  edge_ledger_field{"journal_unsynced_ms", &edge_ledger::journal_unsynced_ms},
  edge_ledger_field{"checkpoint_age_ms", &edge_ledger::checkpoint_age_ms},
  edge_ledger_field{"checkpoint_bytes", &edge_ledger::checkpoint_bytes},
  edge_ledger_field{"files_set_aside", &edge_ledger::files_set_aside},
  edge_ledger_field{"mode", &edge_ledger::mode},
};

} // namespace weir::transport
