// Times, spans and texts from the clients of Prometheus' API: whatever comes is read or
// refused, and what is written is JSON that reads back.
#include "web/prometheus_values.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::web;
  using weir::analytics::query::query_time_ms_max;
  std::string_view text{reinterpret_cast<const char*>(data), size};
  if (auto time_ms = parse_prometheus_time(text)) {
    if (*time_ms < -query_time_ms_max || *time_ms > query_time_ms_max)
      std::abort();
    std::string written;
    append_sample_time(written, *time_ms);
    if (parse_prometheus_time(written) != time_ms)
      std::abort();
  }
  if (auto span_ms = parse_prometheus_duration(text); span_ms && *span_ms < 0)
    std::abort();
  std::string written;
  append_json_text(written, text);
  if (!nlohmann::json::accept(written))
    std::abort();
  static_cast<void>(place_in(text, size / 2));
  return 0;
}
