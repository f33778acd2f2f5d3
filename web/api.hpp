// The handlers that read the store: GET /api/v1/* and /metrics. Any thread;
// they are run on the query thread.
#pragma once

#include "web/http_message.hpp"
#include "web/json_views.hpp"
#include "web/routes.hpp"
#include "web/server.hpp"
#include "web/url.hpp"
#include "web/web_counters.hpp"

namespace weir::web {

class api {
public:
  /// All must outlive it.
  api(const server_services& services, const web_counters& counters)
    : services_(services), counters_(counters) {
  }

  /// @pre `route.reads_store`
  http_response answer(const route& route, const http_request& request) const;

  /// Numbers for TOTALS.
  expected<store_totals, storage::error> totals() const;

private:
  http_response overview() const;
  http_response ledger() const;
  http_response edge_ledger(const query_params& params) const;
  http_response metrics() const;

  const server_services& services_;
  const web_counters& counters_;
};

} // namespace weir::web
