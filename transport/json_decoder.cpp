#include "transport/decoders.hpp"

#include "transport/event_assembly.hpp"
#include "transport/json_text.hpp"
#include "transport/json_values.hpp"
#include "transport/utf8.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace weir::transport {

namespace {

namespace ondemand = simdjson::ondemand;
using analytics::reject_reason;
using json::scalar_result;
using place = event_assembly::place;
using simdjson::error_code;

} // namespace

struct json_decoder::impl {
  explicit impl(const decode_limits& x) : limits(x), event(x, true) {
  }

  void decode(std::string_view bytes);
  void decode_scalar(std::string_view text);
  void decode_lines(std::string_view text);
  void decode_line(std::string_view line, std::size_t number);
  void decode_object(std::string_view text, place where, std::size_t index);
  void decode_array(std::string_view text);
  error_code decode_element(ondemand::value element, std::size_t index);

  error_code open(std::string_view text);
  /// Where simdjson stands in the padded copy.
  const char* location();
  bool at_end();
  error_code read_event(ondemand::object object);
  error_code read_field(ondemand::field& field);
  error_code read_dimensions(ondemand::value value);
  error_code pass_over(ondemand::value value, const scalar& read);
  /// Delivers the event read from [start, end) of the padded copy; an `end` of
  /// nullptr is where simdjson stands.
  void finish(const char* start, const char* end);

  void keep_padded(std::string_view text);
  /// Rejects all from `start` on, `start` being in the padded copy.
  void reject_rest(error_code error, const char* start, place where, std::size_t index);
  /// The payload's bytes of what stands in the padded copy.
  std::string_view original(const char* begin, const char* end) const;

  const decode_limits limits;
  event_assembly event;
  ondemand::parser parser;
  ondemand::document document;
  // simdjson reads up to SIMDJSON_PADDING bytes behind the end, and payloads
  // are borrowed without any: so each is copied here.
  std::vector<char> padded;
  std::string_view payload; // Trimmed.
  std::size_t events = 0;
  const decode_context* context = nullptr;
  event_sink* sink = nullptr;
};

void json_decoder::impl::keep_padded(std::string_view text) {
  auto needed = text.size() + simdjson::SIMDJSON_PADDING;
  if (padded.size() < needed) {
    padded.resize(std::max(needed, 2 * padded.size()));
    // Together with the buffer, so that it does not grow line by line. If there
    // is no memory for it, iterate() says so.
    [[maybe_unused]] auto error = parser.allocate(padded.size());
  }
  std::memcpy(padded.data(), text.data(), text.size());
  std::memset(padded.data() + text.size(), 0, simdjson::SIMDJSON_PADDING);
}

std::string_view json_decoder::impl::original(const char* begin,
                                              const char* end) const {
  auto offset = static_cast<std::size_t>(begin - padded.data());
  auto size = static_cast<std::size_t>(end - begin);
  return trim_json(payload.substr(std::min(offset, payload.size()), size));
}

void json_decoder::impl::decode(std::string_view bytes) {
  events = 0;
  payload = trim_json(without_bom(bytes));
  if (payload.empty()) {
    reject_bytes(*sink, reject_reason::malformed, "the payload is empty", bytes);
    return;
  }
  if (payload.front() != '{' && payload.front() != '[') {
    decode_scalar(payload);
    return;
  }
  keep_padded(payload);
  std::string_view text{padded.data(), payload.size()};
  if (text.front() == '[')
    decode_array(text);
  else if (is_several_lines(text))
    decode_lines(text);
  else
    decode_object(text, place::alone, 0);
}

void json_decoder::impl::decode_scalar(std::string_view text) {
  event.begin(*context, place::alone, 0);
  scalar value;
  if (text == "true" || text == "false") {
    value.what = scalar::kind::boolean;
    value.boolean = text == "true";
  } else if (!json::read_odd_number(text, value) && text != "null") {
    event.fail(is_utf8(text) ? reject_reason::malformed : reject_reason::not_utf8, {},
               "expected an object, an array or a number, found", {}, text);
  }
  event.set(event_field::value, value);
  event.settle();
  event.finish(*sink, payload);
}

