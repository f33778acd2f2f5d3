// Reads the fields of an uplink message one after another, with their limits,
// and makes the sentence of what was wrong. Private to uplink_messages.cpp.
#pragma once

#include "transport/errors.hpp"
#include "transport/msgpack_io.hpp"
#include "transport/uplink_messages.hpp"
#include "transport/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::transport {

/// Elements of any array in a message but a batch's entries; ours have far fewer.
inline constexpr std::uint32_t uplink_elements_max = 1024;

/// Levels of what a later version may append.
inline constexpr std::size_t uplink_nesting_max = 4;

/// Reads fields in order and remembers the first that was wrong.
class uplink_field_reader {
public:
  uplink_field_reader(std::string_view bytes, std::string_view message)
    : in_(bytes), message_(message) {
  }

  /// Opens an array of at least `count_min` elements.
  void open(std::uint32_t count_min) {
    std::uint32_t count = 0;
    if (!in_.array(count))
      fail("an array was expected");
    else if (count < count_min || count > uplink_elements_max)
      fail("has " + std::to_string(count) + " fields, expected "
           + std::to_string(count_min));
    extra_ = count - std::min(count, count_min);
  }

  template <class T>
  void natural(T& out, std::string_view field) {
    if (!why_ && !in_.natural(out))
      fail_field(field, "a whole number >= 0");
  }

  /// Of the array opened last, behind its `count_min` elements: keeps `out` if the
  /// sender, being older, ends before it.
  template <class T>
  void appended_natural(T& out, std::string_view field) {
    if (extra_ == 0)
      return;
    --extra_;
    natural(out, field);
  }

  void integer(std::int64_t& out, std::string_view field) {
    if (!why_ && !in_.integer(out))
      fail_field(field, "a whole number");
  }

  void text(std::string& out, std::string_view field) {
    std::string_view x;
    if (why_)
      return;
    if (!in_.text(x) || !is_utf8(x))
      fail_field(field, "text in UTF-8");
    else if (x.size() > uplink_text_bytes_max)
      fail(std::string{field} + " has " + std::to_string(x.size()) + " bytes, at most "
             + std::to_string(uplink_text_bytes_max) + " are allowed",
           errc::too_large);
    else
      out = x;
  }

  /// `out` points into the message.
  void binary(std::string_view& out, std::size_t size_max, std::string_view field) {
    if (why_)
      return;
    if (!in_.binary(out))
      fail_field(field, "binary");
    else if (out.size() > size_max)
      fail(std::string{field} + " has " + std::to_string(out.size())
             + " bytes, at most " + std::to_string(size_max) + " are allowed",
           errc::too_large);
  }

  void flag(bool& out, std::string_view field) {
    std::uint8_t x = 0;
    if (!why_ && (!in_.natural(x) || x > 1))
      fail_field(field, "0 or 1");
    out = x == 1;
  }

  void texts(std::vector<std::string>& out, std::string_view field) {
    std::uint32_t count = 0;
    if (why_)
      return;
    if (!in_.array(count) || count > uplink_elements_max || count > in_.remaining()) {
      fail_field(field, "a short array of texts");
      return;
    }
    out.resize(count);
    for (auto& x : out)
      text(x, field);
  }

  void naturals(std::vector<std::uint64_t>& out, std::string_view field) {
    std::uint32_t count = 0;
    if (why_)
      return;
    if (!in_.array(count) || count > uplink_elements_max || count > in_.remaining()) {
      fail_field(field, "a short array of numbers");
      return;
    }
    out.resize(count);
    for (auto& x : out)
      natural(x, field);
  }

  void check(bool ok, std::string_view what) {
    if (!ok && !why_)
      fail(std::string{what});
  }

  /// What a later version has appended to the array opened last.
  void pass_extra() {
    msgpack_token token;
    for (; extra_ > 0 && !why_; --extra_)
      if (!in_.next(token)
          || in_.skip(token, uplink_nesting_max)
               != msgpack_reader::skip_result::skipped)
        fail("an appended field cannot be read");
  }

  void demand_end() {
    check(in_.remaining() == 0, "bytes follow after its end");
  }

  std::uint32_t extra() const {
    return extra_;
  }
  void set_extra(std::uint32_t extra) {
    extra_ = extra;
  }

  void fail(std::string what, errc code = errc::malformed) {
    if (!why_)
      why_ = error{code,
                   "uplink message " + std::string{message_} + ": " + std::move(what)};
  }

  /// For a part of the message that was read by others.
  void fail(error why) {
    if (!why_)
      why_ = std::move(why);
  }

  const std::optional<error>& why() const {
    return why_;
  }

private:
  void fail_field(std::string_view field, std::string_view expected_kind) {
    fail(std::string{field} + " is not " + std::string{expected_kind});
  }

  msgpack_reader in_;
  std::string message_;
  std::uint32_t extra_ = 0;
  std::optional<error> why_;
};

} // namespace weir::transport
