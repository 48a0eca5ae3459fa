// Golden cuts, made by a program of its own in another language: see tests/vectors/chunk/README.md.
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <sstream>

#include "chunk/gear_table.hpp"
#include "content.hpp"
#include "crypto/block_cipher.hpp"
#include "crypto/digest.hpp"
#include "reference.hpp"
#include "vectors_folder.hpp"

using namespace farkeep;

namespace {

Buffer make(const std::string& kind, std::uint64_t seed, std::size_t size) {
  if (kind == "random") return content::random(seed, size);
  if (kind == "text") return content::text(seed, size);
  if (kind == "binary") return content::binary(seed, size);
  if (kind == "zeros") return Buffer(size);
  if (kind == "period") return content::repeat(content::random(seed, seed), size);
  FAIL("unknown kind of content: " << kind);
  return {};
}

}  // namespace

TEST_CASE("vectors: the Gear table is the one that the rule gives") {
  Buffer table;
  for (unsigned byte = 0; byte < 256; ++byte) {
    Buffer name = to_buffer(as_bytes("farkeep gear v1"));
    name.push_back(static_cast<std::uint8_t>(byte));
    std::uint64_t first = 0;
    for (unsigned i = 0; i < 8; ++i) first |= std::uint64_t{sha256(name).bytes[i]} << (8 * i);
    CHECK(kGear[byte] == (first & ~(std::uint64_t{1} << 63)));
    for (unsigned i = 0; i < 8; ++i) table.push_back(static_cast<std::uint8_t>(kGear[byte] >> (8 * i)));
  }
  CHECK(sha256(table).hex() == "8e4b82147bdc5ece26c2cd0990926f0f750a384ac3f3c1d292b7de10d2fea87c");
}

TEST_CASE("vectors: golden cuts") {
  std::ifstream file(std::string(kVectors) + "/chunk/cuts.txt");
  REQUIRE(file.is_open());
  std::string line;
  std::size_t cases = 0;
  while (std::getline(file, line)) {
    if (line.empty() || line.front() == '#') continue;
    // kind seed size first-key-byte average : lengths
    std::istringstream row(line);
    std::string kind, colon;
    std::uint64_t seed = 0;
    std::size_t size = 0;
    unsigned first_key_byte = 0;
    std::uint32_t average = 0;
    row >> kind >> seed >> size >> first_key_byte >> average >> colon;
    REQUIRE(colon == ":");
    std::vector<std::size_t> expected;
    for (std::size_t n; row >> n;) expected.push_back(n);

    const CutKey key(content::key_from(static_cast<std::uint8_t>(first_key_byte)));
    const Chunker chunker(key, sizes_around(average));
    INFO(line.substr(0, line.find(':')));
    CHECK(content::cut_all(chunker, make(kind, seed, size)) == expected);
    ++cases;
  }
  CHECK(cases == 14);
}

TEST_CASE("vectors: one window, step by step") {
  std::ifstream file(std::string(kVectors) + "/chunk/window.txt");
  REQUIRE(file.is_open());
  std::map<std::string, std::string> value;
  for (std::string name, text; file >> name >> text;) value[name] = text;
  REQUIRE(value.size() == 6);

  const auto cut_key = SecretKey::from(*unhex(value["cut_key"]));
  REQUIRE(cut_key);
  WindowHash::Key hash_key;
  hkdf_sha256(cut_key->view(), {}, "farkeep/1/cut/hash", hash_key.mutable_view());
  CHECK(hex(hash_key.view().first(16)) == value["hash_key_k0"]);
  Secret<16> aes_key;
  hkdf_sha256(cut_key->view(), {}, "farkeep/1/cut/aes", aes_key.mutable_view());
  CHECK(hex(aes_key.view()) == value["aes_key"]);

  const Buffer window = *unhex(value["window"]);
  REQUIRE(window.size() == kWindow);
  Buffer block(kWindowDigest);
  WindowHash(std::move(hash_key)).digest(ByteView{window}.first<kWindow>(), std::span(block).first<kWindowDigest>());
  CHECK(hex(block) == value["digest"]);
  Aes128(aes_key).encrypt(block);
  CHECK(hex(block) == value["ciphertext"]);
}
