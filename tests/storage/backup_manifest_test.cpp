// The manifest of a backup: what is written is read, anything else is refused.
#include "storage/backup_manifest.hpp"

#include "storage/crc32c.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace weir::storage;

namespace {

const backup_manifest sample{
  1'760'000'000'000'000'000, "weir 0.1.0", "00000000000000ff", 1, true, 8192,
  std::string(128, 'a')};

/// With a checksum of its own that fits.
std::string signed_text(const std::string& body) {
  return body + "crc32c " + std::to_string(crc32c(body)) + "\n";
}

} // namespace

TEST_CASE("a manifest is read as it was written", "[backup]") {
  CHECK(parse_manifest(to_text(sample)).value() == sample);
  auto other = sample;
  other.store_id.clear();
  other.is_compacted = false;
  other.made_ns = -1;
  CHECK(parse_manifest(to_text(other)).value() == other);
  CHECK(to_text(sample).size() < manifest_bytes_max);
}

TEST_CASE("a manifest that is cut or changed anywhere is refused", "[backup]") {
  auto text = to_text(sample);
  for (std::size_t i = 0; i < text.size(); ++i) {
    CAPTURE(i);
    CHECK_FALSE(parse_manifest(text.substr(0, i)));
    auto changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(parse_manifest(changed));
  }
  CHECK_FALSE(parse_manifest(text + " "));
}

TEST_CASE("a manifest of a newer version is named as such", "[backup]") {
  auto parsed = parse_manifest(signed_text("weir-backup 2\nanything\n"));
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == errc::unsupported);
}

TEST_CASE("a manifest with a sound checksum and senseless fields is refused",
          "[backup]") {
  auto body = to_text(sample);
  body.resize(body.rfind("crc32c"));
  REQUIRE(parse_manifest(signed_text(body)));
  auto with = [&](const std::string& from, const std::string& to) {
    auto text = body;
    text.replace(text.find(from), from.size(), to);
    return parse_manifest(signed_text(text));
  };
  CHECK_FALSE(with("compacted 1", "compacted 2"));
  CHECK_FALSE(with("size_bytes 8192", "size_bytes -1"));
  CHECK_FALSE(with("size_bytes 8192", "size_bytes 08192"));
  CHECK_FALSE(with("store_id 00000000000000ff", "store_id 00000000000000FF"));
  CHECK_FALSE(with("blake2b aa", "blake2b a"));
  CHECK_FALSE(with("format 1\n", ""));
  CHECK_FALSE(with("weir-backup 1", "weir-backup 0"));
}
