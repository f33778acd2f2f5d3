#include "transport/decoders.hpp"

#include "transport/event_assembly.hpp"
#include "transport/msgpack_io.hpp"

#include <optional>
#include <utility>

namespace weir::transport {

namespace {

using analytics::reject_reason;
using place = event_assembly::place;
using token_kind = msgpack_token::kind;
using skip_result = msgpack_reader::skip_result;

constexpr std::int64_t ns_per_s = 1'000'000'000;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t x = 0;
  for (char c : bytes)
    x = x << 8 | static_cast<std::uint8_t>(c);
  return x;
}

/// msgpack's own timestamp (extension -1: 32, 64 or 96 bits).
std::optional<std::int64_t> instant_ns(std::string_view data) {
  std::int64_t seconds = 0;
  std::uint64_t ns = 0;
  switch (data.size()) {
  case 4:
    seconds = static_cast<std::int64_t>(big_endian(data));
    break;
  case 8: {
    auto both = big_endian(data);
    ns = both >> 34;
    seconds = static_cast<std::int64_t>(both & 0x3'ffff'ffffULL);
    break;
  }
  case 12:
    ns = big_endian(data.substr(0, 4));
    seconds = static_cast<std::int64_t>(big_endian(data.substr(4)));
    break;
  default:
    return std::nullopt;
  }
  std::int64_t result = 0;
  if (ns >= static_cast<std::uint64_t>(ns_per_s)
      || __builtin_mul_overflow(seconds, ns_per_s, &result)
      || __builtin_add_overflow(result, static_cast<std::int64_t>(ns), &result))
    return std::nullopt;
  return result;
}

scalar to_scalar(const msgpack_token& token) {
  using kind = scalar::kind;
  switch (token.what) {
  case token_kind::nil:
    return {};
  case token_kind::boolean:
    return {.what = kind::boolean, .boolean = token.boolean};
  case token_kind::natural: {
    auto value = static_cast<std::int64_t>(token.natural);
    if (value < 0)
      return {.what = kind::natural, .natural = token.natural};
    return {.what = kind::integer, .integer = value};
  }
  case token_kind::integer:
    return {.what = kind::integer, .integer = token.integer};
  case token_kind::real:
    return {.what = kind::real, .real = token.real};
  case token_kind::text:
    return {.what = kind::text, .text = token.text};
  case token_kind::map:
    return {.what = kind::object};
  case token_kind::array:
    return {.what = kind::array};
  case token_kind::extension:
    if (token.extension_type == -1)
      if (auto ns = instant_ns(token.text))
        return {.what = kind::instant, .integer = *ns};
    return {.what = kind::binary};
  case token_kind::binary:
    break;
  }
  return {.what = kind::binary};
}

} // namespace

struct msgpack_decoder::impl {
  explicit impl(const decode_limits& x) : limits(x), event(x, false) {
  }

  void decode(std::string_view bytes);
  // These give false when the bytes are broken: nothing behind can be read.
  bool decode_array(msgpack_reader& in, std::uint32_t count);
  bool decode_one(msgpack_reader& in, const msgpack_token& head);
  bool read_event(msgpack_reader& in, std::uint32_t pairs);
  bool read_dimensions(msgpack_reader& in, std::uint32_t pairs);
  bool pass_over(msgpack_reader& in, const msgpack_token& token);
  void finish(std::size_t start, std::size_t end);

  const decode_limits limits;
  event_assembly event;
  std::string_view payload;
  std::size_t started = 0; // Where the event at hand begins.
  std::size_t events = 0;
  place where = place::alone;
  const decode_context* context = nullptr;
  event_sink* sink = nullptr;
};

