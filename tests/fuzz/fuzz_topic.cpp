// A template on the first line, a topic behind it: no crash, and a template's
// own filter is a topic that the template takes (its wildcards stand for
// themselves).
#include "transport/topic_template.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::transport;
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  auto line_end = bytes.find('\n');
  auto text = bytes.substr(0, line_end);
  auto topic = line_end == std::string_view::npos ? std::string_view{}
                                                  : bytes.substr(line_end + 1);
  auto parsed = topic_template::parse(text);
  if (!parsed)
    return 0;
  topic_fields fields;
  parsed->match(topic, fields);
  auto filter = parsed->filter();
  if (!parsed->match(filter, fields))
    std::abort();
  return 0;
}
