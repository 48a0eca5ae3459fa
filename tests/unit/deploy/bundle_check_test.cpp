#include "bundle_check.hpp"

#include "crypto/digest.hpp"
#include "kit.hpp"

using namespace farkeep;
using namespace farkeep::deploy;
using namespace farkeep::deploy::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

/// A file changed by somebody who also writes a manifest that fits.
BundleFiles changed(BundleFiles files, const std::string& name, const std::string& bytes) {
  auto manifest = BundleManifest::parse(files.at("manifest")).value();
  files[name] = bytes;
  manifest.files[name] = sha256(as_bytes(bytes));
  files["manifest"] = manifest.text();
  return files;
}

struct Verdict {
  Exit exit;
  std::string problems;
};
Verdict judge(const BundleFiles& files, WallTime now = kNow) {
  SystemRandom random;
  auto const findings = check_bundle(files, now, random);
  Verdict out{exit_of(findings), {}};
  for (auto const& f : findings)
    if (f.problem) out.problems += f.what + ": " + f.text + "\n";
  return out;
}

}  // namespace

TEST_CASE("verify: a bundle as it was made is right") {
  Kit kit;
  auto const verdict = judge(kit.bundle());
  INFO(verdict.problems);
  CHECK(verdict.exit == Exit::done);
}

TEST_CASE("verify: a file that was changed, is missing or was added is named, and nothing else is believed") {
  Kit kit;
  auto files = kit.bundle();
  files["install.sh"] += "rm -rf /\n";
  files.erase("ca.pem");
  files["extra"] = "";
  auto const verdict = judge(files);
  CHECK(verdict.exit == Exit::alarm);
  CHECK_THAT(verdict.problems, Contains("install.sh is not what the manifest says") && Contains("ca.pem is missing") && Contains("extra is not in the manifest"));
  CHECK_THAT(verdict.problems, !Contains("authority"));
}

TEST_CASE("verify: a manifest that is none is damage") {
  Kit kit;
  auto files = kit.bundle();
  files["manifest"] = "hello\n";
  CHECK(judge(files).exit == Exit::alarm);
  files.erase("manifest");
  CHECK(judge(files).exit == Exit::alarm);
}

TEST_CASE("verify: settings changed together with the manifest still miss their digest") {
  Kit kit;
  auto const files = kit.bundle();
  std::string text = files.at("agent.ini");
  auto const other = text.replace(text.find("192.0.2.2"), 9, "192.0.2.7");
  auto const verdict = judge(changed(files, "agent.ini", other));
  CHECK(verdict.exit == Exit::usage);
  CHECK_THAT(verdict.problems, Contains("digest"));
  CHECK_THAT(judge(changed(files, "agent.ini", "[agent]\nnaem = x\n")).problems, Contains("agent.ini:2") && Contains("did you mean name?"));
}

TEST_CASE("verify: an authority that is none, another's, not yet or no longer valid, or not for much longer is a problem") {
  Kit kit;
  auto const files = kit.bundle();
  CHECK_THAT(judge(changed(files, "ca.pem", "x")).problems, Contains("no certificate"));
  auto const issuing = kit.root.issue_authority(CertificateRequest::make(SigningKey::generate(kit.random)), kit.random.id<ServerId>(), Validity::starting(kNow, 8760h), kit.random);
  CHECK_THAT(judge(changed(files, "ca.pem", issuing.pem())).problems, Contains("not the root"));
  auto const end = kit.root.certificate().not_after();
  CHECK_THAT(judge(files, kNow - 24h).problems, Contains("valid from"));
  CHECK_THAT(judge(files, end - kSoon + 1s).problems, Contains("within 30 days"));
  CHECK_THAT(judge(files, end - kSoon).problems, !Contains("ca.pem"));
  CHECK_THAT(judge(files, end).problems, Contains("ca.pem expired"));
}

TEST_CASE("verify: a token that has expired, or is none, weighs more than settings") {
  Kit kit;
  auto const files = kit.bundle();
  CHECK(judge(files, kNow + 24h - 1s).exit == Exit::done);
  auto const late = judge(files, kNow + 24h);
  CHECK(late.exit == Exit::refused);
  CHECK_THAT(late.problems, Contains("the token expired at 2027-01-16T08:00:00Z"));
  CHECK(judge(changed(changed(files, "token", "!\n"), "ca.pem", "x")).exit == Exit::refused);
}

TEST_CASE("verify: an escrow key must be one, be such that something can be sealed to it, and be what the settings name") {
  Kit kit;
  auto files = kit.bundle();
  CHECK_THAT(judge(changed(files, "escrow.pub", "x")).problems, Contains("no X25519 public key"));
  CHECK_THAT(judge(changed(files, "escrow.pub", X25519PublicKey{}.to_pem())).problems, Contains("nothing can be sealed"));
  auto manifest = BundleManifest::parse(files.at("manifest")).value();
  manifest.files.erase("escrow.pub");
  files["manifest"] = manifest.text();
  files.erase("escrow.pub");
  CHECK_THAT(judge(files).problems, Contains("do not agree"));
}
