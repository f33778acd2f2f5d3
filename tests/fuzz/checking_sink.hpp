// An event_sink that stops the fuzzer when a decoder breaks its word.
#pragma once

#include "transport/event_assembly.hpp"
#include "transport/raw_event.hpp"
#include "transport/utf8.hpp"

#include <cmath>
#include <cstdlib>

namespace weir::fuzz {

inline void demand(bool ok) {
  if (!ok)
    std::abort();
}

class checking_sink : public transport::event_sink {
public:
  checking_sink(std::string_view payload, const transport::decode_limits& limits)
    : payload_(payload), limits_(limits) {
  }

  void on_event(const transport::raw_event& event) override {
    ++calls;
    demand(std::isfinite(event.value));
    demand(!event.series.metric.empty());
    demand(event.series.dimensions.size() <= limits_.dimensions_max);
    check(event.series.metric);
    check(event.series.source);
    check(event.id);
    for (const auto& x : event.series.dimensions) {
      demand(!x.key.empty());
      check(x.key);
      check(x.value);
    }
  }

  void on_reject(analytics::reject_reason reason, std::string_view detail,
                 std::string_view bytes) override {
    ++calls;
    demand(static_cast<std::size_t>(reason) < analytics::reject_reason_count);
    demand(!detail.empty() && detail.size() <= transport::detail_bytes_max);
    demand(transport::is_utf8(detail));
    demand(bytes.empty()
           || (bytes.data() >= payload_.data()
               && bytes.data() + bytes.size() <= payload_.data() + payload_.size()));
  }

  std::size_t calls = 0;

private:
  void check(std::string_view text) const {
    demand(text.size() <= limits_.text_bytes_max);
    demand(transport::is_utf8(text));
  }

  std::string_view payload_;
  const transport::decode_limits& limits_;
};

} // namespace weir::fuzz
