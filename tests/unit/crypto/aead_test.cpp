#include "crypto/aead.hpp"

#include <openssl/evp.h>

#include <catch2/catch.hpp>
#include <thread>

#include "crypto/block_cipher.hpp"
#include "helpers.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

const Nonce192 kLetters = [] {
  Nonce192 n;
  std::memcpy(n.bytes.data(), "ABCDEFGHIJKLMNOPQRSTUVWX", 24);
  return n;
}();

SecretKey filled(std::uint8_t value) { return *SecretKey::from(Buffer(32, value)); }

Buffer sealed(const XAes256Gcm& cipher, const Nonce192& nonce, ByteView aad, ByteView plain) {
  Buffer out(plain.size() + XAes256Gcm::kTag);
  cipher.seal(nonce, {&aad, 1}, plain, out);
  return out;
}

}  // namespace

TEST_CASE("aes: the examples of FIPS 197, one block and many in one call") {
  Aes128 small{*Secret<16>::from(bytes("000102030405060708090a0b0c0d0e0f"))};
  Aes256 large{*SecretKey::from(bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))};
  const auto block = bytes("00112233445566778899aabbccddeeff");
  Buffer many;
  for (int i = 0; i < 100; ++i) append(many, block);
  auto other = many;
  small.encrypt(many);
  large.encrypt(other);
  for (std::size_t i = 0; i < many.size(); i += 16) {
    CHECK(hex(ByteView{many}.subspan(i, 16)) == "69c4e0d86a7b0430d8cdb78070b4c55a");
    CHECK(hex(ByteView{other}.subspan(i, 16)) == "8ea2b7ca516745bfeafc49904b496089");
  }
}

TEST_CASE("aes: keys used in turn on one thread are not mixed up, and a moved one keeps its own") {
  Aes128 a{*Secret<16>::from(Buffer(16, 1))}, b{*Secret<16>::from(Buffer(16, 2))};
  auto with = [](const Aes128& aes) {
    Buffer block(16, 0);
    aes.encrypt(block);
    return block;
  };
  auto of_a = with(a), of_b = with(b);
  CHECK(of_a != of_b);
  CHECK(with(a) == of_a);
  Aes128 moved = std::move(a);
  CHECK(with(b) == of_b);
  CHECK(with(moved) == of_a);
  {
    Aes128 gone{*Secret<16>::from(Buffer(16, 3))};
    CHECK(with(gone) != of_a);
  }
  Aes128 next{*Secret<16>::from(Buffer(16, 1))};
  CHECK(with(next) == of_a);
}

