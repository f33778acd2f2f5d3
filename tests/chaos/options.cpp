#include "tests/chaos/options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace weir::chaos {

bool options::wants(const std::string& fault) const {
  return std::find(faults.begin(), faults.end(), fault) != faults.end();
}

bool read_options(int argc, char** argv, options& out, int& status) {
  CLI::App app{
    "weir-chaos - kills, stops and cuts a real edge, centre and broker under load\n"
    "and compares every event that was acknowledged with every window that is stored.",
    "weir-chaos"};
  auto bin = std::string{};
  auto conf = std::string{};
  auto dir = std::string{};
  app.add_option("--kills", out.kills, "SIGKILLs in all")->capture_default_str();
  app.add_option("--seed", out.seed, "the same seed, the same plan")
    ->capture_default_str();
  app
    .add_option("--faults", out.faults,
                "of edge, centre, broker (kills), stop, partition, disk")
    ->delimiter(',')
    ->check(CLI::IsMember({"edge", "centre", "broker", "stop", "partition", "disk"}));
  app.add_option("--rate", out.rate, "events a second")
    ->check(CLI::Range(100, 100'000))
    ->capture_default_str();
  app.add_option("--gap-min-ms", out.gap_min_ms, "shortest pause between faults")
    ->capture_default_str();
  app.add_option("--gap-max-ms", out.gap_max_ms, "longest pause between faults")
    ->capture_default_str();
  app.add_option("--bin", bin, "folder of weir-edge and weir-central")->required();
  app.add_option("--broker-conf", conf, "the recommended mosquitto.conf")->required();
  app.add_option("--dir", dir, "where the run's files go; made, kept on failure");
  app.add_option("--mutant", out.mutant,
                 "break something on purpose: no-journal, no-dedupe, lossy-broker");
  app.add_flag("--expect-loss", out.expect_loss,
               "succeed only if events are lost or doubled");
  app.add_flag("!--no-overlap", out.overlap,
               "MQTT feeds do not repeat what the broker acknowledged last");
  app.add_flag("--failpoints", out.failpoints,
               "kill at every named commit point instead of at random moments");
  app.add_flag("--keep", out.keep, "keep the run's files in any case");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    status = app.exit(e);
    return false;
  }
  out.bin_directory = std::filesystem::absolute(bin);
  out.mosquitto_conf = std::filesystem::absolute(conf);
  if (!dir.empty())
    out.directory = std::filesystem::absolute(dir);
  return true;
}

} // namespace weir::chaos
