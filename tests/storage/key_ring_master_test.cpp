// The MASTER KEY's file: made once, read only if nobody else can, and errors that say
// what to do.
#include "storage/key_ring_master.hpp"

#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

using namespace weir::storage;
using weir::test::temp_directory;

namespace {

namespace fs = std::filesystem;

const std::string hex
  = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const std::string base64 = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct master_fixture {
  temp_directory directory;
  fs::path file = directory / "store.key";

  void put(const std::string& text, mode_t mode = 0600) {
    fs::remove(file);
    std::ofstream{file} << text;
    ::chmod(file.c_str(), mode);
  }

  std::string text() const {
    std::ostringstream all;
    all << std::ifstream{file}.rdbuf();
    return all.str();
  }

  error read_error() {
    auto read = read_master_key(file);
    REQUIRE_FALSE(read);
    return read.error();
  }
};

} // namespace

TEST_CASE_METHOD(master_fixture, "a master key comes back from its file",
                 "[key_ring]") {
  auto key = master_key::random();
  REQUIRE(write_master_key(file, key));
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  auto read = read_master_key(file);
  REQUIRE(read);
  CHECK(read->key().bytes() == key.key().bytes());
  CHECK(read->fingerprint() == key.fingerprint());
  CHECK(read->origin() == "file " + file.string());
  CHECK(is_master_key_file(file));
}

TEST_CASE_METHOD(master_fixture, "a master key file is never overwritten",
                 "[key_ring]") {
  REQUIRE(write_master_key(file, master_key::random()));
  auto before = text();
  auto again = write_master_key(file, master_key::random());
  REQUIRE_FALSE(again);
  CHECK(again.error().code == errc::bad_key_file);
  CHECK(has(again.error().message, "exists already"));
  CHECK(text() == before);
}

TEST_CASE_METHOD(master_fixture, "a master key is hex or base64", "[key_ring]") {
  put("weir-master-key 1\n" + hex + "\n");
  auto of_hex = read_master_key(file);
  REQUIRE(of_hex);
  for (const auto& x : {base64, base64.substr(0, 43), base64 + "\r",
                        std::string{"ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8="}}) {
    CAPTURE(x);
    put("weir-master-key 1\n" + x + "\n");
    auto read = read_master_key(file);
    REQUIRE(read);
    CHECK(read->key().bytes() == of_hex->key().bytes());
  }
  CHECK(of_hex->fingerprint() == "f82a80496bda7c0d"); // Of this key for ever.
}

TEST_CASE_METHOD(master_fixture, "a file of another form is refused", "[key_ring]") {
  for (const std::string x :
       {"", "\n", "weir-master-key 1", "weir-master-key 1\n", "weir-master-key\nabc\n",
        "weir-master-key 0\n", "weir-master-key -1\n", "weir-master-key one\n"}) {
    CAPTURE(x);
    put(x);
    CHECK(read_error().code == errc::bad_key_file);
    CHECK(has(read_error().message, "64 hex digits"));
  }
  for (const auto& x :
       {hex + "0", hex.substr(1), hex.substr(0, 62), "g" + hex.substr(1), base64 + "=",
        base64.substr(0, 40), base64 + base64, hex + "\nmore", std::string(400, 'a')}) {
    CAPTURE(x);
    put("weir-master-key 1\n" + x + "\n");
    auto why = read_error();
    CHECK(why.code == errc::bad_key_file);
    CHECK_FALSE(has(why.message, x.substr(0, 8))); // Nothing of a key is ever printed.
  }
  put(hex + "\n");
  CHECK(has(read_error().message, "does not begin with"));
  CHECK_FALSE(is_master_key_file(file));
}

TEST_CASE_METHOD(master_fixture, "a newer master key file is left to a newer program",
                 "[key_ring]") {
  put("weir-master-key 2\nwhatever\n");
  CHECK(read_error().code == errc::unsupported);
  CHECK(is_master_key_file(file));
}

TEST_CASE_METHOD(master_fixture, "a master key that others may read is refused",
                 "[key_ring]") {
  for (mode_t mode : {0640, 0604, 0620, 0602, 0610, 0777}) {
    CAPTURE(mode);
    put("weir-master-key 1\n" + hex + "\n", mode);
    auto why = read_error();
    CHECK(why.code == errc::bad_key_file);
    CHECK(has(why.message, "chmod 600 " + file.string()));
  }
  put("weir-master-key 1\n" + hex + "\n", 0400);
  CHECK(read_master_key(file));
}

TEST_CASE_METHOD(master_fixture, "a master key of another user is refused",
                 "[key_ring]") {
  if (::geteuid() != 0)
    return; // Only root can give a file away.
  put("weir-master-key 1\n" + hex + "\n");
  REQUIRE(::chown(file.c_str(), 12345, 12345) == 0);
  CHECK(has(read_error().message, "chown 0 " + file.string()));
}

TEST_CASE_METHOD(master_fixture, "what is no file is refused, and waits for nobody",
                 "[key_ring]") {
  CHECK(has(read_error().message, "weir keys store " + file.string()));
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  CHECK(has(read_error().message, "not a regular file"));
  fs::remove(file);
  fs::create_directory(file);
  CHECK(has(read_error().message, "not a regular file"));
  CHECK_FALSE(is_master_key_file(file));
}

TEST_CASE_METHOD(master_fixture, "a master key comes as a credential of systemd",
                 "[key_ring]") {
  // systemd lets the service's user read it by an access list: the mode shows a group.
  put("weir-master-key 1\n" + hex + "\n", 0440);
  auto read = read_master_credential("store.key", directory.path());
  REQUIRE(read);
  CHECK(read->origin() == "credential store.key");
  put("weir-master-key 1\n" + hex + "\n", 0444);
  CHECK_FALSE(read_master_credential("store.key", directory.path()));
  for (const auto* name : {"", ".", "..", "../store.key", "a/b"})
    CHECK_FALSE(read_master_credential(name, directory.path()));
  auto none = read_master_credential("store.key", "");
  REQUIRE_FALSE(none);
  CHECK(has(none.error().message, "LoadCredential=store.key:"));
}

TEST_CASE("a fingerprint is 16 hex digits and tells keys apart", "[key_ring]") {
  auto a = master_key::random();
  auto b = master_key::random();
  CHECK(a.fingerprint().size() == 16);
  CHECK(a.fingerprint().find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(a.fingerprint() != b.fingerprint());
}
