// Reading and writing msgpack, for the codecs of this folder only; msgpack-cxx
// stands behind the writer, in the .cpp.
//
// The reader is pulled token by token over borrowed bytes: it allocates
// nothing, whatever a header announces, does not recurse, and knows its offset,
// so that one bad element of an array can be named and passed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::transport {

/// Appends to a string of the caller.
class msgpack_writer {
public:
  explicit msgpack_writer(std::string& out) : out_(out) {
  }

  void array(std::size_t count); ///< `count` values must follow.
  void natural(std::uint64_t x);
  void integer(std::int64_t x);
  /// Bit-exact. Whole numbers take the short integer form, except minus zero.
  void real(double x);
  void text(std::string_view x);
  void binary(std::string_view x);

private:
  std::string& out_;
};

/// One value, or the head of an array or map whose elements follow.
struct msgpack_token {
  enum class kind : std::uint8_t {
    nil,
    boolean,
    natural,
    integer,
    real,
    text,
    binary,
    array,
    map,
    extension
  };

  kind what = kind::nil;
  bool boolean = false;
  std::int8_t extension_type = 0;
  std::uint32_t count = 0;   ///< Elements of an array, pairs of a map.
  std::uint64_t natural = 0; ///< A number >= 0.
  std::int64_t integer = 0;  ///< A number < 0.
  double real = 0.0;
  std::string_view text; ///< Bytes of a text, binary or extension.
};

class msgpack_reader {
public:
  explicit msgpack_reader(std::string_view bytes) : bytes_(bytes) {
  }

  /// False when the bytes end too early or are no msgpack; then stop.
  bool next(msgpack_token& out);

  enum class skip_result : std::uint8_t { skipped, too_deep, broken };

  /// Passes over the rest of the value whose head `token` has just been read.
  /// `too_deep` (nesting beyond depth_max) has passed over it all the same.
  skip_result skip(const msgpack_token& token, std::size_t depth_max);

  // -- fixed layouts: false also when the next value is of another kind -------
  bool array(std::uint32_t& count);
  bool natural(std::uint64_t& out);
  bool natural(std::uint32_t& out);
  bool natural(std::uint8_t& out);
  bool integer(std::int64_t& out);
  bool real(double& out); ///< Any number; NaN and infinity too.
  bool text(std::string_view& out);
  bool binary(std::string_view& out);

  std::size_t offset() const {
    return offset_;
  }
  std::size_t remaining() const {
    return bytes_.size() - offset_;
  }

private:
  bool number(std::size_t size, std::uint64_t& out);
  bool counted(std::size_t count_size, std::size_t extra, std::string_view& out);
  bool span(std::uint64_t size, std::string_view& out);
  bool next_sized(std::uint8_t head, msgpack_token& out);
  bool next_number(std::uint8_t head, msgpack_token& out);
  bool next_extension(std::uint8_t head, msgpack_token& out);

  std::string_view bytes_;
  std::size_t offset_ = 0;
};

} // namespace weir::transport
