#include "transport/block_codec.hpp"

#include "analytics/extended_aggregates.hpp"
#include "analytics/zstd_codec.hpp"
#include "transport/msgpack_io.hpp"
#include "transport/utf8.hpp"

#include <cmath>
#include <limits>
#include <utility>

namespace weir::transport {

namespace {

using analytics::record_block;

// Version 1 had summaries without `early` and `extended`; outboxes may hold it. Version
// 3 is version 2 in a zstd frame.
constexpr std::uint8_t block_version_compressed = 3;
constexpr std::uint8_t block_version = 2;
constexpr std::uint8_t block_version_min = 1;

// Smaller blocks gain little and are compressed together with others on the link.
constexpr std::size_t compress_above_bytes = 512;

// Fields per record (transport/WIRE.md, "Block").
constexpr std::uint32_t summary_fields = 17;
constexpr std::uint32_t summary_fields_v1 = 15;
constexpr std::uint32_t anomaly_fields = 8;
constexpr std::uint32_t alert_fields = 10;
constexpr std::uint32_t rejection_fields = 5;

// Bounds of texts inside a block; what makes them stays far below.
constexpr std::size_t series_bytes_max = 64 << 10;
constexpr std::size_t text_bytes_max = 4 << 10;
constexpr std::size_t first_bytes_max = 256;
using analytics::extended_bytes_max;

// Times near the window's start are written as their distance from it: a few
// bytes instead of nine. Unsigned arithmetic wraps, so every pair comes back.
std::int64_t distance(std::int64_t from, std::int64_t to) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(to)
                                   - static_cast<std::uint64_t>(from));
}

std::int64_t moved(std::int64_t from, std::int64_t by) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(from)
                                   + static_cast<std::uint64_t>(by));
}

// -- encoding
// ------------------------------------------------------------------

// A block that the centre refuses would be sent for ever. So what the decoder
// would not take is brought into bounds here: sums that have overflowed become
// the largest double, texts are cut, and texts that are not UTF-8 get `?`.

double finite(double x) {
  if (std::isfinite(x))
    return x;
  constexpr auto max = std::numeric_limits<double>::max();
  return std::isnan(x) ? 0.0 : std::copysign(max, x);
}

void put_real(msgpack_writer& out, double x) {
  out.real(finite(x));
}

void put_text(msgpack_writer& out, std::string_view x) {
  if (is_utf8(x)) {
    out.text(cut_utf8(x, text_bytes_max));
    return;
  }
  std::string readable{x.substr(0, text_bytes_max)};
  for (auto& c : readable)
    if (static_cast<unsigned char>(c) >= 0x80)
      c = '?';
  out.text(readable);
}

/// What a summary is to others of its window; see WIRE.md.
enum class summary_kind : std::uint8_t { final = 0, early = 1, correction = 2 };

summary_kind kind_of(const analytics::summary& x) {
  if (x.early)
    return summary_kind::early;
  return x.correction ? summary_kind::correction : summary_kind::final;
}

void put(msgpack_writer& out, const analytics::summary& x) {
  out.array(summary_fields);
  out.natural(x.series);
  out.integer(x.start_ns);
  out.integer(x.width_ns);
  out.natural(x.count);
  put_real(out, x.sum);
  put_real(out, x.min);
  put_real(out, x.max);
  put_real(out, x.mean);
  put_real(out, x.m2);
  put_real(out, x.first);
  put_real(out, x.last);
  out.integer(distance(x.start_ns, x.first_ns));
  out.integer(distance(x.start_ns, x.last_ns));
  out.natural(x.late_count);
  out.natural(x.revision);
  out.natural(static_cast<std::uint8_t>(kind_of(x)));
  // Cut bytes would be no sketch: the summary goes without. Extended aggregates that
  // encode themselves are never that large.
  out.binary(x.extended.size() <= extended_bytes_max ? std::string_view{x.extended}
                                                     : std::string_view{});
}