TEST_CASE("xaes: the two vectors of the specification, with either top bit of L") {
  CHECK(hex(sealed(XAes256Gcm{filled(1)}, kLetters, {}, as_bytes("XAES-256-GCM"))) ==
        "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
  CHECK(hex(sealed(XAes256Gcm{filled(3)}, kLetters, as_bytes("c2sp.org/XAES-256-GCM"), as_bytes("XAES-256-GCM"))) ==
        "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
}

// Key, nonce, plaintext and additional data are read from SHAKE-128 of nothing, all ciphertexts go into another
// SHAKE-128.
TEST_CASE("xaes: the specification's accumulated test of 10 000 messages") {
  constexpr std::size_t kEnough = 10'000 * (32 + 24 + 2 + 2 * 255);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> source{EVP_MD_CTX_new(), EVP_MD_CTX_free},
      sink{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  Buffer stream(kEnough);
  REQUIRE(EVP_DigestInit_ex(source.get(), EVP_shake128(), nullptr) == 1);
  REQUIRE(EVP_DigestFinalXOF(source.get(), stream.data(), stream.size()) == 1);
  REQUIRE(EVP_DigestInit_ex(sink.get(), EVP_shake128(), nullptr) == 1);

  ByteView left = stream;
  auto take = [&](std::size_t n) {
    auto out = left.first(n);
    left = left.subspan(n);
    return out;
  };
  std::size_t wrong = 0;
  for (int i = 0; i < 10'000; ++i) {
    XAes256Gcm cipher{*SecretKey::from(take(32))};
    Nonce192 nonce;
    std::memcpy(nonce.bytes.data(), take(24).data(), 24);
    auto plain = take(take(1)[0]);
    auto aad = take(take(1)[0]);
    auto out = sealed(cipher, nonce, aad, plain);
    EVP_DigestUpdate(sink.get(), out.data(), out.size());
    Buffer back(plain.size());
    wrong += !cipher.open(nonce, {&aad, 1}, out, back) || !equal(back, plain);
  }
  CHECK(wrong == 0);
  std::array<std::uint8_t, 32> hash;
  REQUIRE(EVP_DigestFinalXOF(sink.get(), hash.data(), hash.size()) == 1);
  CHECK(hex(hash) == "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

TEST_CASE("xaes: additional data counts as joined parts") {
  XAes256Gcm cipher{filled(1)};
  auto aad = as_bytes("header and account");
  const ByteView parts[] = {aad.first(6), {}, aad.subspan(6)};
  auto whole = sealed(cipher, kLetters, aad, as_bytes("text"));
  Buffer out(20);
  cipher.seal(kLetters, parts, as_bytes("text"), out);
  CHECK(out == whole);
}

TEST_CASE("xaes: seals and opens in place") {
  XAes256Gcm cipher{filled(1)};
  Buffer data(100'000 + XAes256Gcm::kTag);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 7);
  const Buffer before(data.begin(), data.begin() + 100'000);
  auto apart = sealed(cipher, kLetters, {}, before);
  MutableByteView view = data;
  cipher.seal(kLetters, {}, view.first(100'000), view);
  CHECK(data == apart);
  REQUIRE(cipher.open(kLetters, {}, view, view.first(100'000)));
  CHECK(equal(view.first(100'000), before));
}

TEST_CASE("xaes: a changed bit anywhere is refused, and nothing is handed out") {
  XAes256Gcm cipher{filled(1)};
  Buffer aad = to_buffer(as_bytes("header"));
  auto good = sealed(cipher, kLetters, aad, as_bytes("sixteen bytes of text, and some"));
  Buffer out(good.size() - XAes256Gcm::kTag);
  auto opens = [&](const XAes256Gcm& with, const Nonce192& nonce, ByteView a, ByteView data) {
    std::fill(out.begin(), out.end(), std::uint8_t{0xee});
    auto r = with.open(nonce, {&a, 1}, data, out);
    if (!r) {
      CHECK(r.error() == Errc::damaged);
      CHECK(out == Buffer(out.size(), 0));
    }
    return r.has_value();
  };
  REQUIRE(opens(cipher, kLetters, aad, good));
  for (auto& byte : good)
    for (int bit = 0; bit < 8; ++bit) {
      byte = static_cast<std::uint8_t>(byte ^ (1 << bit));
      CHECK_FALSE(opens(cipher, kLetters, aad, good));
      byte = static_cast<std::uint8_t>(byte ^ (1 << bit));
    }
  for (auto& byte : aad) {
    byte ^= 1;
    CHECK_FALSE(opens(cipher, kLetters, aad, good));
    byte ^= 1;
  }
  for (std::size_t i = 0; i < 24; ++i) {
    Nonce192 nonce = kLetters;
    nonce.bytes[i] ^= 1;
    CHECK_FALSE(opens(cipher, nonce, aad, good));
  }
  CHECK_FALSE(opens(XAes256Gcm{filled(2)}, kLetters, aad, good));
  CHECK(opens(cipher, kLetters, aad, good));
}

TEST_CASE("xaes: nothing at all seals to a tag, and less than a tag is malformed") {
  XAes256Gcm cipher{filled(1)};
  auto tag = sealed(cipher, kLetters, {}, {});
  CHECK(tag.size() == XAes256Gcm::kTag);
  CHECK(cipher.open(kLetters, {}, tag, {}));
  CHECK(cipher.open(kLetters, {}, ByteView{tag}.first(15), {}).error() == Errc::malformed);
}

TEST_CASE("xaes: one object serves several threads") {
  XAes256Gcm cipher{filled(1)};
  Buffer plain(5000, 42);
  auto expected = sealed(cipher, kLetters, {}, plain);
  std::array<int, 4> wrong{};
  std::vector<std::thread> threads;
  for (auto& w : wrong)
    threads.emplace_back([&] {
      Buffer out(plain.size());
      for (int i = 0; i < 500; ++i) {
        w += sealed(cipher, kLetters, {}, plain) != expected;
        w += !cipher.open(kLetters, {}, expected, out) || out != plain;
      }
    });
  for (auto& t : threads) t.join();
  CHECK(wrong == std::array<int, 4>{});
}
