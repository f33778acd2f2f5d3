#include "transport/uplink_messages.hpp"

#include "transport/msgpack_io.hpp"
#include "transport/uplink_field_reader.hpp"
#include "transport/utf8.hpp"

#include <array>
#include <tuple>
#include <utility>

namespace weir::transport {

namespace {

using result = expected<uplink_message, error>;

// The first element of each array. Numbers are part of the wire format: never
// reuse one (transport/WIRE.md).
enum class type_code : std::uint8_t {
  hello = 1,
  welcome = 2,
  reject = 3,
  // 4 and 5 were block and skip of wire version 1.
  ack = 6,
  resend = 7,
  status = 8,
  pong = 9,
  batch = 10,
};

tl::unexpected<error> malformed(std::string what) {
  return unexpected(error{errc::malformed, std::move(what)});
}

tl::unexpected<error> other_version(std::uint8_t version) {
  auto older = version < uplink_wire_version;
  return unexpected(error{
    errc::unsupported, "uplink message: wire version " + std::to_string(version)
                         + ", this build speaks " + std::to_string(uplink_wire_version)
                         + ": update " + (older ? "the other side" : "this side")});
}

/// Those of edge_ledger follow behind these.
auto fields_of(const edge_status& x) {
  return std::tie(x.version, x.epoch, x.run, x.time_ns, x.started_ns, x.events_total,
                  x.rejected_total, x.late_total, x.shed_total, x.series_open,
                  x.anomalies_total, x.alerts_firing, x.outbox_records, x.outbox_bytes,
                  x.expired_total, x.rss_bytes, x.rejected_by_reason,
                  x.rejecting_sources, x.rejected_by_source, x.revisions_total,
                  x.filtered_total, x.derived_total, x.evicted_total, x.series_known,
                  x.state_bytes, x.restamped_total, x.held_events, x.clock_jumps_total);
}

// -- encoding
// ------------------------------------------------------------------

class encoder {
public:
  explicit encoder(std::string& out) : out_(out) {
  }

  void operator()(const hello_message& x) {
    begin(type_code::hello, 6);
    out_.natural(x.wire_version);
    out_.natural(x.epoch);
    out_.natural(x.run);
    out_.natural(x.next_seq);
    text(x.software_version);
    out_.natural(x.unsent_seq);
  }

  void operator()(const welcome_message& x) {
    begin(type_code::welcome, 7);
    out_.natural(x.epoch);
    put(x.position);
    out_.natural(x.credit_bytes);
    out_.integer(x.server_time_ns);
    out_.natural(x.heartbeat_ms);
  }

  void operator()(const reject_message& x) {
    begin(type_code::reject, 2);
    out_.natural(static_cast<std::uint8_t>(x.code));
    text(x.reason);
  }

  void operator()(const batch_message& x) {
    auto entries = encode_entries(x.entries);
    begin(type_code::batch, 5);
    out_.natural(x.epoch);
    out_.natural(x.live_lane ? 1 : 0);
    out_.natural(static_cast<std::uint8_t>(entries.encoding));
    out_.natural(entries.size_bytes);
    out_.binary(entries.bytes);
  }

  void operator()(const ack_message& x) {
    begin(type_code::ack, 5);
    out_.natural(x.epoch);
    put(x.position);
    out_.natural(x.credit_bytes);
  }

  void operator()(const resend_message& x) {
    begin(type_code::resend, 3);
    out_.natural(x.epoch);
    out_.natural(x.from_seq);
    out_.natural(x.live_lane ? 1 : 0);
  }

  void operator()(const status_message& x) {
    begin(type_code::status, 1);
    auto fields = fields_of(x.status);
    out_.array(std::tuple_size_v<decltype(fields)> + edge_ledger_fields.size());
    std::apply([this](const auto&... field) { (put(field), ...); }, fields);
    for (const auto& field : edge_ledger_fields)
      out_.natural(x.status.ledger.*field.value);
  }

  void operator()(const pong_message& x) {
    begin(type_code::pong, 3);
    out_.integer(x.server_time_ns);
    out_.integer(x.echo_ns);
    out_.natural(x.credit_bytes);
  }

private:
  void begin(type_code type, std::size_t field_count) {
    out_.array(field_count + 1);
    out_.natural(static_cast<std::uint8_t>(type));
  }

  void text(std::string_view x) {
    out_.text(cut_utf8(x, uplink_text_bytes_max));
  }

  void put(const uplink_position& x) {
    out_.natural(x.through_seq);
    out_.natural(x.lane_first);
    out_.natural(x.lane_through);
  }

