#include "transport/event_assembly.hpp"

#include "transport/timestamp.hpp"
#include "transport/utf8.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace weir::transport {

namespace {

using analytics::reject_reason;
using kind = scalar::kind;

// Fields that stand for the same thing share a group; within it the name of
// higher precedence wins. The index is the event_field.
constexpr std::array<std::uint8_t, 11> group_of{0, 0, 0, 1, 1, 2, 2, 2, 3, 4, 5};

constexpr std::array<std::string_view, 13> field_names{
  "timestamp", "time", "ts",  "type",  "metric",     "source", "device_id",
  "user_id",   "id",   "seq", "value", "dimensions", ""};

std::string_view name_of(event_field field) {
  return field_names[static_cast<std::size_t>(field)];
}

std::string_view kind_name(kind what) {
  switch (what) {
  case kind::null:
    return "null";
  case kind::boolean:
    return "a boolean";
  case kind::integer:
  case kind::natural:
  case kind::real:
    return "a number";
  case kind::text:
    return "text";
  case kind::instant:
    return "a timestamp";
  case kind::object:
    return "an object";
  case kind::array:
    return "an array";
  case kind::binary:
    return "binary";
  }
  return "unknown";
}

template <class Number, class Buffer>
std::string_view as_text(Number x, Buffer& buffer) {
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x).ptr;
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

} // namespace

event_field field_of(std::string_view key) {
  using enum event_field;
  auto either = [key](event_field x) { return key == name_of(x) ? x : unknown; };
  switch (key.size()) {
  case 2:
    return key == "ts" ? ts : either(id);
  case 3:
    return either(seq);
  case 4:
    return key == "type" ? type : either(time);
  case 5:
    return either(value);
  case 6:
    return key == "metric" ? metric : either(source);
  case 7:
    return either(user_id);
  case 9:
    return key == "timestamp" ? timestamp : either(device_id);
  case 10:
    return either(dimensions);
  default:
    return unknown;
  }
}

event_assembly::event_assembly(const decode_limits& limits, bool utf8_checked)
  : limits_(limits), utf8_checked_(utf8_checked) {
  dimensions_.reserve(limits.dimensions_max + 1);
  dimension_digits_.resize(limits.dimensions_max + 1);
  detail_.reserve(2 * detail_bytes_max);
}

void event_assembly::begin(const decode_context& context, place where,
                           std::size_t index) {
  context_ = &context;
  where_ = where;
  index_ = index;
  event_ = {};
  ranks_.fill(event_field::unknown);
  has_value_ = false;
  has_dimensions_ = false;
  dimensions_.clear();
  failed_ = false;
}

void event_assembly::set(event_field field, const scalar& value) {
  if (value.what == kind::null)
    return;
  if (field == event_field::dimensions) {
    if (!has_dimensions_)
      fail(reject_reason::wrong_type, name_of(field),
           "must be an object of text, numbers and booleans, found",
           kind_name(value.what));
    return;
  }
  auto& rank = ranks_[group_of[static_cast<std::size_t>(field)]];
  if (field >= rank)
    return;
  rank = field;
  switch (field) {
  case event_field::timestamp:
  case event_field::time:
  case event_field::ts:
    return set_time(name_of(field), value);
  case event_field::type:
  case event_field::metric:
    return set_name(field, event_.series.metric, value, metric_digits_);
  case event_field::id:
    return set_name(field, event_.id, value, id_digits_);
  case event_field::seq:
    return set_sequence(value);
  case event_field::value:
    return set_value(value);
  default:
    return set_name(field, event_.series.source, value, source_digits_);
  }
}

void event_assembly::set_time(std::string_view name, const scalar& value) {
  auto unit = context_->unit;
  switch (value.what) {
  case kind::integer:
    event_.time_ns = time_from_integer(value.integer, unit);
    break;
  case kind::real:
    event_.time_ns = time_from_real(value.real, unit);
    break;
  case kind::natural: // Beyond int64 in any unit.
    event_.time_ns.reset();
    break;
  case kind::text:
    event_.time_ns = time_from_text(value.text, unit);
    break;
  case kind::instant:
    event_.time_ns = value.integer;
    break;
  default:
    fail(reject_reason::wrong_type, name, "must be ISO 8601 text or a number, found",
         kind_name(value.what));
    return;
  }
  if (event_.time_ns)
    return;
  if (value.what == kind::text)
    fail(utf8_checked_ || is_utf8(value.text) ? reject_reason::bad_time
                                              : reject_reason::not_utf8,
         name, "is no ISO 8601 time such as 2026-03-01T12:00:00Z:", {}, value.text);
  else
    fail(reject_reason::bad_time, name,
         "does not fit into nanoseconds since 1970 (years 1677 to 2262)");
}

void event_assembly::set_value(const scalar& value) {
  has_value_ = true;
  switch (value.what) {
  case kind::integer:
    event_.value = static_cast<double>(value.integer);
    return;
  case kind::natural:
    event_.value = static_cast<double>(value.natural);
    return;
  case kind::boolean:
    event_.value = value.boolean ? 1.0 : 0.0;
    return;
  case kind::real:
    event_.value = value.real;
    if (!std::isfinite(value.real))
      fail(reject_reason::not_finite, "value", "must be a finite number, found",
           std::isnan(value.real) ? "NaN" : "infinity");
    return;
  case kind::text:
    fail(reject_reason::wrong_type, "value",
         "must be a number or a boolean, found text", {}, value.text);
    return;
  default:
    fail(reject_reason::wrong_type, "value", "must be a number or a boolean, found",
         kind_name(value.what));
  }
}

