// simdjson's on-demand values as the decoders' scalars. The one file that
// includes simdjson, and itself included by json_decoder.cpp only.
#pragma once

#include "transport/event_assembly.hpp"
#include "transport/json_text.hpp"

#include <simdjson.h>

#include <cstring>

namespace weir::transport::json {

namespace ondemand = simdjson::ondemand;
using analytics::reject_reason;
using simdjson::error_code;

inline std::string_view trimmed_token(ondemand::value& value) {
  return trim_json(value.raw_json_token());
}

/// Whether simdjson can go on behind an error in this token: it is a word or a
/// number, not a bracket or comma that belongs to the structure.
inline bool is_word(std::string_view token) {
  return !token.empty()
         && std::string_view{"{}[],:"}.find(token.front()) == std::string_view::npos;
}

inline bool is_nested(const scalar& x) {
  return x.what == scalar::kind::object || x.what == scalar::kind::array;
}

inline reject_reason reason_of(error_code error) {
  switch (error) {
  case simdjson::UTF8_ERROR:
    return reject_reason::not_utf8;
  case simdjson::DEPTH_ERROR:
  case simdjson::CAPACITY:
    return reject_reason::too_large;
  default:
    return reject_reason::malformed;
  }
}

/// A number that simdjson's fast path refuses: beyond 64 bits, or no number at
/// all.
inline bool read_odd_number(std::string_view token, scalar& out) {
  auto number = json_number(token);
  if (!number)
    return false;
  out.what = scalar::kind::real;
  out.real = *number;
  return true;
}

inline bool read_number(ondemand::value& value, scalar& out) {
  ondemand::number number;
  if (value.get_number().get(number))
    return read_odd_number(trimmed_token(value), out);
  switch (number.get_number_type()) {
  case ondemand::number_type::signed_integer:
    out.what = scalar::kind::integer;
    out.integer = number.get_int64();
    return true;
  case ondemand::number_type::unsigned_integer:
    out.what = scalar::kind::natural;
    out.natural = number.get_uint64();
    return true;
  default:
    out.what = scalar::kind::real;
    out.real = number.get_double();
    return true;
  }
}

/// Text without escapes is borrowed where it stands; only other text is copied.
inline bool read_text(ondemand::value& value, std::string_view& out) {
  auto token = value.raw_json_token(); // White space may follow the last quote.
  auto last_quote = token.rfind('"');
  if (last_quote == 0 || std::memchr(token.data(), '\\', token.size()) != nullptr)
    return value.get_string().get(out) == simdjson::SUCCESS;
  ondemand::raw_json_string raw;
  if (value.get_raw_json_string().get(raw))
    return false;
  out = token.substr(1, last_quote - 1);
  return true;
}

enum class scalar_result : std::uint8_t { read, bad_word, broken };

/// Text, number, boolean or null as such; of an object or array only the kind.
inline scalar_result read_scalar(ondemand::value& value, scalar& out) {
  ondemand::json_type type{};
  if (value.type().get(type))
    return is_word(value.raw_json_token()) ? scalar_result::bad_word
                                           : scalar_result::broken;
  bool ok = true;
  switch (type) {
  case ondemand::json_type::string:
    out.what = scalar::kind::text;
    ok = read_text(value, out.text);
    break;
  case ondemand::json_type::number:
    ok = read_number(value, out);
    break;
  case ondemand::json_type::boolean:
    out.what = scalar::kind::boolean;
    ok = value.get_bool().get(out.boolean) == simdjson::SUCCESS;
    break;
  case ondemand::json_type::null:
    out.what = scalar::kind::null;
    ok = trimmed_token(value) == "null";
    break;
  case ondemand::json_type::object:
    out.what = scalar::kind::object;
    break;
  case ondemand::json_type::array:
    out.what = scalar::kind::array;
    break;
  }
  return ok ? scalar_result::read : scalar_result::bad_word;
}

/// The field that a key names. Only a key with escapes costs more than a
/// comparison.
inline event_field read_key(ondemand::field& field) {
  const char* raw = field.key().raw();
  // One of our names, its closing quote included. Reading beyond the text is
  // safe: padding follows.
  constexpr auto span = field_name_bytes_max + 1;
  const auto* quote = static_cast<const char*>(std::memchr(raw, '"', span));
  std::string_view name{raw, quote != nullptr ? static_cast<std::size_t>(quote - raw)
                                              : span};
  auto result = quote != nullptr ? field_of(name) : event_field::unknown;
  if (result == event_field::unknown && name.find('\\') != std::string_view::npos
      && !field.unescaped_key().get(name))
    result = field_of(name);
  return result;
}

} // namespace weir::transport::json
