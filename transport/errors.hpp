// Errors of the transport layer.
#pragma once

#include "analytics/expected.hpp"

#include <cstdint>

namespace weir::transport {

enum class errc : std::uint8_t {
  invalid_config = 1, ///< A setting cannot work; the message names it.
  cannot_bind,        ///< Address in use or not ours.
  cannot_connect,     ///< The peer is away; worth a retry.
  not_authorized,     ///< The peer refused our key, user or certificate.
  unreadable_file,    ///< A key or certificate file is missing or unreadable.
  malformed,          ///< Bytes that are not what the format says.
  unsupported,        ///< A version or type that this build does not know.
  too_large,          ///< Beyond a stated limit.
  queue_full,         ///< The outgoing queue is at its limit.
  stopped,            ///< The component has been stopped.
};

using error = basic_error<errc>;

} // namespace weir::transport
