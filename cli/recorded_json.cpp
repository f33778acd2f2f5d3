#include "cli/recorded_json.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weir::cli {

namespace {

constexpr std::size_t block_bytes = 1 << 20;
constexpr std::size_t together_bytes_max = 256 << 10;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Takes "WORD N" off the front of `text`; false: it does not stand there.
bool take_number(std::string_view& text, std::string_view word, std::uint64_t& number) {
  if (!text.starts_with(word))
    return false;
  auto rest = text.substr(word.size());
  auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (failure != std::errc{})
    return false;
  text = rest.substr(static_cast<std::size_t>(end - rest.data()));
  return true;
}

} // namespace

recorded_json::recorded_json(std::istream& in, const transport::decode_limits& limits,
                             transport::event_sink& sink)
  : in_(in), sink_(sink), limits_(limits),
    together_bytes_(std::min(limits.payload_bytes_max, together_bytes_max)),
    decoder_(limits) {
}

bool recorded_json::read_all() {
  fill();
  if (rest().starts_with("\xef\xbb\xbf"))
    begin_ += 3;
  for (;;) {
    skip_blanks();
    if (rest().empty())
      return in_.eof() && !in_.bad();
    if (rest().front() == '[')
      take_array();
    else
      take_lines();
  }
}

// -- bytes -------------------------------------------------------------------------

/// Appends a block to what is left. False: there was none.
bool recorded_json::fill() {
  if (at_end_)
    return false;
  buffer_.erase(0, begin_);
  begin_ = 0;
  auto size = buffer_.size();
  buffer_.resize(size + block_bytes);
  in_.read(buffer_.data() + size, block_bytes);
  buffer_.resize(size + static_cast<std::size_t>(in_.gcount()));
  at_end_ = !in_;
  return buffer_.size() > size;
}

void recorded_json::consume(std::size_t bytes) {
  line_ += count_lines(rest().substr(0, bytes));
  begin_ += bytes;
}

void recorded_json::skip_blanks() {
  for (;;) {
    auto text = rest();
    auto first = std::find_if_not(text.begin(), text.end(), is_blank);
    consume(static_cast<std::size_t>(first - text.begin()));
    if (!rest().empty() || !fill())
      return;
  }
}

// -- lines -------------------------------------------------------------------------

/// Of the first line with its end, reading on until it is there or too long.
std::size_t recorded_json::line_size() {
  std::size_t searched = 0;
  for (;;) {
    auto text = rest();
    auto end = text.find('\n', searched);
    if (end != std::string_view::npos)
      return end + 1;
    searched = text.size();
    if (searched > limits_.payload_bytes_max + 1 || !fill())
      return searched;
  }
}

void recorded_json::skip_line() {
  for (;;) {
    auto end = rest().find('\n');
    if (end != std::string_view::npos) {
      consume(end);
      return;
    }
    consume(rest().size());
    if (!fill())
      return;
  }
}

/// One line, and the lines of objects after one.
void recorded_json::take_lines() {
  auto size = line_size();
  auto text = rest();
  // The end of the line is not the payload's.
  if (size > limits_.payload_bytes_max + 1) {
    reject_size(line_);
    skip_line();
    return;
  }
  for (std::size_t lines = 1; text.front() == '{' && lines < limits_.events_max;
       ++lines) {
    if (size == text.size() || text[size] != '{')
      break;
    auto end = text.find('\n', size);
    if (end == std::string_view::npos || end + 1 > together_bytes_)
      break;
    size = end + 1;
  }
  auto payload = text.substr(0, size);
  payload.remove_suffix(payload.ends_with('\n') ? 1 : 0);
  decode(payload, line_);
  consume(size);
}

// -- arrays ------------------------------------------------------------------------

