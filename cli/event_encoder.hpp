// Events in the forms that devices send: JSON objects and msgpack maps with the
// fields of docs/architecture.md, "event".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::cli {

/// Whose events these are; the constant part of each of them.
struct outgoing_series {
  std::string metric;
  std::string source;
  std::string source_field = "source"; ///< "source", "device_id" or "user_id"
  std::vector<std::pair<std::string, std::string>> dimensions;

  bool operator==(const outgoing_series&) const = default;
};

struct outgoing_event {
  std::int64_t time_ns = 0; ///< Written with milliseconds.
  double value = 0.0;       ///< Finite.
  std::uint64_t id = 0;     ///< 0: none.
};

/// {"timestamp":"2026-11-22T15:00:00.000Z","device_id":"m-01","type":"current",
/// "value":24.5,"dimensions":{"line":"A"}}
void append_json(std::string& out, const outgoing_series& series,
                 const outgoing_event& event);

/// The same as a map; "timestamp" is an integer of milliseconds.
void append_msgpack(std::string& out, const outgoing_series& series,
                    const outgoing_event& event);

/// The head of a msgpack array of `count` events.
void append_msgpack_array(std::string& out, std::size_t count);

/// `text` in quotes, escaped.
void append_json_text(std::string& out, std::string_view text);

/// The shortest decimal that reads back as the same number.
void append_number(std::string& out, double value);

} // namespace weir::cli
