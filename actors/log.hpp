// Log lines: sentences, with the component as subject. The only door to spdlog.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace weir::actors {

enum class log_level { trace, debug, info, warn, error, off };

/// Sets up standard error as the log's sink. `level` is one of trace, debug, info,
/// warn, error, off; returns false if it is none of them.
bool set_up_log(std::string_view program, std::string_view level);

bool log_enabled(log_level level);
void log_line(log_level level, std::string_view text);

/// Writes what is buffered; call before the process ends.
void flush_log();

template <class... Ts>
void log(log_level level, fmt::format_string<Ts...> format, Ts&&... xs) {
  if (log_enabled(level))
    log_line(level, fmt::format(format, std::forward<Ts>(xs)...));
}

template <class... Ts>
void log_info(fmt::format_string<Ts...> format, Ts&&... xs) {
  log(log_level::info, format, std::forward<Ts>(xs)...);
}

template <class... Ts>
void log_warn(fmt::format_string<Ts...> format, Ts&&... xs) {
  log(log_level::warn, format, std::forward<Ts>(xs)...);
}

template <class... Ts>
void log_error(fmt::format_string<Ts...> format, Ts&&... xs) {
  log(log_level::error, format, std::forward<Ts>(xs)...);
}

} // namespace weir::actors
