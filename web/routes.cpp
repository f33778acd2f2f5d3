#include "web/routes.hpp"

#include "web/static_files.hpp"

#include <array>

namespace weir::web {

namespace {

constexpr std::array<route, 27> table{{
  {"GET", "/health", route_id::health, access::anyone, false, false},
  {"GET", "/ready", route_id::ready, access::anyone, false, false},
  {"GET", "/metrics", route_id::metrics, access::reader, true, false},
  {"POST", "/api/v1/links", route_id::make_link, access::admin, false, true},
  {"POST", "/api/v1/session", route_id::login, access::login, false, true},
  {"DELETE", "/api/v1/session", route_id::logout, access::reader, false, true},
  {"GET", "/api/v1/overview", route_id::overview, access::reader, true, false},
  {"GET", "/api/v1/series", route_id::series, access::reader, true, false, true},
  {"GET", "/api/v1/query", route_id::query, access::reader, true, false, true},
  {"GET", "/api/v1/anomalies", route_id::anomalies, access::reader, true, false},
  {"GET", "/api/v1/alerts", route_id::alerts, access::reader, true, false},
  {"GET", "/api/v1/quarantine", route_id::quarantine, access::reader, true, false},
  {"GET", "/api/v1/ledger", route_id::ledger, access::reader, true, false},
  {"GET", "/api/v1/ledger/edge", route_id::edge_ledger, access::reader, true, false},
  {"GET", "/api/v1/live", route_id::live, access::reader, false, true},
  {"GET", "/api/v1/import", route_id::import_position, access::admin, true, false},
  {"POST", "/api/v1/import", route_id::import_block, access::admin, true, true},
  {"GET", "/api/v1/export", route_id::export_page, access::reader, true, false},
  {"POST", "/api/v1/query", route_id::query, access::reader, true, true, true},
  {"GET", "/api/v1/query_range", route_id::query_range, access::reader, true, false,
   true},
  {"POST", "/api/v1/query_range", route_id::query_range, access::reader, true, true,
   true},
  {"POST", "/api/v1/series", route_id::series, access::reader, true, true, true},
  {"GET", "/api/v1/labels", route_id::labels, access::reader, true, false, true},
  {"POST", "/api/v1/labels", route_id::labels, access::reader, true, true, true},
  {"GET", "/api/v1/label/*/values", route_id::label_values, access::reader, true, false,
   true},
  {"GET", "/api/v1/metadata", route_id::metadata, access::reader, true, false, true},
  {"GET", "/api/v1/status/buildinfo", route_id::build_info, access::reader, true, false,
   true},
}};

constexpr route asset_route{"GET", "", route_id::asset, access::anyone, false, false};

bool fits(std::string_view pattern, std::string_view path) {
  auto star = pattern.find('*');
  if (star == pattern.npos)
    return pattern == path;
  auto head = pattern.substr(0, star);
  auto tail = pattern.substr(star + 1);
  if (path.size() <= head.size() + tail.size() || !path.starts_with(head)
      || !path.ends_with(tail))
    return false;
  path.remove_prefix(head.size());
  path.remove_suffix(tail.size());
  return path.find('/') == path.npos;
}

} // namespace

std::span<const route> routes() {
  return table;
}

route_match match_route(std::string_view method, std::string_view path) {
  route_match result;
  for (const auto& x : table) {
    if (!fits(x.path, path))
      continue;
    if (x.method == method)
      return {&x, {}};
    result.allow.append(result.allow.empty() ? "" : ", ").append(x.method);
  }
  if (result.allow.empty() && find_asset(path) != nullptr) {
    if (method == "GET")
      return {&asset_route, {}};
    result.allow = "GET";
  }
  return result;
}

} // namespace weir::web
