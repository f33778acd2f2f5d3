#include "cli/event_encoder.hpp"

#include "cli/time_text.hpp"

#include <bit>
#include <charconv>

namespace weir::cli {

namespace {

void append_big_endian(std::string& out, std::uint64_t value, std::size_t size_bytes) {
  for (auto shift = 8 * size_bytes; shift > 0; shift -= 8)
    out.push_back(static_cast<char>((value >> (shift - 8)) & 0xff));
}

void append_msgpack_text(std::string& out, std::string_view text) {
  if (text.size() < 32) {
    out.push_back(static_cast<char>(0xa0 | text.size()));
  } else if (text.size() < 256) {
    out.push_back('\xd9');
    append_big_endian(out, text.size(), 1);
  } else {
    out.push_back('\xdb');
    append_big_endian(out, text.size(), 4);
  }
  out += text;
}

void append_msgpack_head(std::string& out, std::size_t count, char fix, char wide) {
  if (count < 16) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(fix) | count));
  } else {
    out.push_back(wide);
    append_big_endian(out, count, 4);
  }
}

void append_msgpack_map(std::string& out, std::size_t count) {
  append_msgpack_head(out, count, '\x80', '\xdf');
}

/// Sixteen hexadecimal digits.
std::string id_text(std::uint64_t id) {
  constexpr char hex[] = "0123456789abcdef";
  std::string result(16, '0');
  for (auto at = result.rbegin(); at != result.rend(); ++at, id >>= 4)
    *at = hex[id & 15];
  return result;
}

/// Rounds towards negative infinity, as append_iso_ms() does.
std::int64_t whole_ms(std::int64_t time_ns) {
  auto ms = time_ns / 1'000'000;
  return time_ns % 1'000'000 < 0 ? ms - 1 : ms;
}

} // namespace

void append_json_text(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  out.push_back('"');
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      out += "\\u00";
      out.push_back(hex[byte >> 4]);
      out.push_back(hex[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void append_number(std::string& out, double value) {
  char text[32];
  auto [end, failure] = std::to_chars(text, text + sizeof text, value);
  static_cast<void>(failure); // 32 bytes hold every double.
  out.append(text, end);
}

void append_json(std::string& out, const outgoing_series& series,
                 const outgoing_event& event) {
  out += "{\"timestamp\":\"";
  append_iso_ms(out, event.time_ns);
  out += "\",";
  append_json_text(out, series.source_field);
  out.push_back(':');
  append_json_text(out, series.source);
  out += ",\"type\":";
  append_json_text(out, series.metric);
  out += ",\"value\":";
  append_number(out, event.value);
  if (!series.dimensions.empty()) {
    auto separator = "{";
    out += ",\"dimensions\":";
    for (const auto& [key, value] : series.dimensions) {
      out += separator;
      append_json_text(out, key);
      out.push_back(':');
      append_json_text(out, value);
      separator = ",";
    }
    out.push_back('}');
  }
  if (event.id != 0) {
    out += ",\"id\":";
    append_json_text(out, id_text(event.id));
  }
  out.push_back('}');
}

void append_msgpack_array(std::string& out, std::size_t count) {
  append_msgpack_head(out, count, '\x90', '\xdd');
}

void append_msgpack(std::string& out, const outgoing_series& series,
                    const outgoing_event& event) {
  auto fields = 4u + (series.dimensions.empty() ? 0u : 1u) + (event.id == 0 ? 0u : 1u);
  append_msgpack_map(out, fields);
  append_msgpack_text(out, "timestamp");
  out.push_back('\xd3');
  append_big_endian(out, static_cast<std::uint64_t>(whole_ms(event.time_ns)), 8);
  append_msgpack_text(out, series.source_field);
  append_msgpack_text(out, series.source);
  append_msgpack_text(out, "type");
  append_msgpack_text(out, series.metric);
  append_msgpack_text(out, "value");
  out.push_back('\xcb');
  append_big_endian(out, std::bit_cast<std::uint64_t>(event.value), 8);
  if (!series.dimensions.empty()) {
    append_msgpack_text(out, "dimensions");
    append_msgpack_map(out, series.dimensions.size());
    for (const auto& [key, value] : series.dimensions) {
      append_msgpack_text(out, key);
      append_msgpack_text(out, value);
    }
  }
  if (event.id != 0) {
    append_msgpack_text(out, "id");
    append_msgpack_text(out, id_text(event.id));
  }
}

} // namespace weir::cli