void json_decoder::impl::decode_lines(std::string_view text) {
  std::size_t number = 0;
  while (!text.empty()) {
    auto end = text.find('\n');
    auto line = trim_json(text.substr(0, end));
    ++number;
    if (events >= limits.events_max) {
      reject_bytes(*sink, reject_reason::too_large,
                   "more than " + std::to_string(limits.events_max)
                     + " events in one payload; the rest was not read",
                   original(text.data(), text.data() + text.size()));
      return;
    }
    if (!line.empty())
      decode_line(line, number);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

void json_decoder::impl::decode_line(std::string_view line, std::size_t number) {
  ++events;
  if (line.front() == '{') {
    decode_object(line, place::on_line, number);
    return;
  }
  event.begin(*context, place::on_line, number);
  event.fail(is_utf8(line) ? reject_reason::malformed : reject_reason::not_utf8, {},
             "expected an object, found", {}, line);
  finish(line.data(), line.data() + line.size());
}

error_code json_decoder::impl::open(std::string_view text) {
  auto begin = static_cast<std::size_t>(text.data() - padded.data());
  simdjson::padded_string_view view{text.data(), text.size(), padded.size() - begin};
  return parser.iterate(view).get(document);
}

bool json_decoder::impl::at_end() {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

const char* json_decoder::impl::location() {
  const char* at = nullptr;
  if (document.current_location().get(at))
    return padded.data() + payload.size(); // All has been read.
  return at;
}

void json_decoder::impl::decode_object(std::string_view text, place where,
                                       std::size_t index) {
  event.begin(*context, where, index);
  ondemand::object object;
  auto error = open(text);
  if (!error)
    error = document.get_object().get(object);
  if (!error)
    error = read_event(object);
  if (!error && !at_end())
    error = simdjson::TRAILING_CONTENT;
  // The event is one with its document: an error behind its last field rejects
  // it.
  if (error)
    event.fail(json::reason_of(error), {},
               "not valid JSON:", simdjson::error_message(error));
  finish(text.data(), text.data() + text.size());
}

void json_decoder::impl::decode_array(std::string_view text) {
  ondemand::array array;
  auto error = open(text);
  if (!error)
    error = document.get_array().get(array);
  if (error) {
    reject_rest(error, text.data(), place::alone, 0);
    return;
  }
  const char* start = text.data();
  for (auto item : array) {
    ondemand::value element;
    if ((error = item.get(element)))
      break;
    start = element.raw_json_token().data();
    if (events >= limits.events_max) {
      reject_bytes(*sink, reject_reason::too_large,
                   "more than " + std::to_string(limits.events_max)
                     + " events in one payload; the rest was not read",
                   original(start, text.data() + text.size()));
      return;
    }
    if ((error = decode_element(element, events)))
      break;
    ++events;
  }
  if (!error && !at_end()) {
    error = simdjson::TRAILING_CONTENT;
    start = location();
  }
  if (error)
    reject_rest(error, start, place::in_array, events);
}

error_code json_decoder::impl::decode_element(ondemand::value element,
                                              std::size_t index) {
  const char* start = element.raw_json_token().data();
  event.begin(*context, place::in_array, index);
  if (*start != '{') {
    scalar value;
    auto token = json::trimmed_token(element);
    if (json::read_scalar(element, value) == scalar_result::broken)
      return simdjson::TAPE_ERROR;
    event.fail(reject_reason::wrong_type, {}, "an event must be an object, found", {},
               token);
    bool nested = json::is_nested(value);
    auto error = nested ? pass_over(element, value) : simdjson::SUCCESS;
    if (error)
      return error;
    finish(start, nested ? nullptr : start + token.size());
    return simdjson::SUCCESS;
  }
  ondemand::object object;
  if (auto error = element.get_object().get(object))
    return error;
  if (auto error = read_event(object))
    return error;
  finish(start, nullptr);
  return simdjson::SUCCESS;
}

error_code json_decoder::impl::read_event(ondemand::object object) {
  for (auto item : object) {
    if (item.error())
      return item.error();
    // In place: a copy right behind the write stalls, the hottest spot once.
    auto&& field = std::move(item).value_unsafe();
    if (auto error = read_field(field))
      return error;
  }
  return simdjson::SUCCESS;
}

error_code json_decoder::impl::read_field(ondemand::field& field) {
  auto name = json::read_key(field);
  auto& value = field.value();
  scalar read;
  switch (json::read_scalar(value, read)) {
  case scalar_result::broken:
    return simdjson::TAPE_ERROR;
  case scalar_result::bad_word:
    event.fail(reject_reason::malformed, {}, "not valid JSON:", {},
               json::trimmed_token(value));
    return simdjson::SUCCESS;
  case scalar_result::read:
    break;
  }
  if (name == event_field::dimensions && read.what == scalar::kind::object
      && event.open_dimensions())
    return read_dimensions(value);
  if (name != event_field::unknown)
    event.set(name, read);
  return json::is_nested(read) ? pass_over(value, read) : simdjson::SUCCESS;
}

error_code json_decoder::impl::read_dimensions(ondemand::value value) {
  ondemand::object object;
  if (auto error = value.get_object().get(object))
    return error;
  for (auto item : object) {
    if (item.error())
      return item.error();
    auto&& field = std::move(item).value_unsafe();
    std::string_view key;
    if (field.unescaped_key().get(key))
      event.fail(reject_reason::malformed, "dimensions",
                 "has a key with a broken escape");
    scalar read;
    auto result = json::read_scalar(field.value(), read);
    if (result == scalar_result::broken)
      return simdjson::TAPE_ERROR;
    if (result == scalar_result::bad_word)
      event.fail(reject_reason::malformed, key, "is not valid JSON:", {},
                 json::trimmed_token(field.value()));
    else
      event.add_dimension(key, read);
    if (!json::is_nested(read))
      continue;
    if (auto error = pass_over(field.value(), read))
      return error;
  }
  return simdjson::SUCCESS;
}

error_code json_decoder::impl::pass_over(ondemand::value value, const scalar& read) {
  std::string_view raw;
  error_code error = simdjson::SUCCESS;
  if (read.what == scalar::kind::object) {
    ondemand::object object;
    error = value.get_object().get(object);
    if (!error)
      error = object.raw_json().get(raw);
  } else if (read.what == scalar::kind::array) {
    ondemand::array array;
    error = value.get_array().get(array);
    if (!error)
      error = array.raw_json().get(raw);
  }
  if (!error && nests_deeper(raw, limits.depth_max))
    event.fail(reject_reason::too_large, {},
               "values nest deeper than " + std::to_string(limits.depth_max)
                 + " levels");
  return error;
}

void json_decoder::impl::finish(const char* start, const char* end) {
  if (event.settle())
    event.finish(*sink, payload);
  else
    event.finish(*sink, original(start, end != nullptr ? end : location()));
}

void json_decoder::impl::reject_rest(error_code error, const char* start, place where,
                                     std::size_t index) {
  event.begin(*context, where, index);
  event.fail(json::reason_of(error), {},
             "not valid JSON from here on:", simdjson::error_message(error));
  event.settle();
  event.finish(*sink, original(start, padded.data() + payload.size()));
}

json_decoder::json_decoder(decode_limits limits)
  : impl_(std::make_unique<impl>(limits)) {
}

json_decoder::~json_decoder() = default;

void json_decoder::decode(std::string_view payload, const decode_context& context,
                          event_sink& sink) {
  if (reject_oversized(impl_->limits, payload, sink))
    return;
  impl_->context = &context;
  impl_->sink = &sink;
  impl_->decode(payload);
}

} // namespace weir::transport
