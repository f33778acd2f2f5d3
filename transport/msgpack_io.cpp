#include "transport/msgpack_io.hpp"

#include <msgpack.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace weir::transport {

namespace {

using token_kind = msgpack_token::kind;

/// What msgpack::packer writes to.
struct string_stream {
  std::string& out;

  void write(const char* data, std::size_t size) {
    out.append(data, size);
  }
};

bool is_short_integer(double x) {
  // 2^53: up to here a double holds every whole number.
  return x == std::trunc(x) && std::fabs(x) <= 9007199254740992.0
         && !(x == 0.0 && std::signbit(x));
}

} // namespace

// -- writer
// --------------------------------------------------------------------

void msgpack_writer::array(std::size_t count) {
  string_stream stream{out_};
  msgpack::packer<string_stream>(stream).pack_array(static_cast<std::uint32_t>(count));
}

void msgpack_writer::natural(std::uint64_t x) {
  string_stream stream{out_};
  msgpack::packer<string_stream>(stream).pack_uint64(x);
}

void msgpack_writer::integer(std::int64_t x) {
  string_stream stream{out_};
  msgpack::packer<string_stream>(stream).pack_int64(x);
}

void msgpack_writer::real(double x) {
  if (is_short_integer(x)) {
    integer(static_cast<std::int64_t>(x));
    return;
  }
  // Not pack_double(): msgpack-cxx 4.1 writes -0.0 as the integer 0.
  auto bits = std::bit_cast<std::uint64_t>(x);
  std::array<char, 9> bytes{'\xcb'};
  for (std::size_t i = 8; i > 0; --i) {
    bytes[i] = static_cast<char>(bits & 0xff);
    bits >>= 8;
  }
  out_.append(bytes.data(), bytes.size());
}

void msgpack_writer::text(std::string_view x) {
  string_stream stream{out_};
  msgpack::packer<string_stream> packer(stream);
  packer.pack_str(static_cast<std::uint32_t>(x.size()));
  out_.append(x);
}

void msgpack_writer::binary(std::string_view x) {
  string_stream stream{out_};
  msgpack::packer<string_stream> packer(stream);
  packer.pack_bin(static_cast<std::uint32_t>(x.size()));
  out_.append(x);
}

// -- reader
// --------------------------------------------------------------------

bool msgpack_reader::number(std::size_t size, std::uint64_t& out) {
  if (remaining() < size)
    return false;
  out = 0;
  for (std::size_t i = 0; i < size; ++i)
    out = out << 8 | static_cast<std::uint8_t>(bytes_[offset_ + i]);
  offset_ += size;
  return true;
}

bool msgpack_reader::span(std::uint64_t size, std::string_view& out) {
  if (remaining() < size)
    return false;
  out = bytes_.substr(offset_, static_cast<std::size_t>(size));
  offset_ += static_cast<std::size_t>(size);
  return true;
}

bool msgpack_reader::counted(std::size_t count_size, std::size_t extra,
                             std::string_view& out) {
  std::uint64_t size = 0;
  return number(count_size, size) && span(size + extra, out);
}

bool msgpack_reader::next(msgpack_token& out) {
  if (offset_ >= bytes_.size())
    return false;
  auto head = static_cast<std::uint8_t>(bytes_[offset_++]);
  if (head < 0x80) {
    out.what = token_kind::natural;
    out.natural = head;
    return true;
  }
  if (head < 0x90) {
    out.what = token_kind::map;
    out.count = head & 0x0f;
    return true;
  }
  if (head < 0xa0) {
    out.what = token_kind::array;
    out.count = head & 0x0f;
    return true;
  }
  if (head < 0xc0) {
    out.what = token_kind::text;
    return span(head & 0x1f, out.text);
  }
  if (head >= 0xe0) {
    out.what = token_kind::integer;
    out.integer = static_cast<std::int8_t>(head);
    return true;
  }
  if (head >= 0xca && head <= 0xd3)
    return next_number(head, out);
  return next_sized(head, out);
}

bool msgpack_reader::next_number(std::uint8_t head, msgpack_token& out) {
  std::uint64_t bits = 0;
  if (head == 0xca) { // float 32
    out.what = token_kind::real;
    if (!number(4, bits))
      return false;
    out.real = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    return true;
  }
  if (head == 0xcb) { // float 64
    out.what = token_kind::real;
    if (!number(8, bits))
      return false;
    out.real = std::bit_cast<double>(bits);
    return true;
  }
  auto size_log = static_cast<unsigned>(head - 0xcc) & 3U; // 1, 2, 4 or 8 bytes
  auto size = std::size_t{1} << size_log;
  if (!number(size, bits))
    return false;
  out.what = token_kind::natural;
  out.natural = bits;
  if (head <= 0xcf)
    return true;
  // Signed: shift the sign bit up and back down.
  auto unused = 64 - 8 * static_cast<int>(size);
  auto value = static_cast<std::int64_t>(bits << unused) >> unused;
  if (value < 0) {
    out.what = token_kind::integer;
    out.integer = value;
  }
  return true;
}