  void put(const std::vector<std::string>& xs) {
    auto count = std::min<std::size_t>(xs.size(), uplink_elements_max);
    out_.array(count);
    for (std::size_t i = 0; i < count; ++i)
      text(xs[i]);
  }

  void put(const std::string& x) {
    text(x);
  }
  void put(std::uint32_t x) {
    out_.natural(x);
  }
  void put(std::uint64_t x) {
    out_.natural(x);
  }
  void put(std::int64_t x) {
    out_.integer(x);
  }
  void put(const std::vector<std::uint64_t>& list) {
    auto count = std::min<std::size_t>(list.size(), uplink_elements_max);
    out_.array(count);
    for (std::size_t i = 0; i < count; ++i)
      out_.natural(list[i]);
  }

  msgpack_writer out_;
};

// -- decoding
// ------------------------------------------------------------------

void read(uplink_field_reader& in, hello_message& x) {
  in.natural(x.wire_version, "wire_version");
  in.natural(x.epoch, "epoch");
  in.natural(x.run, "run");
  in.natural(x.next_seq, "next_seq");
  in.text(x.software_version, "software_version");
  in.appended_natural(x.unsent_seq, "unsent_seq");
  in.check(x.next_seq > 0, "next_seq is 0, numbering starts at 1");
  in.check(x.unsent_seq <= x.next_seq, "unsent_seq is above next_seq");
}

void read(uplink_field_reader& in, uplink_position& x) {
  in.natural(x.through_seq, "through_seq");
  in.natural(x.lane_first, "lane_first");
  in.natural(x.lane_through, "lane_through");
  in.check(x.lane_first == 0
             ? x.lane_through == 0
             : x.lane_first - 1 > x.through_seq && x.lane_through >= x.lane_first,
           "the lane does not lie behind through_seq");
}

void read(uplink_field_reader& in, welcome_message& x) {
  in.natural(x.epoch, "epoch");
  read(in, x.position);
  in.natural(x.credit_bytes, "credit_bytes");
  in.integer(x.server_time_ns, "server_time_ns");
  in.natural(x.heartbeat_ms, "heartbeat_ms");
}

void read(uplink_field_reader& in, reject_message& x) {
  std::uint8_t code = 0;
  in.natural(code, "code");
  in.text(x.reason, "reason");
  if (code < 1 || code > static_cast<std::uint8_t>(reject_code::out_of_order))
    in.fail("code " + std::to_string(code) + " is unknown", errc::unsupported);
  x.code = static_cast<reject_code>(code);
}

void read(uplink_field_reader& in, batch_message& x) {
  std::uint8_t encoding = 0;
  std::uint64_t size_bytes = 0;
  std::string_view bytes;
  in.natural(x.epoch, "epoch");
  in.flag(x.live_lane, "live_lane");
  in.natural(encoding, "encoding");
  in.natural(size_bytes, "size_bytes");
  in.binary(bytes, batch_bytes_max, "entries");
  if (in.why())
    return;
  if (auto entries = decode_entries(encoding, size_bytes, bytes))
    x.entries = std::move(*entries);
  else
    in.fail(std::move(entries).error());
}

void read(uplink_field_reader& in, ack_message& x) {
  in.natural(x.epoch, "epoch");
  read(in, x.position);
  in.natural(x.credit_bytes, "credit_bytes");
}

void read(uplink_field_reader& in, resend_message& x) {
  in.natural(x.epoch, "epoch");
  in.natural(x.from_seq, "from_seq");
  in.flag(x.live_lane, "live_lane");
  in.check(x.from_seq > 0, "from_seq is 0, numbering starts at 1");
}

void read(uplink_field_reader& in, status_message& x) {
  auto appended_outside = in.extra();
  auto& s = x.status;
  in.open(19);
  in.text(s.version, "version");
  in.natural(s.epoch, "epoch");
  in.natural(s.run, "run");
  in.integer(s.time_ns, "time_ns");
  in.integer(s.started_ns, "started_ns");
  in.natural(s.events_total, "events_total");
  in.natural(s.rejected_total, "rejected_total");
  in.natural(s.late_total, "late_total");
  in.natural(s.shed_total, "shed_total");
  in.natural(s.series_open, "series_open");
  in.natural(s.anomalies_total, "anomalies_total");
  in.natural(s.alerts_firing, "alerts_firing");
  in.natural(s.outbox_records, "outbox_records");
  in.natural(s.outbox_bytes, "outbox_bytes");
  in.natural(s.expired_total, "expired_total");
  in.natural(s.rss_bytes, "rss_bytes");
  in.naturals(s.rejected_by_reason, "rejected_by_reason");
  in.texts(s.rejecting_sources, "rejecting_sources");
  in.naturals(s.rejected_by_source, "rejected_by_source");
  // Appended later: an edge that is older than its centre ends here, or in between.
  in.appended_natural(s.revisions_total, "revisions_total");
  in.appended_natural(s.filtered_total, "filtered_total");
  in.appended_natural(s.derived_total, "derived_total");
  in.appended_natural(s.evicted_total, "evicted_total");
  in.appended_natural(s.series_known, "series_known");
  in.appended_natural(s.state_bytes, "state_bytes");
  in.appended_natural(s.restamped_total, "restamped_total");
  in.appended_natural(s.held_events, "held_events");
  in.appended_natural(s.clock_jumps_total, "clock_jumps_total");
  for (const auto& field : edge_ledger_fields)
    in.appended_natural(s.ledger.*field.value, field.name);
  in.pass_extra();
  in.set_extra(appended_outside);
}

void read(uplink_field_reader& in, pong_message& x) {
  in.integer(x.server_time_ns, "server_time_ns");
  in.integer(x.echo_ns, "echo_ns");
  in.natural(x.credit_bytes, "credit_bytes");
}

/// The type code and the number of fields behind it.
struct head {
  std::uint8_t type = 0;
  bool readable = false;
};

head peek(std::string_view body) {
  msgpack_reader in{body};
  std::uint32_t count = 0;
  head x;
  x.readable = in.array(count) && count > 0 && in.natural(x.type);
  return x;
}

template <class Message>
result read_as(std::string_view body, std::uint32_t field_count) {
  Message message;
  uplink_field_reader in{body, name_of(uplink_message{Message{}})};
  std::uint8_t type = 0;
  in.open(field_count + 1);
  in.natural(type, "type");
  read(in, message);
  in.pass_extra();
  in.demand_end();
  if (in.why())
    return unexpected(*in.why());
  return uplink_message{std::move(message)};
}

} // namespace

bool status_message::operator==(const status_message& other) const {
  return fields_of(status) == fields_of(other.status)
         && status.ledger == other.status.ledger;
}

std::string encode_uplink(const uplink_message& message) {
  std::string out;
  auto greets = std::holds_alternative<hello_message>(message)
                || std::holds_alternative<reject_message>(message);
  out.push_back(
    static_cast<char>(greets ? uplink_greeting_version : uplink_wire_version));
  std::visit(encoder{out}, message);
  return out;
}

result decode_uplink(std::string_view frame) {
  if (frame.empty())
    return malformed("uplink message: the frame is empty");
  if (frame.size() > uplink_message_bytes_max)
    return unexpected(error{
      errc::too_large, "uplink message: the frame has " + std::to_string(frame.size())
                         + " bytes, at most " + std::to_string(uplink_message_bytes_max)
                         + " are allowed"});
  auto body = frame.substr(1);
  auto [type, readable] = peek(body);
  auto version = static_cast<std::uint8_t>(frame.front());
  if (version != uplink_wire_version && version != uplink_greeting_version)
    return other_version(version);
  if (!readable)
    return malformed("uplink message: no array that starts with a type");
  auto greets = type == static_cast<std::uint8_t>(type_code::hello)
                || type == static_cast<std::uint8_t>(type_code::reject);
  if (version == uplink_greeting_version && !greets)
    return other_version(version);
  if (version == uplink_wire_version && greets)
    return malformed("uplink message: hello and reject begin with version byte 1");
  switch (static_cast<type_code>(type)) {
  case type_code::hello:
    return read_as<hello_message>(body, 5);
  case type_code::welcome:
    return read_as<welcome_message>(body, 7);
  case type_code::reject:
    return read_as<reject_message>(body, 2);
  case type_code::ack:
    return read_as<ack_message>(body, 5);
  case type_code::resend:
    return read_as<resend_message>(body, 3);
  case type_code::status:
    return read_as<status_message>(body, 1);
  case type_code::pong:
    return read_as<pong_message>(body, 3);
  case type_code::batch:
    return read_as<batch_message>(body, 5);
  }
  return unexpected(error{errc::unsupported, "uplink message: type "
                                               + std::to_string(type) + " is unknown"});
}

std::string_view name_of(const uplink_message& message) {
  // In the order of the variant's alternatives.
  constexpr std::array<std::string_view, 8> names{
    "hello", "welcome", "reject", "ack", "resend", "status", "pong", "batch"};
  static_assert(names.size() == std::variant_size_v<uplink_message>);
  return names[message.index()];
}

} // namespace weir::transport
