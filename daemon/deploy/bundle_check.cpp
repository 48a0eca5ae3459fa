#include "bundle_check.hpp"

#include <algorithm>

#include "base/hex.hpp"
#include "crypto/certificate.hpp"
#include "crypto/digest.hpp"
#include "crypto/key_slot.hpp"
#include "wire/token_text.hpp"

namespace farkeep::deploy {
namespace {

class Checker {
 public:
  Checker(const BundleFiles& files, WallTime now, Random& random) : files_(files), now_(now), random_(random) {}

  std::vector<Finding> run() {
    manifest();
    if (exit_of(out_) != Exit::done) return out_;
    settings();
    authority();
    token();
    escrow();
    return out_;
  }

 private:
  void fine(std::string what, std::string text) { out_.push_back({std::move(what), std::move(text), {}}); }
  void bad(std::string what, Errc code, std::string text) { out_.push_back({std::move(what), std::move(text), code}); }
  const std::string* file(const std::string& name) const {
    auto const found = files_.find(name);
    return found == files_.end() ? nullptr : &found->second;
  }

  void manifest() {
    auto const* text = file(std::string{kManifest});
    auto parsed = text ? BundleManifest::parse(*text) : result<BundleManifest>{Errc::malformed};
    if (!parsed) return bad("manifest", Errc::damaged, "manifest is not one that farkeep-deploy wrote: copy the bundle again, or make it anew");
    facts_ = std::move(*parsed);
    for (auto const& [name, digest] : facts_.files) {
      auto const* there = file(name);
      if (!there)
        bad("manifest", Errc::damaged, name + " is missing: copy the bundle again, whole");
      else if (sha256(as_bytes(*there)) != digest)
        bad("manifest", Errc::damaged, name + " is not what the manifest says: it was changed or damaged; copy the bundle again, or make it anew");
    }
    for (auto const& [name, bytes] : files_)
      if (name != kManifest && !facts_.files.contains(name))
        bad("manifest", Errc::damaged, name + " is not in the manifest: take it out of the bundle, or make the bundle anew");
    for (const char* needed : {"agent.ini", "ca.pem", "install.sh"})
      if (!facts_.files.contains(needed)) bad("manifest", Errc::damaged, std::string{needed} + " is not in the manifest: make the bundle anew");
    if (out_.empty())
      fine("manifest", "bundle " + facts_.bundle + " of " + facts_.organisation + ": " + std::to_string(facts_.files.size()) +
                           " files as they were made by " + facts_.made_by);
  }

  void settings() {
    auto parsed = AgentConfig::parse(*file("agent.ini"), "agent.ini");
    for (auto const& e : parsed.errors) bad("settings", Errc::configuration, e.to_string());
    if (!parsed) return;
    agent_ = std::move(*parsed.value);
    if (!agent_->deployment || agent_->deployment->drifted())
      return bad("settings", Errc::configuration, "agent.ini does not have the digest of its own settings in [deployment]: make the bundle anew");
    std::string servers;
    for (auto const& s : agent_->servers) servers += (servers.empty() ? "" : ", ") + s.to_string();
    fine("settings", "agent.ini is right: " + std::to_string(agent_->jobs.size()) + " jobs, registration with " + servers);
  }

  void authority() {
    auto const ca = Certificate::from_pem(*file("ca.pem"));
    if (!ca) return bad("authority", Errc::configuration, "ca.pem is no certificate: take the data centre's ca.pem");
    auto const name = ca->name();
    if (!name || name->role != CertificateName::Role::ca || name->server)
      return bad("authority", Errc::configuration,
                 "ca.pem is not the root of Farkeep's data centres (" + ca->subject() + "): take the data centre's ca.pem");
    if (ca->not_before() > now_)
      return bad("authority", Errc::configuration, "ca.pem is valid from " + rfc3339(ca->not_before()) + " only: is this machine's clock right?");
    if (ca->not_after() <= now_)
      return bad("authority", Errc::configuration, "ca.pem expired at " + rfc3339(ca->not_after()) + ": take the data centre's new one");
    if (ca->not_after() - now_ < kSoon)
      return bad("authority", Errc::configuration,
                 "ca.pem expires at " + rfc3339(ca->not_after()) + ", within 30 days: take the data centre's new one");
    fine("authority", "ca.pem is valid until " + rfc3339(ca->not_after()) + ", SHA-256 " + ca->fingerprint().hex());
  }

  void token() {
    auto const* text = file("token");
    if (!text) return fine("token", "there is none: install.sh needs --token-file");
    std::string_view line = *text;
    if (line.ends_with('\n')) line.remove_suffix(1);
    auto const token = wire::parse_token_text(line);
    if (!token) return bad("token", Errc::bad_token, "token holds none: make the bundle anew");
    if (facts_.token_expires && *facts_.token_expires <= now_)
      return bad("token", Errc::bad_token, "the token expired at " + rfc3339(*facts_.token_expires) + ": make the bundle anew");
    fine("token", (facts_.token_expires ? "valid until " + rfc3339(*facts_.token_expires) : std::string{"how long it is valid is not known here"}) +
                      (facts_.token_uses ? ", for " + std::to_string(*facts_.token_uses) + " machines" : "") +
                      (token->servers.empty() ? "; it names no server: whichever answers at the addresses is given it (make it with a newer farkeep-server)" : "; for server " + token->servers.front().hex() + " alone"));
  }

  void escrow() {
    auto const* text = file("escrow.pub");
    bool const named = agent_ && !agent_->escrow_key_file.empty();
    if (!text && !named) return fine("escrow", "none: only a machine's own recovery key or passphrase recovers it");
    if (!text || (agent_ && !named))
      return bad("escrow", Errc::configuration, "agent.ini and the bundle do not agree on whether there is an escrow key: make the bundle anew");
    auto const key = EscrowPublicKey::from_pem(*text);
    if (!key) return bad("escrow", Errc::configuration, "escrow.pub is no X25519 public key: farkeep-deploy escrow create makes one");
    try {
      (void)seal_escrow_slot(random_.secret<32>(), *key, random_);
    } catch (const failure&) {
      return bad("escrow", Errc::configuration, "escrow.pub is a key to which nothing can be sealed: farkeep-deploy escrow create makes a right one");
    }
    fine("escrow", "key " + hex(key->view().first(4)) + " can be sealed to");
  }

  const BundleFiles& files_;
  WallTime now_;
  Random& random_;
  BundleManifest facts_;
  std::optional<AgentConfig> agent_;
  std::vector<Finding> out_;
};

}  // namespace

std::vector<Finding> check_bundle(const BundleFiles& files, WallTime now, Random& random) { return Checker{files, now, random}.run(); }

Exit exit_of(const std::vector<Finding>& findings) {
  for (Errc code : {Errc::damaged, Errc::bad_token, Errc::configuration})
    if (std::any_of(findings.begin(), findings.end(), [&](const Finding& f) { return f.problem == code; })) return exit_code(make_error_code(code));
  return Exit::done;
}

}  // namespace farkeep::deploy
