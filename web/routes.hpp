// Every address that the server answers, and who may ask it. What is not in
// this table (or in the table of embedded assets) does not exist. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::web {

enum class route_id : std::uint8_t {
  health,
  ready,
  asset, ///< Of the embedded table; matched by it, not by the route table.
  metrics,
  make_link,
  login,
  logout,
  overview,
  series,
  query,
  anomalies,
  alerts,
  quarantine,
  ledger,
  edge_ledger,
  live,
  import_position,
  import_block,
  export_page,
  // Of Prometheus' API alone; `query` and `series` are both.
  query_range,
  labels,
  label_values,
  metadata,
  build_info,
};

enum class access : std::uint8_t {
  anyone,
  login,  ///< Anyone from an origin of ours.
  reader, ///< A session or the key.
  admin,  ///< The key.
};

struct route {
  std::string_view method;
  std::string_view path; ///< A `*` stands for one part that is not empty.
  route_id id = route_id::health;
  access who = access::admin;
  bool reads_store = false;   ///< Runs on the query thread.
  bool guards_origin = false; ///< Not GET, or opens a WebSocket.
  /// The key may also come as the password of `Authorization: Basic`: for clients that
  /// know nothing else. Only where nothing is changed, since browsers send it unasked.
  bool takes_basic = false;
};

std::span<const route> routes();

struct route_match {
  const route* found = nullptr;
  std::string allow; ///< Methods of this path, if only the method is wrong.
};

/// Exact but for `*`: no prefixes, no decoding, no trailing slash.
route_match match_route(std::string_view method, std::string_view path);

} // namespace weir::web
