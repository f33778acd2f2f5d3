// SEALED VALUES: they open at their own place, whole and under their own key, or not at
// all.
#include "storage/failure.hpp"
#include "storage/key_ring.hpp"
#include "storage/sealing.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace weir::storage;

namespace {

struct sealing_fixture {
  key_ring ring = key_ring::create(7, 1);
  sealer uut = ring.make_sealer();
  place here{"blocks", "key one", 1};

  std::string seal(const place& at, std::string_view plain) const {
    std::string out;
    uut.seal(at, plain, out);
    return out;
  }

  /// Nothing if it is refused; then nothing may be in the output.
  static std::optional<std::string> open(const sealer& with, const place& at,
                                         std::string_view sealed) {
    std::string out = "before ";
    if (!with.open(at, sealed, out)) {
      CHECK(out == "before ");
      return std::nullopt;
    }
    REQUIRE(out.starts_with("before "));
    return out.substr(7);
  }

  errc code_of(std::string_view sealed) const {
    std::string out;
    auto opened = uut.open(here, sealed, out);
    REQUIRE_FALSE(opened);
    return opened.error().code;
  }
};

} // namespace

TEST_CASE_METHOD(sealing_fixture, "what was sealed opens at its place", "[sealing]") {
  for (std::size_t size : {0, 1, 15, 16, 17, 63, 64, 65, 4000, 100'000}) {
    CAPTURE(size);
    std::string plain(size, 'p');
    auto sealed = seal(here, plain);
    CHECK(sealed.size() == size + sealer::overhead_bytes);
    CHECK(open(uut, here, sealed) == plain);
    CHECK(sealer::key_id_of(sealed) == uut.current_key_id());
  }
}

TEST_CASE_METHOD(sealing_fixture, "seal and open append to what is there",
                 "[sealing]") {
  std::string out = "head";
  uut.seal(here, "one", out);
  CHECK(out.starts_with("head"));
  CHECK(open(uut, here, std::string_view{out}.substr(4)) == "one");
}

TEST_CASE_METHOD(sealing_fixture, "nothing of a value can be seen in what is sealed",
                 "[sealing]") {
  std::string marker = "marker-0123456789";
  std::set<std::string> all;
  for (int i = 0; i < 1000; ++i) {
    auto sealed = seal(here, marker);
    CHECK(sealed.find("marker") == sealed.npos);
    all.insert(sealed.substr(sealer::header_bytes));
  }
  CHECK(all.size() == 1000); // The same value is another one each time.
}

TEST_CASE_METHOD(sealing_fixture, "a value opens at no other place", "[sealing]") {
  auto sealed = seal(here, "value");
  CHECK_FALSE(open(uut, {"blocks", "key two", 1}, sealed)); // Swapped in its table,
  CHECK_FALSE(open(uut, {"block", "skey one", 1}, sealed)); // between two tables,
  CHECK_FALSE(open(uut, {"blocks", "key one", 2}, sealed)); // as of another schema,
  CHECK_FALSE(open(uut, {"blocks", "", 1}, sealed));
  CHECK_FALSE(open(uut, {"", "blockskey one", 1}, sealed));
  CHECK(open(uut, here, sealed) == "value");
}

TEST_CASE("different places never have the same bytes", "[sealing]") {
  std::set<std::string> seen;
  std::size_t made = 0;
  const std::string letters = "aaabbb";
  for (std::size_t size = 0; size <= letters.size(); ++size)
    for (std::size_t cut = 0; cut <= size; ++cut)
      for (auto version : std::initializer_list<std::uint16_t>{0, 1, 256}) {
        auto text = letters.substr(0, size);
        place x{text.substr(0, cut), text.substr(cut), version};
        seen.emplace(x.bytes());
        ++made;
      }
  CHECK(seen.size() == made);
}

TEST_CASE("a place beyond LMDB's limits is refused", "[sealing]") {
  CHECK(place{std::string(64, 't'), std::string(511, 'k'), 1}.bytes().size() == 578);
  CHECK_THROWS_AS((place{std::string(65, 't'), "k", 1}), failure);
  CHECK_THROWS_AS((place{"t", std::string(512, 'k'), 1}), failure);
}

TEST_CASE_METHOD(sealing_fixture, "a change of any bit is seen", "[sealing]") {
  auto sealed = seal(here, "a value of some bytes");
  for (std::size_t i = 0; i < sealed.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      CAPTURE(i, bit);
      auto changed = sealed;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      CHECK_FALSE(open(uut, here, changed));
    }
}

TEST_CASE_METHOD(sealing_fixture, "a value that is cut or longer is refused",
                 "[sealing]") {
  auto sealed = seal(here, "a value");
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(open(uut, here, sealed.substr(0, size)));
  }
  CHECK_FALSE(open(uut, here, sealed + '\0'));
}

