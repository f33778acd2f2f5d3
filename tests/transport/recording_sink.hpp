// An event_sink that keeps copies of all it is told.
#pragma once

#include "transport/raw_event.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::transport::testing {

struct recorded_event {
  std::string metric;
  std::string source;
  std::map<std::string, std::string> dimensions;
  double value = 0.0;
  std::optional<std::int64_t> time_ns;
  std::string id;
  std::optional<std::uint64_t> sequence;
};

struct recorded_reject {
  analytics::reject_reason reason{};
  std::string detail;
  std::string bytes;
};

class recording_sink : public event_sink {
public:
  void on_event(const raw_event& x) override {
    recorded_event copy{std::string{x.series.metric},
                        std::string{x.series.source},
                        {},
                        x.value,
                        x.time_ns,
                        std::string{x.id},
                        x.sequence};
    for (const auto& dimension : x.series.dimensions)
      copy.dimensions.emplace(dimension.key, dimension.value);
    events.push_back(std::move(copy));
  }

  void on_reject(analytics::reject_reason reason, std::string_view detail,
                 std::string_view bytes) override {
    rejects.push_back({reason, std::string{detail}, std::string{bytes}});
  }

  std::vector<recorded_event> events;
  std::vector<recorded_reject> rejects;
};

} // namespace weir::transport::testing