void put(msgpack_writer& out, const analytics::anomaly& x) {
  out.array(anomaly_fields);
  out.natural(x.series);
  out.integer(x.time_ns);
  put_real(out, x.value);
  put_real(out, x.expected);
  put_real(out, x.deviation);
  put_real(out, x.score);
  out.natural(static_cast<std::uint8_t>(x.severity));
  put_text(out, x.model);
}

void put(msgpack_writer& out, const analytics::alert& x) {
  out.array(alert_fields);
  put_text(out, x.id);
  put_text(out, x.rule);
  out.natural(x.series);
  out.natural(static_cast<std::uint8_t>(x.state));
  out.natural(static_cast<std::uint8_t>(x.severity));
  out.integer(x.start_ns);
  out.integer(distance(x.start_ns, x.updated_ns));
  put_real(out, x.value);
  put_real(out, x.limit);
  put_text(out, x.message);
}

void put(msgpack_writer& out, const analytics::rejection& x) {
  out.array(rejection_fields);
  out.integer(x.time_ns);
  put_text(out, x.source);
  out.natural(static_cast<std::uint8_t>(x.reason));
  put_text(out, x.detail);
  out.binary(std::string_view{x.first_bytes}.substr(0, first_bytes_max));
}

template <class Record>
void put_all(msgpack_writer& out, const std::vector<Record>& records) {
  out.array(records.size());
  for (const auto& x : records)
    put(out, x);
}

// -- decoding
// ------------------------------------------------------------------

class block_reader {
public:
  block_reader(std::string_view bytes, std::uint8_t version)
    : in_(bytes), version_(version) {
  }

  expected<record_block, error> read() {
    std::uint32_t lists = 0;
    if (!in_.array(lists) || lists != 5) {
      fail("expected an array of 5 lists behind the version");
      return unexpected(std::move(error_));
    }
    place_ = "series";
    read_series();
    read_list(block_.summaries, "summary",
              version_ == 1 ? summary_fields_v1 : summary_fields);
    read_list(block_.anomalies, "anomaly", anomaly_fields);
    read_list(block_.alerts, "alert", alert_fields);
    read_list(block_.rejections, "rejection", rejection_fields);
    if (!failed_ && in_.remaining() != 0)
      fail(std::to_string(in_.remaining()) + " bytes follow after the end");
    if (failed_)
      return unexpected(std::move(error_));
    return std::move(block_);
  }

private:
  void read_series() {
    std::uint32_t count = 0;
    if (!open_list(count, 1))
      return;
    block_.series.reserve(count);
    for (index_ = 0; index_ < count && !failed_; ++index_)
      text(block_.series.emplace_back(), series_bytes_max, "the text");
  }

  template <class Record>
  void read_list(std::vector<Record>& out, std::string_view name,
                 std::uint32_t field_count) {
    place_ = name;
    std::uint32_t count = 0;
    if (failed_ || !open_list(count, field_count + 1))
      return;
    out.reserve(count);
    for (index_ = 0; index_ < count && !failed_; ++index_) {
      std::uint32_t fields = 0;
      if (!in_.array(fields) || fields != field_count)
        fail("expected " + std::to_string(field_count) + " fields");
      else
        read(out.emplace_back());
    }
  }

  void read(analytics::summary& x) {
    series(x.series);
    integer(x.start_ns, "start_ns");
    integer(x.width_ns, "width_ns");
    natural(x.count, "count");
    real(x.sum, "sum");
    real(x.min, "min");
    real(x.max, "max");
    real(x.mean, "mean");
    real(x.m2, "m2");
    real(x.first, "first");
    real(x.last, "last");
    integer(x.first_ns, "first_ns");
    integer(x.last_ns, "last_ns");
    natural(x.late_count, "late_count");
    natural(x.revision, "revision");
    if (version_ > 1)
      read_additions(x);
    x.first_ns = moved(x.start_ns, x.first_ns);
    x.last_ns = moved(x.start_ns, x.last_ns);
    check(x.width_ns > 0, "width_ns is not above 0");
    check(x.count > 0, "count is 0");
  }

