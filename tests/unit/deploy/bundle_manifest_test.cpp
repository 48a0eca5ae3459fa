#include "bundle_manifest.hpp"

#include <catch2/catch.hpp>

#include "crypto/digest.hpp"

using namespace farkeep;
using namespace farkeep::deploy;

namespace {

const std::string kSum(64, 'a');
const std::string kHead = "# farkeep-deploy bundle 1\n";
const std::string kLeast = kHead + kSum + "  agent.ini\n";

}  // namespace

TEST_CASE("manifest: what is written is read back") {
  BundleManifest m;
  m.bundle = "web";
  m.organisation = "Example: the Ltd";
  m.made_by = "farkeep 1";
  m.token_uses = 50;
  m.token_expires = from_unix_seconds(1'800'000'000);
  m.files["agent.ini"] = sha256(as_bytes("x"));
  auto const read = BundleManifest::parse(m.text()).value();
  CHECK(read.bundle == "web");
  CHECK(read.organisation == "Example: the Ltd");
  CHECK(read.made_by == "farkeep 1");
  CHECK(read.token_uses == m.token_uses);
  CHECK(read.token_expires == m.token_expires);
  CHECK(read.files == m.files);
}

TEST_CASE("manifest: a fact that is not known does not stand in it, one from later versions is left aside") {
  CHECK(BundleManifest::parse(kLeast).value().token_expires == std::nullopt);
  CHECK(BundleManifest::parse(kHead + "# colour: red\n" + kSum + "  agent.ini\n").value().files.size() == 1);
}

TEST_CASE("manifest: every line that is not as it is written is malformed") {
  for (const std::string& text : {std::string{}, kSum + "  agent.ini\n", kHead, kLeast.substr(0, kLeast.size() - 1), kLeast + kSum + " agent\n", kLeast + kSum + "  ../token\n",
                                  kLeast + kSum + "  manifest\n", kLeast + kSum + "  .hidden\n", kLeast + kSum + "  -rf\n", kLeast + kSum + "  agent.ini\n", kLeast + "zz" + kSum.substr(2) + "  b\n",
                                  kLeast + "\n", kHead + "# token-expires: soon\n" + kSum + "  a\n", kHead + "# token-uses: 0\n" + kSum + "  a\n", "# farkeep-deploy bundle 2\n" + kSum + "  a\n"}) {
    INFO(text);
    CHECK(BundleManifest::parse(text).error() == make_error_code(Errc::malformed));
  }
}

TEST_CASE("manifest: more files than a bundle has are too many") {
  std::string text = kHead;
  for (std::size_t i = 0; i <= kMaxBundleFiles; ++i) text += kSum + "  f" + std::to_string(i) + "\n";
  CHECK(BundleManifest::parse(text).error() == make_error_code(Errc::too_large));
}
