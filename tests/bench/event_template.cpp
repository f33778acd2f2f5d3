#include "tests/bench/event_template.hpp"

#include "cli/event_encoder.hpp"
#include "cli/time_text.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdio>
#include <cstring>

namespace weir::bench {

namespace {

constexpr std::size_t json_event_size = 117;
constexpr std::size_t time_digits = 19;

std::string source_name(std::size_t series) {
  char text[16];
  std::snprintf(text, sizeof text, "m-%04u", static_cast<unsigned>(series % 10'000));
  return text;
}

std::string line_name(std::size_t series) {
  char text[16];
  std::snprintf(text, sizeof text, "A%02u", static_cast<unsigned>(series % 100));
  return text;
}

void put_big_endian(char* to, std::uint64_t value) {
  for (int i = 7; i >= 0; --i, value >>= 8)
    to[i] = static_cast<char>(value & 0xff);
}

} // namespace

event_template event_template::json(std::size_t first, std::size_t count) {
  event_template result;
  if (count > 1)
    result.bytes_.push_back('[');
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0)
      result.bytes_.push_back(',');
    auto begin = result.bytes_.size();
    places at;
    result.bytes_ += "{\"timestamp\":";
    at.time = result.bytes_.size();
    result.bytes_ += "0000000000000000000,\"device_id\":\"" + source_name(first + i)
                     + "\",\"type\":\"temperature\",\"value\":63.";
    at.value = result.bytes_.size();
    result.bytes_ += "00,\"dimensions\":{\"line\":\"" + line_name(first + i) + "\"}}";
    assert(result.bytes_.size() - begin == json_event_size);
    static_cast<void>(begin);
    result.events_.push_back(at);
  }
  if (count > 1)
    result.bytes_.push_back(']');
  return result;
}

event_template event_template::msgpack(std::size_t first, std::size_t count) {
  event_template result;
  result.is_json_ = false;
  cli::append_msgpack_array(result.bytes_, count);
  for (std::size_t i = 0; i < count; ++i) {
    auto begin = result.bytes_.size();
    cli::append_msgpack(result.bytes_,
                        {"temperature",
                         source_name(first + i),
                         "device_id",
                         {{"line", line_name(first + i)}}},
                        {0, 63.0, 0});
    places at;
    // The key "timestamp" is followed by d3 and the integer, "value" by cb and
    // the double.
    at.time = result.bytes_.find("timestamp\xd3", begin) + 10;
    at.value = result.bytes_.find("value\xcb", begin) + 6;
    result.events_.push_back(at);
  }
  return result;
}

void event_template::stamp(std::int64_t time_ns) {
  if (is_json_)
    stamp_json(time_ns);
  else
    stamp_msgpack(time_ns);
}

void event_template::stamp_json(std::int64_t time_ns) {
  char digits[time_digits];
  for (auto i = time_digits; i > 0; --i, time_ns /= 10)
    digits[i - 1] = static_cast<char>('0' + time_ns % 10);
  for (const auto& at : events_) {
    noise_ = noise_ * 1'664'525u + 1'013'904'223u;
    auto hundredths = (noise_ >> 16) % 100;
    std::memcpy(bytes_.data() + at.time, digits, time_digits);
    bytes_[at.value] = static_cast<char>('0' + hundredths / 10);
    bytes_[at.value + 1] = static_cast<char>('0' + hundredths % 10);
  }
}

void event_template::stamp_msgpack(std::int64_t time_ns) {
  for (const auto& at : events_) {
    noise_ = noise_ * 1'664'525u + 1'013'904'223u;
    auto value = 63.0 + 0.01 * static_cast<double>((noise_ >> 16) % 100);
    put_big_endian(bytes_.data() + at.time, static_cast<std::uint64_t>(time_ns));
    put_big_endian(bytes_.data() + at.value, std::bit_cast<std::uint64_t>(value));
  }
}

std::vector<event_template> make_templates(bool json, std::size_t first,
                                           std::size_t series,
                                           std::size_t per_message) {
  std::vector<event_template> result;
  for (std::size_t i = 0; i < series; i += per_message) {
    auto count = std::min(per_message, series - i);
    result.push_back(json ? event_template::json(first + i, count)
                          : event_template::msgpack(first + i, count));
  }
  return result;
}

std::int64_t unique_clock::now_ns() {
  last_ns_ = std::max(cli::wall_clock_ns(), last_ns_ + 1);
  return last_ns_;
}

} // namespace weir::bench