  /// What version 2 added. Whether `extended` can be read is asked where it is used:
  /// a sketch of a newer version must not cost the block.
  void read_additions(analytics::summary& x) {
    std::uint8_t kind = 0;
    check_kind(in_.natural(kind) && kind <= 2, "kind", " is not 0, 1 or 2");
    x.early = kind == static_cast<std::uint8_t>(summary_kind::early);
    x.correction = kind == static_cast<std::uint8_t>(summary_kind::correction);
    std::string_view bytes;
    check(in_.binary(bytes) && bytes.size() <= extended_bytes_max,
          "extended is not binary of at most 64 KiB");
    x.extended = bytes;
  }

  void read(analytics::anomaly& x) {
    series(x.series);
    integer(x.time_ns, "time_ns");
    real(x.value, "value");
    real(x.expected, "expected");
    real(x.deviation, "deviation");
    real(x.score, "score");
    choice(x.severity, analytics::severity::critical, "severity");
    text(x.model, text_bytes_max, "model");
  }

  void read(analytics::alert& x) {
    text(x.id, text_bytes_max, "id");
    text(x.rule, text_bytes_max, "rule");
    series(x.series);
    choice(x.state, analytics::alert_state::resolved, "state");
    choice(x.severity, analytics::severity::critical, "severity");
    integer(x.start_ns, "start_ns");
    integer(x.updated_ns, "updated_ns");
    real(x.value, "value");
    real(x.limit, "limit");
    text(x.message, text_bytes_max, "message");
    x.updated_ns = moved(x.start_ns, x.updated_ns);
  }

  void read(analytics::rejection& x) {
    integer(x.time_ns, "time_ns");
    text(x.source, text_bytes_max, "source");
    choice(x.reason,
           static_cast<analytics::reject_reason>(analytics::reject_reason_count - 1),
           "reason");
    text(x.detail, text_bytes_max, "detail");
    std::string_view bytes;
    check(in_.binary(bytes) && bytes.size() <= first_bytes_max,
          "first_bytes is not binary of at most 256 bytes");
    x.first_bytes = bytes;
  }

  // Nothing is reserved for more elements than the bytes left can hold.
  bool open_list(std::uint32_t& count, std::size_t element_bytes_min) {
    if (!in_.array(count)) {
      fail("expected a list");
      return false;
    }
    if (count > in_.remaining() / element_bytes_min) {
      fail("the list announces " + std::to_string(count) + " elements, but only "
           + std::to_string(in_.remaining()) + " bytes are left");
      return false;
    }
    return true;
  }

  void series(analytics::series_id& out) {
    natural(out, "series");
    check(out < block_.series.size(), "series is no index into the list");
  }

  template <class T>
  void natural(T& out, std::string_view field) {
    check_kind(in_.natural(out), field, " is not a whole number >= 0");
  }

  void integer(std::int64_t& out, std::string_view field) {
    check_kind(in_.integer(out), field, " is not a whole number");
  }

  void real(double& out, std::string_view field) {
    check_kind(in_.real(out) && std::isfinite(out), field, " is not a finite number");
  }

  void text(std::string& out, std::size_t size_max, std::string_view field) {
    std::string_view x;
    check_kind(in_.text(x) && x.size() <= size_max && is_utf8(x), field,
               " is not UTF-8 text within its limit");
    out = x;
  }

  template <class Enum>
  void choice(Enum& out, Enum last, std::string_view field) {
    std::uint8_t x = 0;
    check_kind(in_.natural(x) && x <= static_cast<std::uint8_t>(last), field,
               " has an unknown value");
    out = static_cast<Enum>(x);
  }

  void check(bool ok, std::string_view what) {
    if (!ok)
      fail(std::string{what});
  }

  void check_kind(bool ok, std::string_view field, std::string_view what) {
    if (!ok)
      fail(std::string{field}.append(what));
  }

