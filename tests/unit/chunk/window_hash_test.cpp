#include "chunk/window_hash.hpp"

#include <catch2/catch.hpp>

#include "content.hpp"
#include "reference.hpp"

using namespace farkeep;

namespace {

Buffer digest(const WindowHash& hash, ByteView window) {
  Buffer out(kWindowDigest);
  hash.digest(window.first<kWindow>(), std::span(out).first<kWindowDigest>());
  return out;
}

WindowHash hash_of(const SecretKey& cut_key) {
  WindowHash::Key key;
  hkdf_sha256(cut_key.view(), {}, "farkeep/1/cut/hash", key.mutable_view());
  return WindowHash(std::move(key));
}

}  // namespace

TEST_CASE("window hash: agrees with arithmetic in small limbs, carries included") {
  const WindowHash hash = hash_of(content::key_from(0));
  const Reference reference(content::key_from(0), 65536);
  const Buffer noise = content::random(1, 2000 + kWindow);
  for (std::size_t at = 0; at < 2000; ++at) {
    const ByteView window = ByteView{noise}.subspan(at, kWindow);
    REQUIRE(digest(hash, window) == reference.digest(window));
  }
  const Buffer ones(kWindow, 0xff), zeros(kWindow);
  CHECK(digest(hash, ones) == reference.digest(ones));
  CHECK(digest(hash, zeros) == reference.digest(zeros));
}

TEST_CASE("window hash: of zeros it is the top halves of the constants") {
  WindowHash::Key key;
  for (std::size_t i = 0; i < 16; ++i) {
    key.mutable_view()[i] = static_cast<std::uint8_t>(i);
    key.mutable_view()[144 + i] = static_cast<std::uint8_t>(0x80 + i);
  }
  const WindowHash hash(std::move(key));
  CHECK(hex(digest(hash, Buffer(kWindow))) == "08090a0b0c0d0e0f88898a8b8c8d8e8f");
}

TEST_CASE("window hash: every bit of the window changes both halves") {
  const WindowHash hash = hash_of(content::key_from(5));
  const Buffer window = content::random(2, kWindow);
  const Buffer before = digest(hash, window);
  for (std::size_t bit = 0; bit < 8 * kWindow; ++bit) {
    Buffer flipped = window;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
    const Buffer after = digest(hash, flipped);
    INFO("bit " << bit);
    CHECK_FALSE(equal(ByteView{before}.first(8), ByteView{after}.first(8)));
    CHECK_FALSE(equal(ByteView{before}.last(8), ByteView{after}.last(8)));
  }
}
