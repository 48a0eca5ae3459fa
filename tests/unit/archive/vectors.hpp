#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/hex.hpp"
#include "vectors_folder.hpp"

namespace farkeep::testing {

/// One file of tests/vectors/archive: <name>.<outcome>.txt with lines "key: value".
struct Vector {
  std::string name, outcome;
  std::map<std::string, std::string> fields;

  bool has(const std::string& key) const { return fields.count(key) > 0; }
  const std::string& text(const std::string& key) const { return fields.at(key); }
  Buffer raw(const std::string& key) const { return unhex(text(key)).value(); }
};

inline std::vector<Vector> vectors(const std::string& folder) {
  std::vector<Vector> out;
  for (const auto& file : std::filesystem::directory_iterator(std::string(kVectors) + "/archive/" + folder)) {
    Vector v;
    v.name = file.path().stem().string();
    v.outcome = v.name.substr(v.name.rfind('.') + 1);
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);) {
      const auto colon = line.find(": ");
      v.fields[line.substr(0, colon)] = colon == std::string::npos ? "" : line.substr(colon + 2);
    }
    out.push_back(std::move(v));
  }
  return out;
}

/// The error that a vector's file name promises.
inline Errc promised(const std::string& outcome) {
  static const std::map<std::string, Errc> by_name{
      {"malformed", Errc::malformed},     {"unsupported_version", Errc::unsupported_version},
      {"too_large", Errc::too_large},     {"damaged", Errc::damaged},
      {"id_mismatch", Errc::id_mismatch}, {"identity", Errc::identity},
  };
  return by_name.at(outcome);
}

}  // namespace farkeep::testing
