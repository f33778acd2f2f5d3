#include "storage/backup_manifest.hpp"

#include "storage/blake2b.hpp"
#include "storage/crc32c.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace weir::storage {

namespace {

constexpr std::string_view first_words = "weir-backup ";
constexpr std::uint32_t version = 1;

template <class T>
std::optional<T> to_number(std::string_view text) {
  T result{};
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), result);
  // One way to write each number, so that a text is what to_text() wrote or nothing.
  if (failed != std::errc{} || end != text.data() + text.size()
      || std::to_string(result) != text)
    return std::nullopt;
  return result;
}

bool is_hex(std::string_view text, std::size_t size) {
  return text.size() == size && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// Takes "NAME VALUE\n" lines off a text, in order.
class line_reader {
public:
  explicit line_reader(std::string_view text) : rest_(text) {
  }

  std::string_view text(std::string_view name) {
    auto end = rest_.find('\n');
    auto line = rest_.substr(0, end);
    if (end == std::string_view::npos || !line.starts_with(name)
        || line.size() <= name.size() || line[name.size()] != ' ') {
      ok_ = false;
      rest_ = {};
      return {};
    }
    rest_.remove_prefix(end + 1);
    return line.substr(name.size() + 1);
  }

  template <class T>
  T number(std::string_view name) {
    auto x = to_number<T>(text(name));
    ok_ = ok_ && x.has_value();
    return x.value_or(T{});
  }

  void demand(bool good) {
    ok_ = ok_ && good;
  }
  bool complete() const {
    return ok_ && rest_.empty();
  }

private:
  std::string_view rest_;
  bool ok_ = true;
};

std::string body_text(const backup_manifest& x) {
  auto result = std::string{first_words} + std::to_string(version) + "\n";
  auto add = [&](const char* name, const std::string& value) {
    result += name + (" " + value + "\n");
  };
  add("made_ns", std::to_string(x.made_ns));
  add("program", x.program);
  add("store_id", x.store_id.empty() ? "none" : x.store_id);
  add("format", std::to_string(x.format));
  add("compacted", x.is_compacted ? "1" : "0");
  add("size_bytes", std::to_string(x.size_bytes));
  add("blake2b", x.blake2b);
  return result;
}

error malformed(const char* what) {
  return {errc::malformed, std::string{"the manifest "} + what
                             + ": this is not a whole backup, or it was changed."};
}

} // namespace

std::string to_text(const backup_manifest& manifest) {
  auto body = body_text(manifest);
  return body + "crc32c " + std::to_string(crc32c(body)) + "\n";
}

expected<backup_manifest, error> parse_manifest(std::string_view text) {
  if (!text.starts_with(first_words))
    return unexpected(malformed("does not begin with \"weir-backup\""));
  auto first = text.substr(first_words.size());
  auto number = to_number<std::uint32_t>(first.substr(0, first.find('\n')));
  if (number && *number > version)
    return unexpected(error{errc::unsupported,
                            "the backup has version " + std::to_string(*number)
                              + ", this program knows up to " + std::to_string(version)
                              + ". Use the newer program that made it."});
  auto end = text.rfind("crc32c ");
  if (!number || *number != version || end == std::string_view::npos)
    return unexpected(malformed("is cut off"));
  auto last = line_reader{text.substr(end)};
  auto sum = last.number<std::uint32_t>("crc32c");
  if (!last.complete() || sum != crc32c(text.substr(0, end)))
    return unexpected(malformed("does not fit its own checksum"));
  auto in = line_reader{text.substr(0, end)};
  in.text("weir-backup");
  backup_manifest result;
  result.made_ns = in.number<std::int64_t>("made_ns");
  result.program = in.text("program");
  result.store_id = in.text("store_id");
  if (result.store_id == "none")
    result.store_id.clear();
  else
    in.demand(is_hex(result.store_id, 16));
  result.format = in.number<std::uint32_t>("format");
  auto compacted = in.number<std::uint32_t>("compacted");
  in.demand(compacted <= 1);
  result.is_compacted = compacted == 1;
  result.size_bytes = in.number<std::uint64_t>("size_bytes");
  result.blake2b = in.text("blake2b");
  in.demand(is_hex(result.blake2b, blake2b_hex_size));
  if (!in.complete())
    return unexpected(malformed("cannot be read"));
  return result;
}

} // namespace weir::storage
