// What a WebSocket client may say: web/API.md. Pure; reads outside data, so
// every size and depth has a limit.
#pragma once

#include "analytics/expected.hpp"
#include "storage/store.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::web {

inline constexpr std::size_t subscription_series_max = 50;

struct client_message {
  enum class operation : std::uint8_t { subscribe, unsubscribe };

  operation op = operation::subscribe;
  std::int64_t id = 0;
  std::vector<storage::stored_series_id> series; ///< Sorted, each once.
  std::int64_t from_ns = 0;
  std::size_t points_max = 800;
};

/// What an `error` frame says.
struct client_error {
  std::optional<std::int64_t> id;
  std::string code;
  std::string message;
};

/// `text`: JSON, else msgpack.
expected<client_message, client_error> parse_message(bool text, std::string_view bytes);

} // namespace weir::web
