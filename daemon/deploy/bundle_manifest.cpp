#include "bundle_manifest.hpp"

#include <algorithm>

#include "config/instant.hpp"
#include "config/value.hpp"

namespace farkeep::deploy {
namespace {

constexpr std::string_view kHead = "# farkeep-deploy bundle 1";

bool is_plain_name(std::string_view name) {
  auto const fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 128 && name[0] != '.' && name[0] != '-' && std::all_of(name.begin(), name.end(), fits) && name != kManifest;
}

bool take_fact(std::string_view line, BundleManifest& out) {
  std::size_t const colon = line.find(": ");
  if (colon == line.npos) return false;
  std::string_view const key = line.substr(0, colon), value = line.substr(colon + 2);
  if (key == "bundle") out.bundle = value;
  if (key == "organisation") out.organisation = value;
  if (key == "made-by") out.made_by = value;
  if (key == "token-uses") {
    auto const uses = parse_number(value, 1, UINT32_MAX);
    if (!uses) return false;
    out.token_uses = *uses;
  }
  if (key == "token-expires") {
    auto const expires = parse_instant(value);
    if (!expires) return false;
    out.token_expires = *expires;
  }
  return true;
}

bool take_file(std::string_view line, BundleManifest& out) {
  constexpr std::size_t kHex = 2 * Digest::kSize;
  if (line.size() < kHex + 3 || line.substr(kHex, 2) != "  ") return false;
  auto const digest = Digest::from_hex(line.substr(0, kHex));
  std::string_view const name = line.substr(kHex + 2);
  return digest && is_plain_name(name) && out.files.try_emplace(std::string{name}, *digest).second;
}

}  // namespace

std::string BundleManifest::text() const {
  std::string out{kHead};
  auto const fact = [&](std::string_view key, const std::string& value) { ((out += "\n# ") += key) += ": " + value; };
  fact("bundle", bundle);
  fact("organisation", organisation);
  fact("made-by", made_by);
  if (token_uses) fact("token-uses", std::to_string(*token_uses));
  if (token_expires) fact("token-expires", rfc3339(*token_expires));
  for (auto const& [name, digest] : files) out += "\n" + digest.hex() + "  " + name;
  return out + "\n";
}

result<BundleManifest> BundleManifest::parse(std::string_view text) {
  BundleManifest out;
  bool first = true;
  while (!text.empty()) {
    std::size_t const end = text.find('\n');
    if (end == text.npos) return Errc::malformed;  // cut off
    std::string_view const line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (first ? line != kHead : line.starts_with("# ") ? !take_fact(line.substr(2), out) : !take_file(line, out)) return Errc::malformed;
    first = false;
    if (out.files.size() > kMaxBundleFiles) return Errc::too_large;
  }
  if (out.files.empty()) return Errc::malformed;
  return out;
}

}  // namespace farkeep::deploy