TEST_CASE_METHOD(sealing_fixture, "errors tell what is wrong with a value",
                 "[sealing]") {
  auto sealed = seal(here, "a value");
  auto with_byte = [&](std::size_t at, char x) {
    auto result = sealed;
    result[at] = x;
    return result;
  };
  CHECK(code_of(with_byte(0, 2)) == errc::unsupported);
  CHECK(code_of(with_byte(0, 0)) == errc::malformed);
  CHECK(code_of(with_byte(4, 9)) == errc::wrong_key); // Data key 9.
  CHECK(code_of(with_byte(sealed.size() - 1, 'x')) == errc::malformed);
  CHECK(code_of("") == errc::malformed);
  CHECK(code_of("plain text of long ago") == errc::unsupported); // 'p' is no version.
  CHECK(code_of(std::string{"\1 short"}) == errc::malformed);
}

TEST_CASE_METHOD(sealing_fixture, "values under an old and a new key live side by side",
                 "[sealing]") {
  auto old = seal(here, "old");
  REQUIRE(ring.add_data_key(2) == 2u);
  auto both = ring.make_sealer();
  std::string fresh;
  both.seal(here, "fresh", fresh);
  CHECK(sealer::key_id_of(old) == 1u);
  CHECK(sealer::key_id_of(fresh) == 2u);
  CHECK(open(both, here, old) == "old");
  CHECK(open(both, here, fresh) == "fresh");
  CHECK_FALSE(open(uut, here, fresh)); // It does not know the new key.
  CHECK(code_of(fresh) == errc::wrong_key);
  // The number alone does not make a value pass for one of the other key.
  fresh[4] = 1;
  CHECK_FALSE(open(both, here, fresh));
}

TEST_CASE_METHOD(sealing_fixture, "another store opens nothing of this one",
                 "[sealing]") {
  auto other = key_ring::create(7, 1).make_sealer();
  CHECK_FALSE(open(other, here, seal(here, "value")));
}

TEST_CASE_METHOD(sealing_fixture,
                 "the hash of a name is its store's own and outlives rotations",
                 "[sealing]") {
  auto hash = uut.hash_name("temperature{source=\"a\"}");
  CHECK(hash == uut.hash_name("temperature{source=\"a\"}"));
  CHECK(hash != uut.hash_name("temperature{source=\"b\"}"));
  CHECK(hash
        != key_ring::create(7, 1).make_sealer().hash_name("temperature{source=\"a\"}"));
  REQUIRE(ring.add_data_key(2));
  REQUIRE(ring.retire(1));
  CHECK(hash == ring.make_sealer().hash_name("temperature{source=\"a\"}"));
}

TEST_CASE_METHOD(sealing_fixture, "many threads use one sealer", "[sealing]") {
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::string sealed;
      std::string plain;
      for (int i = 0; i < 500; ++i) {
        auto text = std::to_string(t) + " " + std::to_string(i);
        sealed.clear();
        plain.clear();
        uut.seal({"t", text, 1}, text, sealed);
        if (!uut.open({"t", text, 1}, sealed, plain) || plain != text)
          ++wrong;
      }
    });
  for (auto& x : threads)
    x.join();
  CHECK(wrong == 0);
}

TEST_CASE("a sub-key differs by number and purpose, and from its parent", "[sealing]") {
  auto parent = secret_key::random();
  std::set<std::string> all{std::string{parent.bytes()}};
  all.emplace(parent.derived(1, "weirseal").bytes());
  all.emplace(parent.derived(2, "weirseal").bytes());
  all.emplace(parent.derived(1, "weirname").bytes());
  CHECK(all.size() == 4);
  CHECK(parent.derived(1, "weirseal").bytes() == parent.derived(1, "weirseal").bytes());
}

TEST_CASE("XChaCha20-Poly1305 agrees with its draft's example", "[sealing]") {
  // draft-irtf-cfrg-xchacha-03, A.3.1.
  std::string key_bytes;
  for (int i = 0x80; i < 0xa0; ++i)
    key_bytes += static_cast<char>(i);
  std::array<unsigned char, aead_nonce_bytes> nonce;
  for (std::size_t i = 0; i < nonce.size(); ++i)
    nonce[i] = static_cast<unsigned char>(0x40 + i);
  const std::string_view associated{"\x50\x51\x52\x53\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7",
                                    12};
  const std::string_view plain
    = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
      "the future, sunscreen would be it.";
  std::vector<unsigned char> out(plain.size() + aead_tag_bytes);
  aead_seal(secret_key::of(key_bytes), nonce.data(), associated, plain, out.data());
  CHECK(out[0] == 0xbd);
  CHECK(out[1] == 0x6d);
  CHECK(out[2] == 0x17);
  CHECK(out[3] == 0x9d);
  const std::vector<unsigned char> tag{0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79,
                                       0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49};
  CHECK(std::vector<unsigned char>(out.end() - 16, out.end()) == tag);
}
