#include "archive/manifest.hpp"

#include "archive/archive.pb.h"
#include "base/limits.hpp"
#include "crypto/authority.hpp"
#include "support.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

const WallTime kNow = from_unix_seconds(1'800'000'000);

// A data centre's root, an agent with a certificate of it, and what the agent would state.
struct Scene {
  CountingRandom random;
  Authority root = Authority::make_root(SigningKey::generate(random), kNow, random);
  SigningKey key = SigningKey::generate(random);
  Certificate certificate = root.issue_agent(CertificateRequest::make(key), kAccount, kAgent,
                                             Validity::starting(kNow, std::chrono::hours{24 * 365}), random);
  Statement statement{kAccount, kAgent, 2, Digest{counting<32>(1)}, some_id(1), kSession, kNow};
  SnapshotDetails details;

  Scene() {
    details.job = "daily";
    details.host = "host \xff";
    details.paths = {"/etc", "/home"};
    details.tags = {"before upgrade"};
    details.started = details.ended = kNow;
    details.files = 3, details.folders = 2, details.others = 1, details.bytes = 12345, details.bytes_sent = 99;
    details.unreadable = 1, details.changed_while_read = 1;
    details.software = "farkeep 1";
    details.problems = {{"/etc/shadow", "permission denied"}};
  }
  Buffer seal() {
    const std::vector<Certificate> chain{certificate};
    return seal_manifest(statement, details, session_key(), keys().nonce_key(), random, key, chain);
  }
};

}  // namespace

TEST_CASE("manifest: comes back as it was stated, and is verified") {
  Scene s;
  const Buffer bytes = s.seal();
  auto m = Manifest::parse(bytes);
  REQUIRE(m);
  CHECK(m->statement() == s.statement);
  CHECK(m->verify(s.root.certificate(), kNow));
  CHECK(m->is_signed_by(s.key.public_key()));
  auto details = m->open_details(session_key());
  REQUIRE(details);
  CHECK(*details == s.details);

  archive::pb::SignedManifest stored;
  REQUIRE(stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  CHECK(m->snapshot_id() == sha256(as_bytes(stored.statement())));
}

TEST_CASE("manifest: the first has no predecessor, every other has one") {
  Scene s;
  s.statement.sequence = 1;
  s.statement.previous = {};
  CHECK(Manifest::parse(s.seal())->statement().previous.is_zero());

  archive::pb::SignedManifest m;
  archive::pb::Statement st;
  const Buffer bytes = s.seal();
  REQUIRE(m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  REQUIRE(st.ParseFromString(m.statement()));
  st.set_sequence(2);
  m.set_statement(st.SerializeAsString());
  CHECK(Manifest::parse(as_bytes(m.SerializeAsString())).error() == Errc::malformed);
}

TEST_CASE("manifest: every changed bit is refused by parsing, by verification, or by both") {
  Scene s;
  const Buffer bytes = s.seal();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Buffer changed = bytes;
    changed[i] ^= 1;
    auto m = Manifest::parse(changed);
    if (m && m->verify(s.root.certificate(), kNow)) FAIL("byte " << i);
  }
}

TEST_CASE("manifest: every truncation is refused") {
  Scene s;
  const Buffer bytes = s.seal();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    auto m = Manifest::parse(ByteView{bytes}.first(n));
    if (m) FAIL(n);
  }
}

TEST_CASE("manifest: who may not have signed it") {
  Scene s;
  std::string why;
  SECTION("another root") {
    const Authority other = Authority::make_root(SigningKey::generate(s.random), kNow, s.random);
    auto m = Manifest::parse(s.seal());
    CHECK(m->verify(other.certificate(), kNow, &why).error() == Errc::identity);
  }
  SECTION("an expired certificate") {
    auto m = Manifest::parse(s.seal());
    CHECK(m->verify(s.root.certificate(), kNow + std::chrono::hours{24 * 400}, &why).error() == Errc::identity);
  }
  SECTION("another agent of the account") {
    s.statement.agent = AgentId{counting<16>(0x70)};
    auto m = Manifest::parse(s.seal());
    CHECK(m->verify(s.root.certificate(), kNow, &why).error() == Errc::identity);
  }
  SECTION("another key than the certificate's") {
    s.key = SigningKey::generate(s.random);
    auto m = Manifest::parse(s.seal());
    CHECK(m->verify(s.root.certificate(), kNow, &why).error() == Errc::identity);
  }
  SECTION("a server") {
    s.certificate = s.root.issue_server(CertificateRequest::make(s.key), ServerId{}, {},
                                        Validity::starting(kNow, std::chrono::hours{1}), s.random);
    auto m = Manifest::parse(s.seal());
    CHECK(m->verify(s.root.certificate(), kNow, &why).error() == Errc::identity);
  }
  CHECK_FALSE(why.empty());
}

TEST_CASE("manifest: details open for their own session key and statement only") {
  Scene s;
  const Buffer bytes = s.seal();
  CHECK(Manifest::parse(bytes)->open_details(counting_key(1)).error() == Errc::damaged);
  // Moved into another statement, even one signed by the same agent.
  archive::pb::SignedManifest m;
  archive::pb::Statement st;
  REQUIRE(m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  REQUIRE(st.ParseFromString(m.statement()));
  st.set_sequence(3);
  m.set_statement(st.SerializeAsString());
  CHECK(Manifest::parse(as_bytes(m.SerializeAsString()))->open_details(session_key()).error() == Errc::damaged);
}

TEST_CASE("manifest: another format is named as such, wrong sizes are malformed") {
  Scene s;
  const Buffer bytes = s.seal();
  archive::pb::SignedManifest m;
  archive::pb::Statement st;
  REQUIRE(m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  REQUIRE(st.ParseFromString(m.statement()));
  Errc expected = Errc::malformed;
  SECTION("format") { st.set_format(2), expected = Errc::unsupported_version; }
  SECTION("no sequence") { st.set_sequence(0); }
  SECTION("account") { st.mutable_account()->pop_back(); }
  SECTION("root") { st.mutable_root()->push_back('x'); }
  SECTION("session") { st.clear_session(); }
  SECTION("nonce") { st.mutable_nonce()->pop_back(); }
  SECTION("details shorter than a tag") { st.mutable_details()->resize(15); }
  SECTION("signature") { m.mutable_signature()->pop_back(); }
  SECTION("no certificate") { m.clear_signer_chain(); }
  SECTION("a certificate that is none") { m.set_signer_chain(0, "x"); }
  SECTION("more certificates than a chain has") {
    for (int i = 0; i < 8; ++i) m.add_signer_chain(m.signer_chain(0));
    expected = Errc::too_large;
  }
  m.set_statement(st.SerializeAsString());
  CHECK(Manifest::parse(as_bytes(m.SerializeAsString())).error() == expected);
}

TEST_CASE("manifest: one that is too large is not made, and not read") {
  Scene s;
  s.details.tags = {std::string(limits::kMaxManifest, 't')};
  try {
    s.seal();
    FAIL("made");
  } catch (const failure& f) {
    CHECK(f.code() == Errc::too_large);
  }
  CHECK(Manifest::parse(Buffer(limits::kMaxManifest + 1)).error() == Errc::too_large);
}
