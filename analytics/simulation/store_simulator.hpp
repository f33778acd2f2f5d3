// A shop with N registered customers of known habits. Each purchase is an
// event: metric "purchase", source the customer, dimension "category", value
// the amount.
//
// Arrivals. A customer's visits are a Poisson process whose rate is the product
//   base x activity x weekday x hour x holiday x season x promotion x alive,
// drawn by thinning (Lewis, Shedler 1979): the events do not depend on the
// steps.
//   base      visits a week by segment, times a personal factor of 0.7..1.3:
//             loyal_weekly 1.0, bargain_hunter 0.4, seasonal 0.5, churner 1.0
//   weekday   Mon..Sun 0.8 0.8 0.9 1.0 1.3 1.5 0.7 (mean 1);
//             loyal_weekly customers come to 0.7 on one weekday of their own
//             and to 0.3 on all seven alike
//   hour      two hills at 11:30 and 18:00 (sigma 2 h) over 8 %, mean 1
//   holiday   0.15 on public holidays, 1.6 on the three days before
//             (calendar.hpp)
//   season    only segment seasonal: 4 in November and December, else 0.25
//   promotion bargain_hunter x 5, others x 1.5 while any promotion runs
//   alive     a churner's rate falls in a line to 0.3 in the 14 days before the
//             known time and is 0 after it
// A one_off customer buys exactly once.
// Shares: loyal_weekly 35 %, bargain_hunter 25 %, seasonal 15 %, one_off 15 %,
// churner 10 %, dealt in this order, so that every shop of 20 or more has all.
//
// Amounts are log-normal (sigma 0.5) around the category's median, times 0.8
// for bargain hunters, and 20 % off in a promoted category; whole cents.
//
// Promotions: one category, two to four whole days, beginning every 6 to 14
// days; while one runs half of all purchases are in its category.
//
// Ids count up from a number made of seed and start, so that runs do not share
// them.
//
// Truth: "segment" (detail: the habit) for each customer from the start on,
// "churn" and "one_off" with their times at once; "promotion" (metric: the
// category, magnitude: the discount) and "holiday" when they begin.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/simulation/calendar.hpp"
#include "analytics/simulation/random_stream.hpp"
#include "analytics/simulation/simulator.hpp"

#include <array>
#include <cstddef>
#include <limits>
#include <string_view>

namespace weir::analytics::simulation {

enum class customer_segment : std::uint8_t {
  loyal_weekly,
  bargain_hunter,
  seasonal,
  one_off,
  churner
};
inline constexpr std::size_t customer_segment_count = 5;
std::string_view to_string(customer_segment x);

inline constexpr std::size_t store_category_count = 6;
std::string_view store_category_name(std::size_t category);

struct store_config {
  std::uint64_t seed = 1;
  std::size_t customers = 100;   ///< 1..100,000
  double activity = 1.0;         ///< Multiplies all visits; (0, 100,000]. At 1, a
                                 ///< hundred customers make about ten purchases a day.
  double churn_days = 60.0;      ///< Churners leave, and one-off customers buy,
                                 ///< between a quarter of this and all of it after
                                 ///< the start; (0, 10,000].
  double utc_offset_hours = 0.0; ///< Of opening hours and holidays, -14..14.
};

/// Says which setting cannot work.
expected<void, std::string> validate(const store_config& config);

class store_simulator final : public simulator {
public:
  /// @pre validate(config)
  store_simulator(const store_config& config, std::int64_t start_ns);

  const std::vector<sim_series>& series() const override {
    return series_;
  }
  std::vector<sim_event> step(std::int64_t time_ns) override;
  std::vector<sim_truth> take_truth() override;

private:
  struct customer {
    explicit customer(random_stream stream) : random(stream) {
    }
    random_stream random;
    customer_segment segment = customer_segment::loyal_weekly;
    double rate_per_s = 0.0; // Base rate.
    int own_weekday = 0;
    std::int64_t leaves_ns = std::numeric_limits<std::int64_t>::max();
  };
  struct arrival { // A candidate of the thinning.
    std::int64_t time_ns = 0;
    std::size_t customer = 0;
    bool operator>(const arrival& x) const {
      return time_ns != x.time_ns ? time_ns > x.time_ns : customer > x.customer;
    }
  };
  struct promotion {
    std::size_t category = 0;
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;
  };

  void make_customer(std::size_t index);
  void schedule(std::size_t index, std::int64_t after_ns);
  double acceptance(const customer& x, std::int64_t time_ns);
  double day_factor(std::int64_t day);
  void advance_calendar(std::int64_t time_ns);
  void draw_promotion(std::int64_t after_ns);
  const promotion* promotion_at(std::int64_t time_ns) const;
  sim_event purchase(std::size_t index, std::int64_t time_ns);

  store_config config_;
  std::int64_t start_ns_;
  std::int64_t last_ns_;
  std::int64_t last_day_;
  random_stream promotions_;
  promotion current_;
  promotion next_;
  int holiday_year_ = 0;
  std::vector<holiday> holidays_; // Of holiday_year_ and its neighbours.
  std::vector<customer> customers_;
  std::vector<arrival> arrivals_;  // A heap, the earliest on top.
  std::vector<sim_series> series_; // customer * store_category_count + category
  std::vector<sim_truth> truth_;
  std::uint64_t last_id_ = 0;
};

} // namespace weir::analytics::simulation