bool msgpack_reader::next_sized(std::uint8_t head, msgpack_token& out) {
  std::uint64_t count = 0;
  switch (head) {
  case 0xc0:
    out.what = token_kind::nil;
    return true;
  case 0xc2:
  case 0xc3:
    out.what = token_kind::boolean;
    out.boolean = head == 0xc3;
    return true;
  case 0xc4:
  case 0xc5:
  case 0xc6:
    out.what = token_kind::binary;
    return counted(std::size_t{1} << (head - 0xc4), 0, out.text);
  case 0xd9:
  case 0xda:
  case 0xdb:
    out.what = token_kind::text;
    return counted(std::size_t{1} << (head - 0xd9), 0, out.text);
  case 0xdc:
  case 0xdd:
  case 0xde:
  case 0xdf:
    out.what = head <= 0xdd ? token_kind::array : token_kind::map;
    if (!number(head % 2 == 0 ? 2 : 4, count))
      return false;
    out.count = static_cast<std::uint32_t>(count);
    return true;
  default:
    return next_extension(head, out);
  }
}

bool msgpack_reader::next_extension(std::uint8_t head, msgpack_token& out) {
  std::string_view typed; // The type byte, then the data.
  bool complete = false;
  if (head >= 0xc7 && head <= 0xc9)
    complete = counted(std::size_t{1} << (head - 0xc7), 1, typed);
  else if (head >= 0xd4 && head <= 0xd8)
    complete = span((std::uint64_t{1} << (head - 0xd4)) + 1, typed);
  if (!complete) // Also 0xc1, the one byte that starts nothing.
    return false;
  out.what = token_kind::extension;
  out.extension_type = static_cast<std::int8_t>(typed.front());
  out.text = typed.substr(1);
  return true;
}

msgpack_reader::skip_result msgpack_reader::skip(const msgpack_token& token,
                                                 std::size_t depth_max) {
  auto children_of = [](const msgpack_token& x) -> std::uint64_t {
    if (x.what == token_kind::array)
      return x.count;
    return x.what == token_kind::map ? std::uint64_t{x.count} * 2 : 0;
  };
  // Levels up to the limit are counted one by one; what lies deeper is summed
  // up in the last slot, so that any nesting can be passed over without a stack
  // of its own. A sum cannot overflow: each addend costs at least a byte to
  // write.
  std::array<std::uint64_t, 64> open{};
  auto level_max = depth_max < open.size() ? depth_max : open.size() - 1;
  std::size_t level = 0;
  bool too_deep = false;
  open[0] = children_of(token);
  msgpack_token inner;
  while (true) {
    while (open[level] == 0) {
      if (level == 0)
        return too_deep ? skip_result::too_deep : skip_result::skipped;
      --level;
    }
    --open[level];
    if (!next(inner))
      return skip_result::broken;
    auto children = children_of(inner);
    bool nests = inner.what == token_kind::array || inner.what == token_kind::map;
    if (!nests)
      continue;
    if (level < level_max) {
      open[++level] = children;
    } else {
      too_deep = true;
      open[level] += children;
    }
  }
}

bool msgpack_reader::array(std::uint32_t& count) {
  msgpack_token token;
  if (!next(token) || token.what != token_kind::array)
    return false;
  count = token.count;
  return true;
}

bool msgpack_reader::natural(std::uint64_t& out) {
  msgpack_token token;
  if (!next(token) || token.what != token_kind::natural)
    return false;
  out = token.natural;
  return true;
}

bool msgpack_reader::natural(std::uint32_t& out) {
  std::uint64_t wide = 0;
  if (!natural(wide) || wide > std::numeric_limits<std::uint32_t>::max())
    return false;
  out = static_cast<std::uint32_t>(wide);
  return true;
}

bool msgpack_reader::natural(std::uint8_t& out) {
  std::uint64_t wide = 0;
  if (!natural(wide) || wide > std::numeric_limits<std::uint8_t>::max())
    return false;
  out = static_cast<std::uint8_t>(wide);
  return true;
}

bool msgpack_reader::integer(std::int64_t& out) {
  msgpack_token token;
  if (!next(token))
    return false;
  if (token.what == token_kind::integer) {
    out = token.integer;
    return true;
  }
  constexpr auto max
    = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (token.what != token_kind::natural || token.natural > max)
    return false;
  out = static_cast<std::int64_t>(token.natural);
  return true;
}

bool msgpack_reader::real(double& out) {
  msgpack_token token;
  if (!next(token))
    return false;
  switch (token.what) {
  case token_kind::real:
    out = token.real;
    return true;
  case token_kind::integer:
    out = static_cast<double>(token.integer);
    return true;
  case token_kind::natural:
    out = static_cast<double>(token.natural);
    return true;
  default:
    return false;
  }
}

bool msgpack_reader::text(std::string_view& out) {
  msgpack_token token;
  if (!next(token) || token.what != token_kind::text)
    return false;
  out = token.text;
  return true;
}

bool msgpack_reader::binary(std::string_view& out) {
  msgpack_token token;
  if (!next(token) || token.what != token_kind::binary)
    return false;
  out = token.text;
  return true;
}

} // namespace weir::transport
