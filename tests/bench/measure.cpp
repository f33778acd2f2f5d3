#include "tests/bench/measure.hpp"

#include "cli/event_encoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <sys/resource.h>

namespace weir::bench {

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>(clock::now() - start).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& x) {
    return static_cast<double>(x.tv_sec) + 1e-6 * static_cast<double>(x.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double quantile(std::vector<double>& values, double q) {
  if (values.empty())
    return 0.0;
  std::sort(values.begin(), values.end());
  auto rank = std::ceil(q * static_cast<double>(values.size()));
  auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return values[std::min(index, values.size() - 1)];
}

result_line::result_line(const std::string& name) : text_("{\"bench\":") {
  cli::append_json_text(text_, name);
}

result_line& result_line::add(const char* key, double value) {
  text_.push_back(',');
  cli::append_json_text(text_, key);
  text_.push_back(':');
  cli::append_number(text_, value);
  return *this;
}

void result_line::print() const {
  std::printf("%s}\n", text_.c_str());
  std::fflush(stdout);
}

int fail(const std::string& message) {
  std::fprintf(stderr, "weir-bench: %s\n", message.c_str());
  return 1;
}

} // namespace weir::bench
