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
  Statement statement{kAccount, kAgent, 2, Digest{counting<32>(1)}, some_id(1), kSession, kNow, keys().series(as_bytes("daily"))};
  SnapshotDetails details;

  Scene() {
    details.job = "daily";
    details.host = "host \xff";
    details.paths = {"/etc", "/home"};
    details.tags = {"before upgrade"};
    details.started = details.ended = kNow;
    details.files = 3, details.folders = 2, details.others = 1, details.bytes = 12345, details.bytes_sent = 99;
    details.unreadable = 1, details.changed_while_read = 1, details.without_attributes = 2, details.hid_trusted = true;
    details.software = "farkeep 1";
    details.problems = {{"/etc/shadow", "permission denied"}};
  }
  Buffer seal() {
    const std::vector<Certificate> chain{certificate};
    return seal_manifest(statement, details, session_key(), keys(), random, key, chain);
  }
};

// The manifest, taken apart so that it can be changed.
struct Parts {
  archive::pb::SignedManifest m;
  archive::pb::Statement s;
  archive::pb::StatementBody b;

  explicit Parts(const Buffer& bytes) {
    REQUIRE(m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    REQUIRE(s.ParseFromString(m.statement()));
    REQUIRE(b.ParseFromString(s.body()));
  }
  Buffer join() {
    s.set_body(b.SerializeAsString());
    m.set_statement(s.SerializeAsString());
    return to_buffer(as_bytes(m.SerializeAsString()));
  }
  // As a data centre could that has certified a key of its own as the agent's.
  Buffer sign(const SigningKey& key) {
    join();
    m.set_signature(to_string(key.sign(as_bytes("farkeep/2/manifest" + m.statement()))));
    return to_buffer(as_bytes(m.SerializeAsString()));
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
  CHECK(m->format() == StatementFormat::bound);
  CHECK(m->is_bound_by(keys()));
  CHECK_FALSE(m->is_bound_by(KeyRing{counting_key(1)}));
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

  Parts parts{s.seal()};
  parts.b.set_sequence(2);
  CHECK(Manifest::parse(parts.join()).error() == Errc::malformed);
}

TEST_CASE("manifest: whatever is exchanged in it shows to whoever holds the root key, whoever signs it") {
  Scene s;
  Parts parts{s.seal()};
  SECTION("root") { parts.b.set_root(some_id(2).raw()); }
  SECTION("session") { parts.b.set_session(std::string(16, 's')); }
  SECTION("number") { parts.b.set_sequence(3); }
  SECTION("predecessor") { parts.b.set_previous(std::string(32, 'p')); }
  SECTION("time") { parts.b.set_time_ns(1); }
  SECTION("details") { parts.b.mutable_details()->push_back('x'); }
  SECTION("series") { parts.b.set_series(std::string(16, 's')); }
  SECTION("binding") { parts.s.set_binding(std::string(32, 'b')); }
  const Manifest m = Manifest::parse(parts.sign(s.key)).value();
  CHECK(m.verify(s.root.certificate(), kNow));
  CHECK_FALSE(m.is_bound_by(keys()));
}

TEST_CASE("manifest: a number or predecessor that cannot be is a refusal") {
  Scene s;
  Errc expected = Errc::malformed;
  SECTION("number zero") { s.statement.sequence = 0; }
  SECTION("a first one with a predecessor") { s.statement.sequence = 1; }
  SECTION("a second one without") { s.statement.previous = {}; }
  SECTION("beyond the last number") { s.statement.sequence = kLastSequence + 1, expected = Errc::too_large; }
  SECTION("after the last number there is") { s.statement.sequence = ~std::uint64_t{0}, expected = Errc::too_large; }
  try {
    s.seal();
    FAIL("made");
  } catch (const failure& f) {
    CHECK(f.code() == expected);
  }
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
  Parts parts{bytes};
  parts.b.set_sequence(3);
  CHECK(Manifest::parse(parts.join())->open_details(session_key()).error() == Errc::damaged);
}

TEST_CASE("manifest: another format is named as such, wrong sizes are malformed") {
  Scene s;
  Parts parts{s.seal()};
  auto& [m, st, body] = parts;
  Errc expected = Errc::malformed;
  SECTION("format") { st.set_format(3), expected = Errc::unsupported_version; }
  SECTION("no sequence") { body.set_sequence(0); }
  SECTION("account") { body.mutable_account()->pop_back(); }
  SECTION("root") { body.mutable_root()->push_back('x'); }
  SECTION("session") { body.clear_session(); }
  SECTION("nonce") { body.mutable_nonce()->pop_back(); }
  SECTION("series") { body.mutable_series()->push_back('x'); }
  SECTION("binding") { st.mutable_binding()->pop_back(); }
  SECTION("something outside of the body") { st.set_time_ns(1); }
  SECTION("details shorter than a tag") { body.mutable_details()->resize(15); }
  SECTION("signature") { m.mutable_signature()->pop_back(); }
  SECTION("no certificate") { m.clear_signer_chain(); }
  SECTION("a certificate that is none") { m.set_signer_chain(0, "x"); }
  SECTION("more certificates than a chain has") {
    for (int i = 0; i < 8; ++i) m.add_signer_chain(m.signer_chain(0));
    expected = Errc::too_large;
  }
  CHECK(Manifest::parse(parts.join()).error() == expected);
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
