#include "cli/commands.hpp"

#include <cstdio>

namespace weir::cli {

int fail(const char* message, int code) {
  std::fprintf(stderr, "weir: %s\n", message);
  return code;
}

} // namespace weir::cli
