// The part of Prometheus' HTTP API that its clients (Grafana, promtool) ask for, over
// the stored series: /api/v1/query, query_range, series, labels, label/NAME/values,
// metadata and status/buildinfo. Shapes, parameters and errors are those of Prometheus
// 2.42; web/API.md says what differs. Handlers run on the thread for queries.
#pragma once

#include "analytics/query/evaluator.hpp"
#include "storage/store.hpp"
#include "web/http_message.hpp"
#include "web/routes.hpp"
#include "web/url.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace weir::web {

/// How much one query may take; see also analytics::query::evaluation_options.
struct prometheus_limits {
  std::int64_t timeout_ms = 30'000;      ///< If the client does not say.
  std::int64_t timeout_ms_max = 120'000; ///< If it says more.
  /// Of a selector or a result.
  std::size_t series_max = 100'000;
  /// Read by one query: 16 bytes each while it runs. Enough for two years of hourly
  /// windows of 1,000 series.
  std::size_t samples_max = 20'000'000;
  std::size_t points_max = 20'000'000; ///< Calculated on the way: 8 bytes each.
  std::int64_t steps_max = 11'000;     ///< Between start and end.
};

struct prometheus_services {
  const storage::store& store;
  std::function<std::int64_t()> now_ns;       ///< Wall clock.
  std::function<std::int64_t()> monotonic_ns; ///< For timeouts.
  std::string version;                        ///< Of Weir.
  prometheus_limits limits{};
};

/// Whether a request is for this API: some of its paths are also those of Weir's own
/// (`/api/v1/query` with a `series`, `/api/v1/series` without a `match[]`).
bool is_for_prometheus(const route& route, const http_request& request);

/// Handlers may run on any thread; stop() is for any other.
class prometheus_api {
public:
  explicit prometheus_api(prometheus_services services)
    : services_(std::move(services)) {
  }

  /// `arrived_ns`: when the request came, by `monotonic_ns`; the timeout counts from
  /// there. @pre is_for_prometheus()
  http_response answer(const route& route, const http_request& request,
                       std::int64_t arrived_ns) const;

  /// The query that runs, and those that come, end with "canceled".
  void stop() {
    stopped_ = true;
  }

private:
  struct deadline;

  http_response query(const query_params& params, deadline& until) const;
  http_response query_range(const query_params& params, deadline& until) const;
  http_response series(const query_params& params, deadline& until) const;
  http_response labels(const query_params& params, deadline& until) const;
  http_response label_values(const http_request& request, const query_params& params,
                             deadline& until) const;
  http_response metadata(const query_params& params, deadline& until) const;
  http_response build_info() const;

  struct found_labels;
  /// The labels of all series that pass one of the `match[]`; of all without any.
  expected<found_labels, http_response> find(const query_params& params,
                                             deadline& until) const;
  analytics::query::evaluation_options options(const query_params& params,
                                               deadline& until) const;

  prometheus_services services_;
  std::atomic<bool> stopped_{false};
};

} // namespace weir::web
