// SECRETS: what is random is new each time, and the key file is for its owner
// only.
#include "web/secrets.hpp"

#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

using namespace weir::web;
using weir::test::temp_dir;
using weir::test::write_file;

namespace {

mode_t mode_of(const std::filesystem::path& file) {
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

} // namespace

TEST_CASE("secrets are 256 bits in hex and differ", "[web]") {
  auto a = make_secret();
  CHECK(a.size() == 64);
  CHECK(a.find_first_not_of("0123456789abcdef") == a.npos);
  CHECK(a != make_secret());
}

TEST_CASE("base64 reads back, and what is none is refused", "[web]") {
  for (auto text : {"", "a", "ab", "abc", "user:pass\xff"})
    CHECK(from_base64(to_base64(text)) == text);
  for (auto wrong : {"a", "YQ", "YQ=", "Y Q==", "YQ==x", "YQ==YQ==", "-_==", "===="})
    CHECK_FALSE(from_base64(wrong));
}

TEST_CASE("digests are BLAKE2b-256", "[web]") {
  // From the reference implementation: b2sum -l 256 of "abc".
  auto x = digest_of("abc");
  CHECK(x[0] == 0xbd);
  CHECK(x[1] == 0xdd);
  CHECK(x[31] == 0x19);
  CHECK(same_digest(x, digest_of("abc")));
  CHECK_FALSE(same_digest(x, digest_of("abd")));
}

TEST_CASE("base64 keeps any bytes", "[web]") {
  CHECK(to_base64("") == "");
  CHECK(to_base64(std::string{"\0\xff\x10", 3}) == "AP8Q");
  CHECK(to_base64("ab") == "YWI=");
}

TEST_CASE("the key is made once, for its owner only", "[web]") {
  temp_dir dir;
  auto first = load_or_create_key(dir.path());
  REQUIRE(first);
  CHECK(mode_of(dir / "api.key") == 0600);
  CHECK(load_or_create_key(dir.path()) == *first);
}

TEST_CASE("a key file that others may read is refused by name", "[web]") {
  temp_dir dir;
  REQUIRE(load_or_create_key(dir.path()));
  for (mode_t mode : {0640, 0604, 0660, 0644}) {
    REQUIRE(::chmod((dir / "api.key").c_str(), mode) == 0);
    auto key = load_or_create_key(dir.path());
    REQUIRE_FALSE(key);
    CHECK(key.error().code == errc::unreadable_file);
    CHECK(key.error().message.find("api.key") != std::string::npos);
    CHECK(key.error().message.find("0600") != std::string::npos);
  }
}

TEST_CASE("a key file that is short, a link or a directory is refused", "[web]") {
  temp_dir dir;
  auto path = dir / "api.key";
  SECTION("short") {
    write_file(path, "secret\n");
    ::chmod(path.c_str(), 0600);
  }
  SECTION("two words") {
    write_file(path, std::string(40, 'a') + " " + std::string(40, 'b'));
    ::chmod(path.c_str(), 0600);
  }
  SECTION("a link") {
    write_file(dir / "other", std::string(64, 'a'));
    ::chmod((dir / "other").c_str(), 0600);
    std::filesystem::create_symlink(dir / "other", path);
  }
  SECTION("a directory") {
    std::filesystem::create_directory(path);
  }
  CHECK_FALSE(load_or_create_key(dir.path()));
}

TEST_CASE("a missing data directory is an error, not a crash", "[web]") {
  temp_dir dir;
  CHECK_FALSE(load_or_create_key(dir / "missing"));
}
