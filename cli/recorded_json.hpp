// A file of JSON events as payloads for the edge's decoder: one object a line, one
// array a line, or arrays over many lines. Lines of objects, and elements of arrays, go
// together, so that the decoder is not called for each; what it rejects is told with
// its line in the file. Bounded memory, whatever the size of the file.
#pragma once

#include "transport/decoders.hpp"

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <string_view>

namespace weir::cli {

class recorded_json final : private transport::event_sink {
public:
  /// Both must outlive the object.
  recorded_json(std::istream& in, const transport::decode_limits& limits,
                transport::event_sink& sink);

  /// Reads to the end. False: reading failed (not: the JSON is wrong).
  bool read_all();

private:
  /// Where in an array the walk stands.
  struct array_walk {
    std::size_t depth = 1;
    bool in_text = false;
    bool escaped = false;
    bool is_dropped = false;  // The current element: it is too large.
    std::size_t elements = 0; // Complete ones in payload_.
    std::size_t element_at = 1;
  };

  std::string_view rest() const {
    return std::string_view{buffer_}.substr(begin_);
  }
  bool fill();
  void consume(std::size_t bytes);
  void skip_blanks();

  std::size_t line_size();
  void skip_line();
  void take_lines();

  void take_array();
  std::size_t walk(array_walk& state, std::string_view text) const;
  void end_element(array_walk& state, bool is_last);
  void bound_element(array_walk& state);
  std::string send_complete(array_walk& state);
  void send_array(array_walk& state);

  void decode(std::string_view payload, std::uint64_t line);
  void reject_size(std::uint64_t line);
  void on_event(const transport::raw_event& event) override {
    sink_.on_event(event);
  }
  void on_reject(analytics::reject_reason reason, std::string_view detail,
                 std::string_view bytes) override;

  std::istream& in_;
  transport::event_sink& sink_;
  const transport::decode_limits limits_;
  const std::size_t together_bytes_; // Lines or elements that go together.
  transport::payload_decoder decoder_;
  std::string buffer_;
  std::size_t begin_ = 0;  // What stands before it has been taken.
  std::uint64_t line_ = 1; // At begin_.
  bool at_end_ = false;
  std::string payload_;            // Of an array.
  std::uint64_t payload_line_ = 1; // Where the payload begins that is decoded.
  std::uint64_t event_base_ = 0;   // Elements of the array before it.
  std::string detail_;
};

} // namespace weir::cli
