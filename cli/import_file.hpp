// The file of an import, which is read several times: what comes from standard input is
// kept in a temporary file meanwhile. It has a number, a function of its content.
#pragma once

#include "analytics/expected.hpp"

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

namespace weir::cli {

class import_file {
public:
  /// "-" is standard input.
  static expected<import_file, std::string> open(const std::string& path);

  /// A hash of the content and of `recipe`, never 0: what is read in another way is
  /// another file. Reads to the end.
  expected<std::uint64_t, std::string> number(std::string_view recipe);

  void rewind() {
    in_.clear();
    in_.seekg(0);
  }
  std::istream& stream() {
    return in_;
  }

private:
  std::ifstream in_;
};

} // namespace weir::cli
