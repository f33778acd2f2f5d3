#include "actors/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <string>

namespace weir::actors {

namespace {

constexpr std::array<std::string_view, 6> names{"trace", "debug", "info",
                                                "warn",  "error", "off"};

spdlog::level::level_enum to_spdlog(log_level level) {
  using enum spdlog::level::level_enum;
  constexpr std::array<spdlog::level::level_enum, 6> levels{trace, debug, info,
                                                            warn,  err,   off};
  return levels.at(static_cast<std::size_t>(level));
}

} // namespace

bool set_up_log(std::string_view program, std::string_view level) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != level)
      continue;
    auto logger = spdlog::stderr_color_mt(std::string{program});
    // UTC, so that lines of machines in several zones sort.
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %n: %v",
                        spdlog::pattern_time_type::utc);
    logger->set_level(to_spdlog(static_cast<log_level>(i)));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
    return true;
  }
  return false;
}

bool log_enabled(log_level level) {
  return spdlog::default_logger_raw()->should_log(to_spdlog(level));
}

void log_line(log_level level, std::string_view text) {
  spdlog::log(to_spdlog(level), "{}", text);
}

void flush_log() {
  spdlog::default_logger_raw()->flush();
}

} // namespace weir::actors
