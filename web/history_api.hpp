// History in and out: POST /api/v1/import stores windows of a file, GET /api/v1/import
// tells how far a file has come, GET /api/v1/export gives stored windows page by page.
// Contract: web/API.md. Handlers run on the query thread.
#pragma once

#include "web/http_message.hpp"
#include "web/server.hpp"

#include <functional>

namespace weir::web {

/// Hands the block on; `respond` is called once, here or after the commit on another
/// thread.
void import_block(const server_services& services, http_request request,
                  std::function<void(http_response)> respond);

http_response import_position(const storage::store& store, const http_request& request);

/// A page of one series' windows, oldest first, with nanoseconds and all that is needed
/// to store them again. What it reads at once is bounded.
http_response export_page(const storage::store& store, const http_request& request,
                          std::int64_t now_ns);

} // namespace weir::web