void msgpack_decoder::impl::decode(std::string_view bytes) {
  payload = bytes;
  events = 0;
  started = 0;
  where = place::alone;
  msgpack_reader in{payload};
  msgpack_token head;
  if (payload.empty()) {
    reject_bytes(*sink, reject_reason::malformed, "the payload is empty", payload);
    return;
  }
  bool whole = in.next(head);
  if (whole && head.what == token_kind::array) {
    where = place::in_array;
    whole = decode_array(in, head.count);
  } else if (whole) {
    event.begin(*context, where, 0);
    whole = decode_one(in, head);
  }
  if (whole && in.remaining() == 0)
    return;
  event.begin(*context, where, events);
  event.fail(reject_reason::malformed, {},
             whole ? "bytes follow after the end of the msgpack value"
                   : "not valid msgpack from here on, or cut off");
  event.settle();
  event.finish(*sink, payload.substr(whole ? in.offset() : started));
}

bool msgpack_decoder::impl::decode_array(msgpack_reader& in, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    started = in.offset();
    if (events >= limits.events_max) {
      reject_bytes(*sink, reject_reason::too_large,
                   "more than " + std::to_string(limits.events_max)
                     + " events in one payload; the rest was not read",
                   payload.substr(started));
      // All is accounted for; to the caller nothing is left.
      in = msgpack_reader{{}};
      return true;
    }
    msgpack_token head;
    event.begin(*context, where, events);
    if (!in.next(head) || !decode_one(in, head))
      return false;
    ++events;
  }
  return true;
}

bool msgpack_decoder::impl::decode_one(msgpack_reader& in, const msgpack_token& head) {
  if (head.what == token_kind::map) {
    if (!read_event(in, head.count))
      return false;
  } else {
    // Also a bare number: any byte from e0 on is one, and noise is no measurement.
    event.fail(reject_reason::wrong_type, {},
               where == place::alone ? "expected a map or an array of maps"
                                     : "an event must be a map");
    if (!pass_over(in, head))
      return false;
  }
  finish(started, in.offset());
  return true;
}

bool msgpack_decoder::impl::read_event(msgpack_reader& in, std::uint32_t pairs) {
  msgpack_token key;
  msgpack_token value;
  for (std::uint32_t i = 0; i < pairs; ++i) {
    if (!in.next(key) || !pass_over(in, key) || !in.next(value))
      return false;
    auto name
      = key.what == token_kind::text ? field_of(key.text) : event_field::unknown;
    if (name == event_field::dimensions && value.what == token_kind::map
        && event.open_dimensions()) {
      if (!read_dimensions(in, value.count))
        return false;
      continue;
    }
    if (name != event_field::unknown)
      event.set(name, to_scalar(value));
    if (!pass_over(in, value))
      return false;
  }
  return true;
}

bool msgpack_decoder::impl::read_dimensions(msgpack_reader& in, std::uint32_t pairs) {
  msgpack_token key;
  msgpack_token value;
  for (std::uint32_t i = 0; i < pairs; ++i) {
    if (!in.next(key) || !pass_over(in, key) || !in.next(value))
      return false;
    if (key.what == token_kind::text)
      event.add_dimension(key.text, to_scalar(value));
    else
      event.fail(reject_reason::wrong_type, "dimensions", "has a key that is not text");
    if (!pass_over(in, value))
      return false;
  }
  return true;
}

bool msgpack_decoder::impl::pass_over(msgpack_reader& in, const msgpack_token& token) {
  if (token.what != token_kind::array && token.what != token_kind::map)
    return true;
  auto result = in.skip(token, limits.depth_max);
  if (result == skip_result::too_deep)
    event.fail(reject_reason::too_large, {},
               "values nest deeper than " + std::to_string(limits.depth_max)
                 + " levels");
  return result != skip_result::broken;
}

void msgpack_decoder::impl::finish(std::size_t start, std::size_t end) {
  event.settle();
  event.finish(*sink, payload.substr(start, end - start));
}

msgpack_decoder::msgpack_decoder(decode_limits limits)
  : impl_(std::make_unique<impl>(limits)) {
}

msgpack_decoder::~msgpack_decoder() = default;

void msgpack_decoder::decode(std::string_view payload, const decode_context& context,
                             event_sink& sink) {
  if (reject_oversized(impl_->limits, payload, sink))
    return;
  impl_->context = &context;
  impl_->sink = &sink;
  impl_->decode(payload);
}

} // namespace weir::transport
