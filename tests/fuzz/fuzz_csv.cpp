// Any bytes into the CSV reader: no crash, and the rows it gives, written with every
// field quoted, are read back as the same rows.
#include "transport/csv_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace {

using rows = std::vector<std::vector<std::string>>;
using weir::transport::csv_reader;

csv_reader::result read_all(const std::string& text, rows& out) {
  std::istringstream in{text};
  csv_reader reader{in};
  std::vector<std::string> fields;
  std::size_t line = 0;
  for (;;) {
    auto how = reader.next(fields);
    if ((how == csv_reader::result::error) == reader.error().empty())
      std::abort();
    if (how != csv_reader::result::row)
      return how;
    if (fields.empty() || reader.line() <= line)
      std::abort();
    line = reader.line();
    out.push_back(fields);
  }
}

std::string quoted(const rows& records) {
  std::string result;
  for (const auto& fields : records) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      result += i == 0 ? "\"" : ",\"";
      for (auto c : fields[i])
        result += c == '"' ? std::string{"\"\""} : std::string{c};
      result += '"';
    }
    result += "\r\n";
  }
  return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rows first;
  rows second;
  read_all({reinterpret_cast<const char*>(data), size}, first);
  if (read_all(quoted(first), second) != csv_reader::result::end || first != second)
    std::abort();
  return 0;
}