void event_assembly::set_sequence(const scalar& value) {
  constexpr auto rule = "must be a whole number from 0 to 2^64 - 1, found";
  if (value.what == kind::natural)
    event_.sequence = value.natural;
  else if (value.what == kind::integer && value.integer >= 0)
    event_.sequence = static_cast<std::uint64_t>(value.integer);
  else if (value.what == kind::integer)
    fail(reject_reason::wrong_type, "seq", rule, "a negative one");
  else if (value.what == kind::real)
    fail(reject_reason::wrong_type, "seq", rule, "a fraction or a larger one");
  else
    fail(reject_reason::wrong_type, "seq", rule, kind_name(value.what));
}

void event_assembly::set_name(event_field field, std::string_view& out,
                              const scalar& value, digits& buffer) {
  bool number_allowed = field != event_field::type && field != event_field::metric;
  if (value.what == kind::text) {
    if (good_text(name_of(field), value.text))
      out = value.text;
  } else if (value.what == kind::integer && number_allowed) {
    out = as_text(value.integer, buffer);
  } else if (value.what == kind::natural && number_allowed) {
    out = as_text(value.natural, buffer);
  } else {
    fail(reject_reason::wrong_type, name_of(field),
         number_allowed ? "must be text or a whole number, found"
                        : "must be text, found",
         kind_name(value.what));
  }
}

bool event_assembly::good_text(std::string_view field, std::string_view text) {
  if (text.size() > limits_.text_bytes_max) {
    fail(reject_reason::too_large, field,
         "has " + std::to_string(text.size()) + " bytes, at most "
           + std::to_string(limits_.text_bytes_max) + " are allowed");
    return false;
  }
  if (!utf8_checked_ && !is_utf8(text)) {
    fail(reject_reason::not_utf8, field, "is not UTF-8:", {}, text);
    return false;
  }
  return true;
}

bool event_assembly::open_dimensions() {
  return !std::exchange(has_dimensions_, true);
}

void event_assembly::add_dimension(std::string_view key, const scalar& value) {
  if (failed_ || value.what == kind::null || !good_text("dimensions", key))
    return;
  if (key.empty()) {
    fail(reject_reason::wrong_type, "dimensions", "has a key without a name");
    return;
  }
  auto same_key = [key](const analytics::dimension& x) { return x.key == key; };
  if (std::ranges::any_of(dimensions_, same_key))
    return;
  std::string_view text;
  auto& buffer = dimension_digits_[dimensions_.size()];
  switch (value.what) {
  case kind::text:
    if (!good_text(key, value.text))
      return;
    text = value.text;
    break;
  case kind::boolean:
    text = value.boolean ? "true" : "false";
    break;
  case kind::integer:
    text = as_text(value.integer, buffer);
    break;
  case kind::natural:
    text = as_text(value.natural, buffer);
    break;
  case kind::real:
    if (!std::isfinite(value.real)) {
      fail(reject_reason::not_finite, key, "must be a finite number");
      return;
    }
    text = as_text(value.real, buffer);
    break;
  default:
    fail(reject_reason::wrong_type, key,
         "must be text, a number or a boolean (dimensions are flat), found",
         kind_name(value.what));
    return;
  }
  dimensions_.push_back({key, text});
  check_dimension_count();
}

void event_assembly::check_dimension_count() {
  if (dimensions_.size() > limits_.dimensions_max)
    fail(reject_reason::too_large, "dimensions",
         "has more than " + std::to_string(limits_.dimensions_max) + " entries");
}

void event_assembly::take_from_context() {
  auto& series = event_.series;
  if (series.metric.empty() && good_text("metric", context_->metric))
    series.metric = context_->metric;
  if (series.source.empty() && good_text("source", context_->source))
    series.source = context_->source;
  for (const auto& x : context_->dimensions) {
    if (failed_)
      return;
    add_dimension(x.key, {.what = kind::text, .text = x.value});
  }
}

void event_assembly::fail(reject_reason reason, std::string_view field,
                          std::string_view what, std::string_view found,
                          std::string_view quoted) {
  if (failed_)
    return;
  failed_ = true;
  reason_ = reason;
  detail_.clear();
  if (where_ != place::alone) {
    detail_ += where_ == place::in_array ? "event " : "line ";
    detail_ += std::to_string(index_);
    detail_ += ": ";
  }
  if (!field.empty()) {
    append_quoted(detail_, field, 40);
    detail_ += ' ';
  }
  detail_ += what;
  if (!found.empty()) {
    detail_ += ' ';
    detail_ += found;
  }
  if (!quoted.empty()) {
    detail_ += ' ';
    append_quoted(detail_, quoted, 40);
  }
}

bool event_assembly::settle() {
  if (!failed_)
    take_from_context();
  if (event_.series.metric.empty())
    fail(reject_reason::missing_field, {},
         "no \"type\" in the payload and no {metric} in the topic template");
  if (!has_value_)
    fail(reject_reason::missing_field, {}, "no \"value\": an event needs a number");
  return !failed_;
}

void event_assembly::finish(event_sink& sink, std::string_view bytes) {
  if (failed_) {
    sink.on_reject(reason_, cut_utf8(detail_, detail_bytes_max), bytes);
    return;
  }
  event_.series.dimensions = dimensions_;
  sink.on_event(event_);
}

void reject_bytes(event_sink& sink, reject_reason reason, std::string_view detail,
                  std::string_view bytes) {
  sink.on_reject(reason, cut_utf8(detail, detail_bytes_max), bytes);
}

bool reject_oversized(const decode_limits& limits, std::string_view payload,
                      event_sink& sink) {
  if (payload.size() <= limits.payload_bytes_max)
    return false;
  reject_bytes(sink, reject_reason::too_large,
               "the payload has " + std::to_string(payload.size()) + " bytes, at most "
                 + std::to_string(limits.payload_bytes_max) + " are allowed",
               payload);
  return true;
}

} // namespace weir::transport
