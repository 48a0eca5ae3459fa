#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/hex.hpp"
#include "crypto/random.hpp"
#include "vectors_folder.hpp"

namespace farkeep::testing {

/// Gives 00, 01, 02 …: what the vectors of tests/vectors/crypto were made with.
class CountingRandom final : public Random {
 public:
  void fill(MutableByteView out) override {
    for (auto& b : out) b = next_++;
  }

 private:
  std::uint8_t next_ = 0;
};

/// A broken generator: the same bytes for ever.
class StuckRandom final : public Random {
 public:
  void fill(MutableByteView out) override { std::fill(out.begin(), out.end(), std::uint8_t{7}); }
};

inline Buffer bytes(std::string_view hex_text) { return unhex(hex_text).value(); }

/// N bytes that count from `first`.
template <std::size_t N>
std::array<std::uint8_t, N> counting(std::uint8_t first) {
  std::array<std::uint8_t, N> out;
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}
template <std::size_t N>
Secret<N> counting_secret(std::uint8_t first) {
  return *Secret<N>::from(counting<N>(first));
}

/// One file of tests/vectors/crypto: <name>.<outcome>.txt with lines "key: value".
struct Vector {
  std::string name, outcome;
  std::map<std::string, std::string> fields;
  bool has(const std::string& key) const { return fields.count(key) > 0; }
  const std::string& text(const std::string& key) const { return fields.at(key); }
  Buffer raw(const std::string& key) const { return bytes(text(key)); }
};

inline std::vector<Vector> vectors(const std::string& folder) {
  std::vector<Vector> out;
  for (const auto& file : std::filesystem::directory_iterator(std::string(kVectors) + "/crypto/" + folder)) {
    Vector v;
    auto stem = file.path().stem().string();
    v.name = stem;
    v.outcome = stem.substr(stem.rfind('.') + 1);
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);) {
      auto colon = line.find(": ");
      v.fields[line.substr(0, colon)] = colon == std::string::npos ? "" : line.substr(colon + 2);
    }
    out.push_back(std::move(v));
  }
  return out;
}

/// The error that a vector's file name promises.
inline Errc promised(const std::string& outcome) {
  static const std::map<std::string, Errc> by_name{
      {"malformed", Errc::malformed},   {"unsupported_version", Errc::unsupported_version},
      {"too_large", Errc::too_large},   {"damaged", Errc::damaged},
      {"bad_secret", Errc::bad_secret}, {"id_mismatch", Errc::id_mismatch},
  };
  return by_name.at(outcome);
}

}  // namespace farkeep::testing

/// Catch prints what it checks; a key must not be printable, so a result says only which way it went.
template <class T>
struct Catch::StringMaker<farkeep::result<T>> {
  static std::string convert(const farkeep::result<T>& r) { return r ? "a value" : r.error().message(); }
};
