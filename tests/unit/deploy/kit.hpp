#pragma once

#include <catch2/catch.hpp>

#include "bundle.hpp"
#include "crypto/authority.hpp"
#include "crypto/random.hpp"
#include "crypto/x25519.hpp"

namespace farkeep::deploy::test {

inline const WallTime kNow = from_unix_seconds(1'800'000'000);  // 2027-01-15T08:00:00Z

inline const std::string kProfile = R"([organisation]
name = Example Ltd
[registration]
server = 192.0.2.1
server = 192.0.2.2
ca_file = /root/ca.pem
[escrow]
public_key_file = /root/escrow.pub
[token]
uses = 3
[class web]
match = web*
[class db]
match = db*
[job etc]
path = /etc
)";

inline ProfileConfig profile(const std::string& text = kProfile) {
  auto parsed = ProfileConfig::parse(text, "profile.ini");
  for (const ConfigError& e : parsed.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(parsed);
  return std::move(*parsed.value);
}

/// An organisation with all that a bundle takes.
struct Kit {
  SystemRandom random;
  Authority root = Authority::make_root(SigningKey::generate(random), kNow, random);
  ProfileConfig settings = profile();

  BundleParts parts() {
    BundleParts out;
    out.authority = root.certificate().pem();
    out.escrow_key = X25519PrivateKey::generate(random).public_key().to_pem();
    out.token = parse_token("{\"token\":\"MFRGG43FMZTQ\",\"uses\":3,\"expires\":\"2027-01-16T08:00:00Z\"}");
    return out;
  }
  BundleFiles bundle() { return make_bundle(settings, target_for(settings, "web", {}), parts(), kNow); }
};

}  // namespace farkeep::deploy::test
