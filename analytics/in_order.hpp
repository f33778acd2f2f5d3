// Pane windows whose further aggregates need events in order (rate, time-weighted
// mean): the same windows behind a reorder buffer, and so never revised.
#pragma once

#include "analytics/pane_windows.hpp"
#include "analytics/reorder_buffer.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics {

class in_order final : public window_operator {
public:
  explicit in_order(std::unique_ptr<pane_windows> panes) : panes_(std::move(panes)) {
  }

  void open(std::uint32_t slot, series_id series) override;
  bool add(std::uint32_t slot, const keyed_event& event, const window_clock& clock,
           std::vector<summary>& out) override;
  void advance(std::uint32_t slot, const window_clock& clock,
               std::vector<summary>& out) override;
  void close(std::uint32_t slot, bool forget, std::vector<summary>& out) override;
  void settle(std::vector<summary>& out) override {
    panes_->settle(out);
  }
  void tell_early(std::uint32_t slot, std::vector<summary>& out) override {
    panes_->tell_early(slot, out);
  }
  void erase(std::uint32_t slot) override;
  bool is_open(std::uint32_t slot) const override {
    return !queues_[slot].empty() || panes_->is_open(slot);
  }
  std::size_t size_bytes() const override;
  void save(std::string& out) const override;
  void list_series(std::vector<series_id>& out) const override;
  bool begin_load(std::string_view bytes) override;
  bool load_slot(std::uint32_t from, std::uint32_t slot) override;
  void end_load() override;
  window_counters counters() const override;

private:
  void release(std::uint32_t slot, std::int64_t until_ns, std::vector<summary>& out);

  std::unique_ptr<pane_windows> panes_;
  chunked_vector<reorder_queue> queues_;
  chunked_vector<series_id> keys_; // For events whose own series is not known.
  std::vector<std::string_view> loading_;
};

} // namespace weir::analytics