  void fail(std::string what) {
    if (failed_)
      return;
    failed_ = true;
    error_ = {errc::malformed,
              "block, " + std::string{place_} + " " + std::to_string(index_) + ", byte "
                + std::to_string(in_.offset() + 1) + ": " + std::move(what)};
  }

  msgpack_reader in_;
  std::uint8_t version_;
  record_block block_;
  std::string_view place_ = "head";
  std::uint32_t index_ = 0;
  bool failed_ = false;
  error error_;
};

tl::unexpected<error> wrong(errc code, std::string what) {
  return unexpected(error{code, "block: " + std::move(what)});
}

std::string encode_plain(const record_block& block) {
  std::string bytes;
  std::size_t extended_bytes = 0;
  for (const auto& x : block.summaries)
    extended_bytes += x.extended.size();
  bytes.reserve(64 + extended_bytes + block.series.size() * 64
                + block.summaries.size() * 112 + block.anomalies.size() * 80
                + block.alerts.size() * 200 + block.rejections.size() * 400);
  bytes.push_back(static_cast<char>(block_version));
  msgpack_writer out{bytes};
  out.array(5);
  out.array(block.series.size());
  for (const auto& text : block.series)
    out.text(text);
  put_all(out, block.summaries);
  put_all(out, block.anomalies);
  put_all(out, block.alerts);
  put_all(out, block.rejections);
  return bytes;
}

/// Version 3: the size of the plain body, then the body as a zstd frame.
expected<record_block, error> decode_compressed(std::string_view bytes) {
  msgpack_reader in{bytes};
  std::uint64_t size_bytes = 0;
  if (!in.natural(size_bytes))
    return wrong(errc::malformed, "no size behind version 3");
  if (size_bytes > block_plain_bytes_max)
    return wrong(errc::too_large,
                 "announces " + std::to_string(size_bytes) + " bytes, at most "
                   + std::to_string(block_plain_bytes_max) + " are allowed");
  std::string plain;
  if (!analytics::zstd_decompress(bytes.substr(in.offset()), size_bytes, plain))
    return wrong(errc::malformed, "not one zstd frame of " + std::to_string(size_bytes)
                                    + " bytes behind the size");
  return block_reader{plain, block_version}.read();
}

} // namespace

std::string encode_block(const record_block& block) {
  auto plain = encode_plain(block);
  if (plain.size() <= compress_above_bytes || plain.size() > block_plain_bytes_max)
    return plain;
  auto body = std::string_view{plain}.substr(1);
  std::string bytes(1, static_cast<char>(block_version_compressed));
  msgpack_writer{bytes}.natural(body.size());
  // Every reader pays for it: a sixteenth is the least that is worth that.
  if (!analytics::zstd_compress(body, bytes)
      || bytes.size() > plain.size() - plain.size() / 16)
    return plain;
  bytes.shrink_to_fit(); // It waits in memory, in many copies of its like.
  return bytes;
}

expected<record_block, error> decode_block(std::string_view bytes) {
  if (bytes.empty())
    return wrong(errc::malformed, "no bytes");
  if (bytes.size() > block_bytes_max)
    return wrong(errc::too_large, std::to_string(bytes.size()) + " bytes, at most "
                                    + std::to_string(block_bytes_max) + " are allowed");
  auto version = static_cast<std::uint8_t>(bytes.front());
  if (version == block_version_compressed)
    return decode_compressed(bytes.substr(1));
  if (version < block_version_min || version > block_version)
    return wrong(errc::unsupported, "version " + std::to_string(version)
                                      + ", this build reads "
                                      + std::to_string(block_version_min) + " to "
                                      + std::to_string(block_version_compressed));
  return block_reader{bytes.substr(1), version}.read();
}

bool is_compressed_block(std::string_view bytes) {
  return !bytes.empty()
         && static_cast<std::uint8_t>(bytes.front()) == block_version_compressed;
}

} // namespace weir::transport
