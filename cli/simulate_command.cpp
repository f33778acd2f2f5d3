// weir simulate plant | store
#include "cli/commands.hpp"

#include "analytics/simulation/plant_simulator.hpp"
#include "analytics/simulation/store_simulator.hpp"
#include "cli/simulation_run.hpp"
#include "cli/sink_options.hpp"
#include "cli/time_text.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <fstream>
#include <memory>

namespace weir::cli {

namespace sim = analytics::simulation;

namespace {

constexpr auto plant_manual
  = "machines with shifts, breaks and faults\n\n"
    "Temperature, vibration, current and rpm of every machine once an "
    "interval, by a\n"
    "stated model (analytics/simulation/plant_simulator.hpp), with faults of "
    "known\n"
    "time, kind and size: bearing wear, stuck sensors, steps, spikes and "
    "drifts.\n\n";

constexpr auto store_manual
  = "purchases of customers with known habits\n\n"
    "Purchases with customer, category and amount, by a stated model\n"
    "(analytics/simulation/store_simulator.hpp): rhythm of hours and "
    "weekdays,\n"
    "holidays, promotions, and customers who are loyal, hunt bargains, buy by "
    "season,\n"
    "buy once, or leave at a known time.\n\n";

constexpr auto time_manual = "Events carry simulated time. It starts now and "
                             "runs with the clock, unless --from\n"
                             "or --speed say otherwise: --from -24h writes the "
                             "last day as fast as it is taken,\n"
                             "--speed 3600 an hour a second (from 24 h ago, if "
                             "--from is not given). Whatever\n"
                             "catches up with the present goes on live. SIGINT "
                             "and SIGTERM end it in order:\n"
                             "what was made is sent and acknowledged before it "
                             "returns. While the other side is\n"
                             "away it waits; nothing is dropped. The same seed "
                             "and start give the same events.";

constexpr auto plant_examples
  = "EXAMPLES\n"
    "  weir simulate plant --mqtt mqtt://127.0.0.1:1883 --first-fault-after "
    "20\n"
    "  weir simulate plant --mqtt mqtt://127.0.0.1:1883 --from -24h --interval "
    "10s \\\n"
    "      --topic plant/all --batch 100 --truth truth.ndjson\n"
    "  weir simulate plant --machines 3 --duration 10s --stdout";

constexpr auto store_examples
  = "EXAMPLES\n"
    "  weir simulate store --zmq tcp://127.0.0.1:5560 --activity 500\n"
    "  weir simulate store --from -90d --stdout --until now > purchases.ndjson";

struct simulate_options {
  sink_options to;
  std::uint64_t seed = 1;
  std::string interval = "1s";
  std::string from;
  std::string until;
  std::string duration;
  double speed = 0.0; ///< 0: not given.
  std::string truth_file;
};

struct schedule {
  simulation_span span;
  pacer pace;
};

void add_common_options(CLI::App& command, simulate_options& x) {
  auto text
    = [&](const char* name, std::string& value, const char* type, const char* what) {
        return command.add_option(name, value, what)->type_name(type)->group("Time");
      };
  text("--interval", x.interval, "SPAN", "Between steps.")->capture_default_str();
  text("--from", x.from, "TIME",
       "Start of simulated time, such as -24h or an ISO time.");
  auto* until = text("--until", x.until, "TIME", "End of simulated time.");
  text("--duration", x.duration, "SPAN", "Simulated time from start to end.")
    ->excludes(until);
  command
    .add_option("--speed", x.speed, "Times the clock until the present is reached.")
    ->check(CLI::Range(0.001, 1e6))
    ->type_name("N")
    ->group("Time");
  command.add_option("--seed", x.seed, "Of all that is random.")
    ->type_name("N")
    ->capture_default_str()
    ->group("Model");
  command
    .add_option("--truth", x.truth_file,
                "Write what was planted, a JSON object a line, to this file.")
    ->type_name("FILE")
    ->group("Model");
  add_sink_options(command, x.to);
}

expected<schedule, std::string> make_schedule(const simulate_options& x) {
  constexpr std::int64_t day_ns = 86'400'000'000'000;
  constexpr std::int64_t ms_ns = 1'000'000;
  auto now_ns = wall_clock_ns();
  simulation_span span;
  auto interval_ns = parse_span_ns(x.interval);
  if (!interval_ns)
    return unexpected("--interval: " + interval_ns.error());
  if (*interval_ns < ms_ns || *interval_ns % ms_ns != 0)
    return unexpected("--interval: " + x.interval
                      + " is not a whole number of milliseconds above 0");
  span.interval_ns = *interval_ns;
  span.start_ns = x.speed > 1.0 ? now_ns - day_ns : now_ns;
  if (!x.from.empty()) {
    auto from_ns = parse_time_ns(x.from, now_ns);
    if (!from_ns)
      return unexpected("--from: " + from_ns.error());
    span.start_ns = *from_ns;
  }
  span.start_ns -= span.start_ns % ms_ns; // Stamps are whole milliseconds.
  if (!x.until.empty()) {
    auto until_ns = parse_time_ns(x.until, now_ns);
    if (!until_ns)
      return unexpected("--until: " + until_ns.error());
    span.until_ns = *until_ns;
  }
  if (!x.duration.empty()) {
    auto duration_ns = parse_span_ns(x.duration);
    if (!duration_ns)
      return unexpected("--duration: " + duration_ns.error());
    span.until_ns = span.start_ns + *duration_ns;
  }
  if (span.until_ns <= span.start_ns)
    return unexpected("the end, " + iso_ms(span.until_ns) + ", is not after the start, "
                      + iso_ms(span.start_ns));
  auto speed = x.speed > 0.0 ? x.speed : x.from.empty() ? 1.0 : 0.0;
  return schedule{span, pacer{span.start_ns, now_ns, speed}};
}

/// @pre the simulator's configuration is valid
int simulate(sim::simulator& simulator, const simulate_options& options,
             const schedule& when, stop_signal& stop) {
  std::ofstream truth;
  if (!options.truth_file.empty()) {
    truth.open(options.truth_file, std::ios::trunc);
    if (!truth)
      return fail(("cannot write --truth " + options.truth_file).c_str());
  }
  auto sink = open_sink(options.to, stop);
  if (!sink)
    return fail(sink.error().c_str());
  event_batcher batcher{**sink, batch_topic(options.to), options.to.batch_max};
  if (auto added = add_simulated_series(simulator, batcher); !added)
    return fail(("--topic: " + added.error()).c_str(), exit_usage);
  std::fprintf(stderr, "weir: %zu series from %s, a step each %s, to %s\n",
               simulator.series().size(), iso_ms(when.span.start_ns).c_str(),
               options.interval.c_str(), describe(options.to).c_str());
  auto last = run_simulation(simulator, when.span, when.pace, batcher,
                             truth.is_open() ? &truth : nullptr, stop);
  return finish_sending(batcher, **sink, last, describe(options.to));
}

template <class Simulator, class Config>
int start(Config config, const simulate_options& options) {
  stop_signal stop; // Before any library starts a thread.
  if (auto valid = check_sink(options.to); !valid)
    return fail(valid.error().c_str(), exit_usage);
  auto when = make_schedule(options);
  if (!when)
    return fail(when.error().c_str(), exit_usage);
  if constexpr (requires { config.interval_ns; })
    config.interval_ns = when->span.interval_ns;
  config.seed = options.seed;
  if (auto valid = validate(config); !valid)
    return fail(valid.error().c_str(), exit_usage);
  Simulator simulator{config, when->span.start_ns};
  return simulate(simulator, options, *when, stop);
}

void add_plant(CLI::App& parent, chosen_action& chosen) {
  auto* command
    = parent.add_subcommand("plant", std::string{plant_manual} + time_manual);
  command->footer(plant_examples);
  auto options = std::make_shared<simulate_options>();
  auto config = std::make_shared<sim::plant_config>();
  options->to.topic = "plant/{source}/{metric}";
  command->add_option("--machines", config->machines, "How many.")
    ->type_name("N")
    ->capture_default_str()
    ->group("Model");
  command
    ->add_option("--faults-per-hour", config->faults_per_hour,
                 "Of the whole plant, on average.")
    ->type_name("N")
    ->capture_default_str()
    ->group("Model");
  command
    ->add_option("--first-fault-after", config->first_fault_after_s,
                 "A step of vibration, beyond every limit, after so many seconds.")
    ->type_name("SECONDS")
    ->group("Model");
  command->add_option("--utc-offset", config->utc_offset_hours, "Of the shift plan.")
    ->type_name("HOURS")
    ->group("Model");
  add_common_options(*command, *options);
  command->callback([options, config, &chosen] {
    chosen
      = [options, config] { return start<sim::plant_simulator>(*config, *options); };
  });
}

void add_store(CLI::App& parent, chosen_action& chosen) {
  auto* command
    = parent.add_subcommand("store", std::string{store_manual} + time_manual);
  command->footer(store_examples);
  auto options = std::make_shared<simulate_options>();
  auto config = std::make_shared<sim::store_config>();
  options->to.topic = "store/{category}";
  command->add_option("--customers", config->customers, "How many.")
    ->type_name("N")
    ->capture_default_str()
    ->group("Model");
  command
    ->add_option("--activity", config->activity,
                 "Multiplies all visits. At 1, a hundred customers buy ten times "
                 "a day.")
    ->type_name("N")
    ->capture_default_str()
    ->group("Model");
  command
    ->add_option("--churn-days", config->churn_days,
                 "Churners leave within so many days of the start.")
    ->type_name("DAYS")
    ->capture_default_str()
    ->group("Model");
  command
    ->add_option("--utc-offset", config->utc_offset_hours,
                 "Of opening hours and holidays.")
    ->type_name("HOURS")
    ->group("Model");
  add_common_options(*command, *options);
  command->callback([options, config, &chosen] {
    chosen
      = [options, config] { return start<sim::store_simulator>(*config, *options); };
  });
}

} // namespace

void add_simulate_command(CLI::App& parent, chosen_action& chosen) {
  auto* command
    = parent.add_subcommand("simulate", "send events of a simulated plant or store");
  command->require_subcommand(1);
  add_plant(*command, chosen);
  add_store(*command, chosen);
}

} // namespace weir::cli
