// INGEST RECORD: what stands in the journal for one payload: its events, the names of
// their series where this segment of the journal has not named them yet, and what became
// of the payload's other events. Format: actors/JOURNAL.md.
#pragma once

#include "analytics/event.hpp"
#include "analytics/expected.hpp"
#include "analytics/records.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::actors {

/// The kinds of journal records: a payload; and a number, before which a checkpoint
/// covers everything.
inline constexpr std::uint8_t ingest_record_kind = 1;
inline constexpr std::uint8_t checkpoint_record_kind = 2;

using rejection_counts = std::array<std::uint64_t, analytics::reject_reason_count>;

/// A number that a device has given to an event: to the event at `index` among those of
/// its shard, or in a record of the journal.
struct sequence_mark {
  std::uint32_t index = 0;
  std::uint64_t sequence = 0;

  bool operator==(const sequence_mark&) const = default;
};

/// An event that waits for the node's clock to be set.
struct held_event {
  analytics::event event;
  std::int64_t steady_ns = 0; ///< Of the boot `boot_id`.
  std::uint64_t key = 0;

  bool operator==(const held_event&) const = default;
};

/// The small parts of a record; events and keys are handed over beside it.
struct ingest_header {
  std::uint32_t source = 0;
  std::string_view source_name; ///< Empty: named before in this segment.
  std::uint32_t duplicates = 0;
  std::uint32_t shed = 0;
  std::uint32_t released = 0; ///< So many of the held events are among the events.
  rejection_counts rejected{};
  std::span<const std::pair<analytics::series_id, std::string_view>> names;
  std::span<const sequence_mark> sequences; ///< Index among all events of the record.
  std::span<const held_event> held;
  std::uint64_t boot_id = 0; ///< Of `held`; 0: none are held.
};

/// Appends everything but events and keys, which are to follow in this order, as they
/// lie in memory.
void encode(const ingest_header& header, std::size_t event_count, bool has_keys,
            std::string& out);

/// A record as it was read; texts point into its bytes.
struct ingest_record {
  ingest_header header;
  std::vector<std::pair<analytics::series_id, std::string_view>> names;
  std::vector<sequence_mark> sequences;
  std::vector<held_event> held;
  std::vector<analytics::event> events;
  std::vector<std::uint64_t> keys; ///< As many as events, or none.
};

/// Reads into `record`, whose memory is used again. The error says what is wrong.
expected<void, std::string> decode(std::string_view payload, ingest_record& record);

} // namespace weir::actors
