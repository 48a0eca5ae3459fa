#include "crypto/digest.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "helpers.hpp"

using namespace farkeep;
using namespace farkeep::testing;

TEST_CASE("sha256: the examples of FIPS 180-4, in one go and in parts") {
  CHECK(sha256({}).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256(as_bytes("abc")).hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  auto two_blocks = as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
  CHECK(sha256(two_blocks).hex() == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  Sha256 parts;
  for (auto b : two_blocks) parts.update({&b, 1});
  CHECK(parts.finish() == sha256(two_blocks));
}

TEST_CASE("hmac: the test cases of RFC 4231") {
  struct Case {
    Buffer key, data;
    const char* tag;
  };
  const Case cases[] = {
      {Buffer(20, 0x0b), to_buffer(as_bytes("Hi There")),
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {to_buffer(as_bytes("Jefe")), to_buffer(as_bytes("what do ya want for nothing?")),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {Buffer(20, 0xaa), Buffer(50, 0xdd), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {bytes("0102030405060708090a0b0c0d0e0f10111213141516171819"), Buffer(50, 0xcd),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {Buffer(131, 0xaa), to_buffer(as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {Buffer(131, 0xaa),
       to_buffer(
           as_bytes("This is a test using a larger than block-size key and a larger than block-size data. The key "
                    "needs to be hashed before being used by the HMAC algorithm.")),
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const auto& c : cases) CHECK(Hmac{c.key}(ByteView{c.data}).hex() == c.tag);
}

TEST_CASE("hmac: parts count as joined, and a call leaves nothing behind for the next") {
  Hmac hmac{as_bytes("key")};
  auto text = as_bytes("one two three");
  const ByteView parts[] = {text.first(3), {}, text.subspan(3, 5), text.subspan(8)};
  auto whole = hmac(text);
  CHECK(hmac(parts) == whole);
  CHECK(hmac(as_bytes("other")) != whole);
  CHECK(hmac(text) == whole);
}

TEST_CASE("hmac: one object serves several threads, and survives a move") {
  Hmac first{as_bytes("key")};
  auto expected = first(as_bytes("message"));
  Hmac hmac = std::move(first);
  std::array<int, 4> wrong{};
  std::vector<std::thread> threads;
  for (auto& w : wrong)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) w += hmac(as_bytes("message")) != expected;
    });
  for (auto& t : threads) t.join();
  CHECK(wrong == std::array<int, 4>{});
}

TEST_CASE("hkdf: the SHA-256 test cases of RFC 5869") {
  auto derive = [](const Buffer& key, const Buffer& salt, const Buffer& info, std::size_t size) {
    Buffer out(size);
    hkdf_sha256(key, salt, as_text(info), out);
    return hex(out);
  };
  CHECK(derive(Buffer(22, 0x0b), bytes("000102030405060708090a0b0c"), bytes("f0f1f2f3f4f5f6f7f8f9"), 42) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  auto a = counting<80>(0x00), b = counting<80>(0x60), c = counting<80>(0xb0);
  CHECK(derive(to_buffer(a), to_buffer(b), to_buffer(c), 82) ==
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09"
        "b83677"
        "93a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
  CHECK(derive(Buffer(22, 0x0b), {}, {}, 42) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST_CASE("compare in constant time: sizes and every byte count") {
  auto a = counting<16>(0), b = a;
  CHECK(equal_constant_time(a, b));
  CHECK(equal_constant_time({}, {}));
  CHECK_FALSE(equal_constant_time(a, ByteView{b}.first(15)));
  for (auto& byte : b) {
    byte ^= 0x80;
    CHECK_FALSE(equal_constant_time(a, b));
    byte ^= 0x80;
  }
}
