#include "transport/curve.hpp"

#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace weir;
using namespace weir::transport;

namespace fs = std::filesystem;

TEST_CASE("new CURVE keys are valid and differ", "[curve]") {
  auto a = make_curve_keys();
  auto b = make_curve_keys();
  CHECK(is_curve_key(a.public_key));
  CHECK(is_curve_key(a.secret_key));
  CHECK(a.secret_key != b.secret_key);
  CHECK(a.public_key != a.secret_key);
}

TEST_CASE("what is not 40 characters of Z85 is no key", "[curve]") {
  auto key = make_curve_keys().public_key;
  CHECK_FALSE(is_curve_key(""));
  CHECK_FALSE(is_curve_key(key.substr(1)));
  CHECK_FALSE(is_curve_key(key + "0"));
  CHECK_FALSE(is_curve_key(std::string(40, '~')));
  CHECK_FALSE(is_curve_key(std::string(40, '\0')));
  CHECK_FALSE(is_curve_key(std::string(40, '#'))); // Beyond 32 bits.
}

TEST_CASE("a secret key file keeps the key and gives its public key", "[curve]") {
  auto dir = test::temp_dir{};
  auto keys = make_curve_keys();
  REQUIRE(write_secret_key(dir / "edge.key", keys));
  auto mode = fs::status(dir / "edge.key").permissions();
  CHECK(mode == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(test::read_file(dir / "edge.key") == keys.secret_key + "\n");
  auto read = read_secret_key(dir / "edge.key");
  REQUIRE(read);
  CHECK(read->secret_key == keys.secret_key);
  CHECK(read->public_key == keys.public_key);
}

TEST_CASE("a key file that others may read is refused with the way out", "[curve]") {
  auto dir = test::temp_dir{};
  REQUIRE(write_secret_key(dir / "edge.key", make_curve_keys()));
  fs::permissions(dir / "edge.key", fs::perms::group_read, fs::perm_options::add);
  auto read = read_secret_key(dir / "edge.key");
  REQUIRE_FALSE(read);
  CHECK(read.error().code == errc::unreadable_file);
  CHECK(read.error().message.find("chmod 600") != std::string::npos);
}

TEST_CASE("a missing key file and one with something else are told apart", "[curve]") {
  auto dir = test::temp_dir{};
  auto missing = read_secret_key(dir / "none.key");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == errc::unreadable_file);
  CHECK(missing.error().message.find("none.key") != std::string::npos);
  test::write_file(dir / "bad.key", "not a key\n");
  fs::permissions(dir / "bad.key", fs::perms::owner_read | fs::perms::owner_write);
  auto bad = read_secret_key(dir / "bad.key");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == errc::malformed);
}

TEST_CASE("a key file is never overwritten", "[curve]") {
  auto dir = test::temp_dir{};
  auto first = make_curve_keys();
  REQUIRE(write_secret_key(dir / "edge.key", first));
  auto again = write_secret_key(dir / "edge.key", make_curve_keys());
  REQUIRE_FALSE(again);
  CHECK(again.error().code == errc::invalid_config);
  CHECK(read_secret_key(dir / "edge.key")->secret_key == first.secret_key);
  auto nowhere = write_secret_key(dir / "no/such/dir.key", first);
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code == errc::unreadable_file);
}

TEST_CASE("an allow-list with a bad name, a bad key or a double is refused",
          "[curve]") {
  auto a = make_curve_keys();
  auto b = make_curve_keys();
  auto keys = curve_server_keys{make_curve_keys(), {{"a", a.public_key}}};
  REQUIRE(validate(keys));
  SECTION("bad name") {
    keys.allowed.push_back({"b/../x", b.public_key});
  }
  SECTION("empty name") {
    keys.allowed.push_back({"", b.public_key});
  }
  SECTION("bad key") {
    keys.allowed.push_back({"b", "short"});
  }
  SECTION("name twice") {
    keys.allowed.push_back({"a", b.public_key});
  }
  SECTION("key twice") {
    keys.allowed.push_back({"b", a.public_key});
  }
  SECTION("allow-list without an own key") {
    keys.own = {};
  }
  auto valid = validate(keys);
  REQUIRE_FALSE(valid);
  CHECK(valid.error().code == errc::invalid_config);
}

TEST_CASE("a client with a server key needs keys of its own", "[curve]") {
  auto keys = curve_client_keys{};
  CHECK(validate(keys));
  CHECK_FALSE(keys.encrypted());
  keys.server_public_key = make_curve_keys().public_key;
  CHECK_FALSE(validate(keys));
  keys.own = make_curve_keys();
  CHECK(validate(keys));
  keys.server_public_key = "nonsense";
  CHECK_FALSE(validate(keys));
}