void recorded_json::take_array() {
  array_walk state;
  event_base_ = 0;
  payload_ = "[";
  payload_line_ = line_;
  consume(1);
  while (state.depth > 0) {
    if (rest().empty() && !fill()) {
      auto element = send_complete(state);
      sink_.on_reject(analytics::reject_reason::malformed,
                      "line " + std::to_string(line_)
                        + ": the file ends inside an array, expected `]`",
                      element);
      return;
    }
    auto text = rest();
    auto size = walk(state, text);
    auto is_end = size < text.size();
    if (!state.is_dropped)
      payload_ += text.substr(0, size);
    bound_element(state);
    if (is_end) {
      state.depth -= text[size] == ']' ? 1 : 0;
      end_element(state, state.depth == 0);
      ++size;
    }
    consume(size);
  }
}

/// How much of `text` belongs to the current element.
std::size_t recorded_json::walk(array_walk& state, std::string_view text) const {
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = text[i];
    if (state.in_text) {
      if (state.escaped)
        state.escaped = false;
      else if (c == '\\')
        state.escaped = true;
      else
        state.in_text = c != '"';
    } else if (c == '"') {
      state.in_text = true;
    } else if (c == '{' || c == '[') {
      ++state.depth;
    } else if (state.depth == 1 && (c == ',' || c == ']')) {
      return i;
    } else if (c == '}' || c == ']') {
      // A bracket too many: the decoder says so.
      state.depth -= state.depth > 1 ? 1 : 0;
    }
  }
  return text.size();
}

void recorded_json::end_element(array_walk& state, bool is_last) {
  if (state.is_dropped) {
    reject_size(line_);
    ++event_base_;
    state.is_dropped = false;
  } else {
    ++state.elements;
  }
  if (is_last || payload_.size() >= together_bytes_
      || state.elements == limits_.events_max) {
    if (state.elements > 0) {
      payload_ += ']';
      send_array(state);
    }
  } else if (state.elements > 0) {
    payload_ += ',';
  }
  state.element_at = payload_.size();
}

/// An element that makes the payload too large goes on without the ones before it; one
/// that is too large by itself is dropped.
void recorded_json::bound_element(array_walk& state) {
  if (payload_.size() < limits_.payload_bytes_max || state.is_dropped)
    return;
  payload_ += send_complete(state);
  if (payload_.size() < limits_.payload_bytes_max)
    return;
  state.is_dropped = true;
  payload_.resize(1);
}

/// Sends the elements before the current one, and gives that back.
std::string recorded_json::send_complete(array_walk& state) {
  auto element = payload_.substr(state.element_at);
  payload_.resize(state.element_at);
  if (state.elements > 0) {
    payload_.back() = ']'; // Instead of the comma.
    send_array(state);
  }
  return element;
}

void recorded_json::send_array(array_walk& state) {
  decode(payload_, payload_line_);
  event_base_ += state.elements;
  state.elements = 0;
  state.element_at = 1;
  payload_.resize(1);
  payload_line_ = line_;
}

// -- decoding ----------------------------------------------------------------------

void recorded_json::decode(std::string_view payload, std::uint64_t line) {
  payload_line_ = line;
  decoder_.decode(payload, {}, *this);
}

void recorded_json::reject_size(std::uint64_t line) {
  sink_.on_reject(analytics::reject_reason::too_large,
                  "line " + std::to_string(line) + ": found more than "
                    + std::to_string(limits_.payload_bytes_max)
                    + " bytes, accepted: at most that (ingest.payload_bytes_max)",
                  rest().substr(0, 256));
}

/// The decoder counts from the payload's first line or element, people from the file's.
void recorded_json::on_reject(analytics::reject_reason reason, std::string_view detail,
                              std::string_view bytes) {
  std::uint64_t number = 0;
  if (take_number(detail, "line ", number))
    detail_ = "line " + std::to_string(payload_line_ + number - 1);
  else if (take_number(detail, "event ", number))
    detail_ = "line " + std::to_string(payload_line_) + ", event "
              + std::to_string(event_base_ + number);
  else
    detail_ = "line " + std::to_string(payload_line_) + ": ";
  detail_ += detail;
  sink_.on_reject(reason, detail_, bytes);
}

} // namespace weir::cli
